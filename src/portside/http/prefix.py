"""Serve a handler below a path that it does not know of.

In       a prefix of paths, a handler
Out      a handler for the requests whose path begins so: it sees the rest
Source   Go's http.StripPrefix
Holds    the prefix, split
Fails    ValueError: no prefix; HandlerError: no handler

Where a handler looks at the path itself (files, another mux, an application) and stands
in a mux at ``/static/``, this takes ``/static`` away. Go's takes away any text at the
front; here whole segments are compared, decoded on both sides, so that ``/stat`` is no
prefix of ``/static``, and what is left begins with a slash. The request is copied: what
is around goes on to see the whole path. Its ``target`` stays as it came. The prefix
alone is ``/``, as with a slash behind it: where what is served has links relative to
itself, let a mux lead there by ``/static/``, which adds the slash.
"""

from urllib.parse import unquote

from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.web import WebHandler
from portside.server.handlers import check_callable

__all__ = ["strip_prefix"]


def strip_prefix(prefix: str, handler: WebHandler) -> WebHandler:
    """Return a handler that hands requests on without the beginning of their path.

    What does not begin so is not found (404).

    >>> def where(request):
    ...     return Response.text(request.path)
    >>> strip_prefix("/static", where)(Request.build("GET", "/static/a.css")).body
    b'/a.css'

    Args:
        prefix: whole segments; a slash at the end means nothing.

    Raises:
        ValueError: the prefix does not begin with a slash.
        HandlerError: the handler cannot be called with a request.
    """
    if not prefix.startswith("/"):
        raise ValueError(f"prefix {prefix!r}: does not begin with /")
    check_callable(handler, "the request")
    expected = [unquote(each) for each in prefix.rstrip("/").split("/")]
    n = len(expected)

    def strip(request: Request) -> Response:
        segments = request.raw_path.split("/")
        if [unquote(each) for each in segments[:n]] != expected:
            return Response.error(404)
        return handler(request.with_path("/" + "/".join(segments[n:])))

    return strip
