"""Send each request to the handler whose pattern fits it best.

In       patterns with handlers, then requests
Out      what the handler answers; or a redirect to the path's one spelling, 404, or 405
         with the methods that there are
Source   Go 1.22's ServeMux; RFC 9110 sections 9.3.7 (``OPTIONS *``), 10.2.1 (Allow),
         15.4 (redirects)
Holds    the routes
Fails    PatternError at registration: no pattern, or one that conflicts with another;
         HandlerError: what cannot be called with a request

The order of registration does not count: see `precedence`. What a pattern is:
`pattern`.

Before it is looked up a path is cleaned (`clean_path`), and a request for an unclean
one is sent to the clean one: so no handler meets a ``..`` as a segment, and what looks
at paths further out sees the ones that count. What a name in braces stands for can
still hold anything, a slash or dots too: ``/files/..%2Fx`` fits ``/files/{name}`` with
``../x``.

The redirects go to a path of this server, never to what stands in the request's: it
would be easy to have ``//evil.com`` or ``/\\evil.com`` taken for a host. To a clean
path it is a permanent one: 301, as Go has it; for other methods than GET and HEAD it is
308, as many clients make a GET of a POST that is answered with 301. To a path with a
slash it is 307, as in Go since 1.26: it holds only until somebody registers the path
without.
"""

from collections.abc import Callable
from sys import _getframe
from typing import Any, TypeVar, overload
from urllib.parse import quote, unquote

from portside.http.clean_path import clean_path
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.pattern import Pattern, PatternError, parse_pattern
from portside.http.routes import Routes
from portside.http.settings import HttpSettings
from portside.http.web import Web, WebHandler
from portside.http.wire.request_line import knows_method
from portside.server.handlers import check_callable

__all__ = ["Mux"]

HandlerType = TypeVar("HandlerType", bound=Callable[[Request], Response])

# What RFC 3986 section 3.3 lets stand in a path, and "%", as it is encoded already.
_PATH_CHARACTERS = "/%:@!$&'()*+,;=~"


