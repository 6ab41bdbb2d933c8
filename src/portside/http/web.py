"""What can be served at a conn, and answers requests: the base of a mux and of files.

In       a conn, or a request
Out      a served conn, or a response
Source   Go's http.Handler, which a mux and a file server are too
Holds    the settings
Fails    as what answers does
"""

from collections.abc import Callable
from typing import overload

from portside.http.connection import Connection
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.settings import HttpSettings
from portside.net import Conn
from portside.server.handlers import check_callable, handler_name

__all__ = ["Web", "WebHandler", "handler"]

WebHandler = Callable[[Request], Response]
"""Answers one request: returns a `Response`, or raises a `StatusError`."""


class Web:
    """Answers requests: a function of a conn, and of a request.

    As a function of a conn it can be served; as one of a request it can stand in a mux
    or be wrapped by another function, and then the settings of the outermost count.

    Attributes:
        settings: the limits and waits where it is served.
    """

    def __init__(self, settings: HttpSettings | None = None) -> None:
        if not isinstance(settings, HttpSettings | None):
            raise TypeError(f"settings are an HttpSettings, and not {settings!r}")
        self.settings = settings or HttpSettings()

    def respond(self, request: Request) -> Response:
        """Return the answer to a request."""
        raise NotImplementedError

    @overload
    def __call__(self, subject: Conn, /) -> None: ...
    @overload
    def __call__(self, subject: Request, /) -> Response: ...
    def __call__(self, subject: Conn | Request, /) -> Response | None:
        """Serve the requests that come on a conn, or answer one."""
        if isinstance(subject, Request):
            return self.respond(subject)
        Connection(subject, self.respond, self.settings).serve()
        return None


class _Function(Web):
    """One function, for every request."""

    def __init__(self, function: WebHandler, settings: HttpSettings | None) -> None:
        check_callable(function, "the request")
        super().__init__(settings)
        self.respond = function  # type: ignore[method-assign, assignment]
        self.__name__ = handler_name(function)


def handler(function: WebHandler, *, settings: HttpSettings | None = None) -> Web:
    """Return what serves a conn with a function of a request.

    >>> def hello(request):
    ...     return Response.text("Hello!")
    >>> web = handler(hello)

    Raises:
        HandlerError: it is no function of one argument.
        TypeError: the settings are none.
    """
    return _Function(function, settings)
