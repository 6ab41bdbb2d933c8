"""The handler that the raw requests talk to: it tells what it understood.

In       a function that is told each target that was served
Out      a handler: its answer is ``METHOD target``, then what the path asks for, the
         body and the trailers; all as they came
Holds    nothing
"""

from collections.abc import Callable

from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.message.status_error import StatusError

__all__ = ["make_app"]


def make_app(note: Callable[[str], object]) -> Callable[[Request], Response]:
    """Return a handler; note is called with each target that it gets."""

    def app(request: Request) -> Response:
        note(request.target)
        return _answer(request)

    return app


def _answer(request: Request) -> Response:
    path = request.path
    said = f"{request.method} {request.target}".encode()
    if path == "/unread":
        return Response(said)
    if path == "/refuse":
        raise StatusError(401, "not you")
    if path == "/missing":
        raise StatusError(404)
    if path == "/fail":
        raise RuntimeError("planned")
    if path == "/no-content":
        return Response(status=204)
    if path == "/not-modified":
        return Response(status=304)
    if path == "/stream":
        return Response.stream(iter([said[:5], b"", said[5:]]))
    if path == "/inject":
        return Response(said, headers={"X-A": "a\r\nX-B: b"})
    if path == "/outside":
        return Response(said, headers={"X-A": "\u2028"})
    if path == "/status":
        return Response(said, status=1000)
    if path == "/host":
        said += f" host={request.host}".encode()
    if path == "/fields":
        values = request.headers.get_all("X-A")
        said += b" x-a=" + "|".join(values).encode("latin-1")
    if path.startswith("/path"):
        said += f" path={path} query={request.raw_query}".encode()
    body = request.body.read_all()
    if body:
        said += b" body=" + body
    for name, value in request.body.trailers.items():
        said += f" trailer={name}:{value}".encode("latin-1")
    response = Response(said)
    if path == "/close":
        response.headers["Connection"] = "close"
    return response