class Mux(Web):
    """Serves each request with the handler whose pattern is the most specific.

    >>> mux = Mux()
    >>> @mux.handle("GET /hello/{name}")
    ... def hello(request):
    ...     return Response.text(f"Hello, {request.path_values['name']}!")
    >>> mux(Request.build("GET", "/hello/Ada")).body
    b'Hello, Ada!'

    A mux can stand in another one; what it finds in the path is added to what the other
    one found. Routes may be added while requests are served, by one thread at a time:
    a request is served by the routes of before or of after. Under a model that forks,
    a process that adds one has it for itself.
    """

    def __init__(self, settings: HttpSettings | None = None) -> None:
        super().__init__(settings)
        self.__name__ = "a mux"  # what logs and errors call it
        self._routes = Routes()

    # -- registering

    @overload
    def handle(self, pattern: str) -> Callable[[HandlerType], HandlerType]: ...
    @overload
    def handle(self, pattern: str, handler: HandlerType) -> HandlerType: ...
    def handle(self, pattern: str, handler: Any = None) -> Any:
        """Have a handler answer the requests that match a pattern.

        Without a handler it decorates one. The handler is returned as it was given.

        Raises:
            PatternError: it is no pattern, or no request with its method can come, or
                it and another one would both match some request and neither is more
                specific.
            HandlerError: the handler cannot be called with a request.
        """
        caller = _getframe(1)
        parsed = parse_pattern(
            pattern, f"{caller.f_code.co_filename}:{caller.f_lineno}"
        )
        method = parsed.method
        if method == "CONNECT" or (method and not knows_method(method)):
            raise PatternError(
                f"pattern {pattern!r}: can never match: a request with {method} "
                f"is answered with 501 before it comes here"
            )

        def register(function: HandlerType) -> HandlerType:
            check_callable(function, "the request")
            self._routes.add(parsed, function)
            return function

        return register if handler is None else register(handler)

    @property
    def routes(self) -> list[Pattern]:
        """The patterns, by host, then by path, then by method."""
        patterns = (route.pattern for route in self._routes.all)
        return sorted(patterns, key=lambda each: (each.host, each.path, each.method))

    # -- serving

    def match(self, request: Request) -> tuple[WebHandler, str | None]:
        """Return who would answer a request, and the pattern that says so.

        There is no pattern where the mux itself answers, be it with a redirect: whoever
        decides by the pattern who may come in decides about this request, not the next.
        """
        handler, pattern, _ = self._resolve(request)
        return handler, pattern

    def respond(self, request: Request) -> Response:
        """Have the request answered; its pattern and path values are set before."""
        # This is `_resolve` for what most requests are, without what they do not need.
        path, method, routes = request.raw_path, request.method, self._routes
        if not routes.hosts and (node := routes.literals.get(path)) is not None:
            route = node.routes.get(method) or node.routes.get("")
            if route is not None:
                request.pattern = route.text
                return route.handler(request)
        if not ("%" in path or "//" in path or "/." in path or path == "*"):
            segments = path.split("/")
            host = request.host
            route = routes.find(method, host, segments)
            if route is not None and not (
                route.takes_rest and routes.wants_slash(method, host, segments)
            ):
                request.pattern = route.text
                if route.has_values:
                    values = route.values(segments)
                    # Those of a mux around this one stay.
                    around = request.path_values
                    request.path_values = {**around, **values} if around else values
                return route.handler(request)
        handler, request.pattern, values = self._resolve(request)
        if values:
            request.path_values = {**request.path_values, **values}
        return handler(request)

    def _resolve(
        self, request: Request
    ) -> tuple[WebHandler, str | None, dict[str, str]]:
        """Return who answers, by which pattern, and what its names stand for."""
        raw_path, method, routes = request.raw_path, request.method, self._routes
        if raw_path == "*":
            return _answer_asterisk, None, {}
        # CONNECT is for a tunnel; whatever its path is means what it is (as in Go).
        path = raw_path if method == "CONNECT" else clean_path(raw_path)
        segments = path.split("/")
        if "%" in path:
            segments = [unquote(each, errors="replace") for each in segments]
        host = request.host
        route = routes.find(method, host, segments)
        if (route is None or route.takes_rest) and routes.wants_slash(
            method, host, segments
        ):
            return _redirect(307, f"{path}/"), None, {}
        if path != raw_path:
            status = 301 if method in ("GET", "HEAD") else 308
            return _redirect(status, path), None, {}
        if route is not None:
            return route.handler, route.text, route.values(segments)
        methods = routes.methods(host, segments)
        return (_refuse_method(methods) if methods else _find_nothing), None, {}


def _redirect(status: int, path: str) -> WebHandler:
    def redirect(request: Request) -> Response:
        # What somebody stripped from the path has to be in front of it again.
        whole = quote(clean_path(_stripped(request) + path), safe=_PATH_CHARACTERS)
        _, mark, query = request.target.partition("?")
        return Response.redirect(f"{whole}{mark}{query}", status)

    return redirect


def _stripped(request: Request) -> str:
    """Return what the target's path has in front of the request's; "" if none of it."""
    path = request.target.partition("?")[0]
    if not path.startswith("/"):  # http://host/path
        path = "/" + path.partition("://")[2].partition("/")[2]
    raw_path = request.raw_path
    return path[: -len(raw_path)] if path.endswith(raw_path) else ""


def _answer_asterisk(request: Request) -> Response:
    """Answer what is asked of the server as a whole: only OPTIONS can be."""
    return Response() if request.method == "OPTIONS" else Response.error(400)


def _find_nothing(request: Request) -> Response:
    return Response.error(404)


def _refuse_method(methods: list[str]) -> WebHandler:
    def refuse(request: Request) -> Response:
        response = Response.error(405)
        response.headers["Allow"] = ", ".join(methods)
        return response

    return refuse
