"""The mux: who answers what."""

import inspect
import threading
from typing import Any

import pytest

from portside import net
from portside.errors import HandlerError
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.message.status_error import StatusError
from portside.http.mux import Mux
from portside.http.pattern import PatternError
from portside.http.web import handler as web_handler
from portside.server import Server


def answering(text: str) -> Any:
    return lambda request: Response.text(text)


def mux_of(*texts: str) -> Mux:
    mux = Mux()
    for text in texts:
        mux.handle(text, answering(text))
    return mux


def ask(mux: Mux, method: str, target: str, host: str | None = None) -> tuple[int, str]:
    headers = {} if host is None else {"Host": host}
    answer = mux(Request.build(method, target, headers=headers))
    assert isinstance(answer.body, bytes)
    return answer.status, answer.headers.get("Location") or answer.body.decode()


# -- registering


def test_a_decorator_registers_a_function_and_leaves_it_as_it_is():
    mux = Mux()

    @mux.handle("GET /hello/{name}")
    @mux.handle("GET /hi/{name}")
    def hello(request: Request) -> Response:
        return Response.text(f"Hello, {request.path_values['name']}!")

    assert inspect.isfunction(hello)
    assert ask(mux, "GET", "/hello/Ada") == (200, "Hello, Ada!")
    assert ask(mux, "GET", "/hi/Ada") == (200, "Hello, Ada!")


def test_a_handler_may_be_given_at_once():
    mux = Mux()
    function = answering("it")
    assert mux.handle("/x", function) is function
    assert ask(mux, "GET", "/x") == (200, "it")


def test_whatever_takes_a_request_is_a_handler():
    class Greeter:
        def __init__(self, greeting: str) -> None:
            self.greeting = greeting

        def __call__(self, request: Request) -> Response:
            return Response.text(self.greeting)

        def bow(self, request: Request) -> Response:
            return Response.text("bows")

    mux = Mux()
    mux.handle("/object", Greeter("hello"))
    mux.handle("/method", Greeter("").bow)
    mux.handle("/web", web_handler(answering("web")))
    mux.handle("/mux/", mux_of("/mux/x"))
    assert ask(mux, "GET", "/object") == (200, "hello")
    assert ask(mux, "GET", "/method") == (200, "bows")
    assert ask(mux, "GET", "/web") == (200, "web")
    assert ask(mux, "GET", "/mux/x") == (200, "/mux/x")


async def later(request: Request) -> Response:
    return Response()


def of_nothing() -> Response:
    return Response()


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (later, "is an async def"),
        (of_nothing, "must take one argument, the request"),
        ("text", "of type str, not a function"),
    ],
)
def test_what_cannot_answer_is_refused_at_once(handler, reason):
    mux = Mux()
    with pytest.raises(HandlerError, match=reason):
        mux.handle("/x", handler)
    with pytest.raises(HandlerError, match=reason):
        mux.handle("/x")(handler)
    assert mux.routes == []


def test_what_is_no_pattern_is_refused_where_it_is_written():
    with pytest.raises(PatternError, match="bad name 'a-b'"):
        Mux().handle("/{a-b}")


def test_a_conflict_names_both_places_and_adds_nothing():
    mux = Mux()
    places = []
    mux.handle("GET /a/{x}", answering("old"))
    places.append(line_before())
    with pytest.raises(PatternError) as caught:
        mux.handle("GET /{y}/b", answering("new"))
    places.append(line_before())
    old, new = (f"{__file__}:{line}" for line in places)
    assert str(caught.value) == (
        f"pattern 'GET /{{y}}/b' ({new}): conflicts with 'GET /a/{{x}}' ({old}): "
        f"both match GET /a/b, and neither is more specific: the first alone matches "
        f"GET /y/b, the second alone GET /a/x"
    )
    assert ask(mux, "GET", "/a/b") == (200, "old")
    assert ask(mux, "GET", "/c/b")[0] == 404


def test_the_place_of_a_decorated_function_is_that_of_its_decorator():
    mux = Mux()

    @mux.handle("/x")
    def x(request: Request) -> Response:
        return Response()

    line = x.__code__.co_firstlineno  # the decorator's
    assert mux.routes[0].place == f"{__file__}:{line}"


def line_before() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno - 1


def test_the_routes_are_listed_by_host_then_path_then_method():
    mux = mux_of("b.com/", "POST /x", "/static/", "GET /x", "/{$}", "a.com/x", "/x")
    assert [str(pattern) for pattern in mux.routes] == [
        "/static/", "/x", "GET /x", "POST /x", "/{$}", "a.com/x", "b.com/",
    ]  # fmt: skip


# -- what a handler is told


def test_a_handler_is_told_the_pattern_and_the_values():
    told = {}

    def tell(request: Request) -> Response:
        told[request.pattern] = request.path_values
        return Response()

    mux = Mux()
    patterns = ("/plain", "/v/{a}/x/{b}", "/files/{path...}", "/open/", "h.com/{id}")
    for pattern in patterns:
        mux.handle(pattern, tell)
    for target in (
        "/plain",
        "/v/1/x/2",
        "/files/p/q%2Fr/",
        "/open/p",
        "http://h.com/7",
    ):
        assert ask(mux, "GET", target)[0] == 200
    assert told == {
        "/plain": {},
        "/v/{a}/x/{b}": {"a": "1", "b": "2"},
        "/files/{path...}": {"path": "p/q/r/"},
        "/open/": {},
        "h.com/{id}": {"id": "7"},
    }


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("/v/a%20b", "a b"),
        ("/v/a+b", "a+b"),
        ("/v/a%2Fb", "a/b"),
        ("/v/%2F", "/"),
        ("/v/gr%C3%B6%C3%9Fe", "größe"),
        ("/v/%FF", "\ufffd"),
        ("/v/%zz%", "%zz%"),
        ("/v/%252e", "%2e"),
        ("/v/..%2F..%2Fetc", "../../etc"),
        ("/v/a.b..c", "a.b..c"),
        ("/v/...", "..."),
        ("/v/%00", "\0"),
        ("/v/a;b=c", "a;b=c"),
    ],
)
def test_a_value_is_decoded_once_and_by_segment(target, value):
    mux = Mux()
    mux.handle("/v/{v}", lambda request: Response(request.path_values["v"]))
    assert ask(mux, "GET", target) == (200, value)


@pytest.mark.parametrize(
    ("pattern", "target"),
    [
        ("GET /a b/c", "/a%20b/c"),
        ("/a%20b/c", "/a%20b/c"),
        ("/größe", "/gr%C3%B6%c3%9fe"),
        ("/abc", "/%61b%63"),
        ("/a%2Fb", "/a%2fb"),
        ("/%7Bx%7D", "/{x}"),
        ("/%7Bx%7D", "/%7bx%7d"),
    ],
)
def test_a_literal_matches_what_reads_the_same(pattern, target):
    assert ask(mux_of(pattern), "GET", target) == (200, pattern)


def test_a_literal_with_a_slash_inside_is_no_two_segments():
    assert ask(mux_of("/a%2Fb"), "GET", "/a/b")[0] == 404
    assert ask(mux_of("/a/b"), "GET", "/a%2Fb")[0] == 404


def test_a_slash_inside_a_name_is_not_the_end_of_a_path():
    mux = mux_of("/a/{$}", "/a/{x}")
    assert ask(mux, "GET", "/a/") == (200, "/a/{$}")
    assert ask(mux, "GET", "/a/%2F") == (200, "/a/{x}")


# -- methods


def test_get_answers_head_too_unless_head_has_its_own():
    mux = mux_of("GET /a", "GET /b", "HEAD /b", "/c", "GET /c")
    assert ask(mux, "HEAD", "/a") == (200, "GET /a")
    assert ask(mux, "HEAD", "/b") == (200, "HEAD /b")
    assert ask(mux, "HEAD", "/c") == (200, "GET /c")
    assert ask(mux, "DELETE", "/c") == (200, "/c")


def test_another_method_is_told_those_that_there_are():
    mux = mux_of("PUT /a", "GET /a", "DELETE /{x}")
    answer = mux(Request.build("POST", "/a"))
    assert answer.status == 405
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, PUT"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_methods_are_case_sensitive():
    assert ask(mux_of("GET /a"), "get", "/a")[0] == 405


def test_options_of_a_path_is_a_method_like_others():
    mux = mux_of("GET /a", "OPTIONS /b")
    assert mux(Request.build("OPTIONS", "/a")).headers["Allow"] == "GET, HEAD"
    assert ask(mux, "OPTIONS", "/b") == (200, "OPTIONS /b")


def test_options_of_the_server_reaches_no_handler():
    mux = mux_of("OPTIONS /", "GET /a")
    answer = mux(Request.build("OPTIONS", "*"))
    assert (answer.status, answer.body) == (200, b"")
    assert ask(mux, "GET", "*")[0] == 400


def test_nothing_is_404_in_plain_text():
    answer = mux_of("/a")(Request.build("GET", "/b"))
    assert (answer.status, answer.body) == (404, b"404 Not Found\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_a_handler_raises_goes_on():
    def gone(request: Request) -> Response:
        raise StatusError(410, "it is no more")

    mux = Mux()
    mux.handle("/x", gone)
    with pytest.raises(StatusError, match="410"):
        mux(Request.build("GET", "/x"))


# -- hosts


HOSTS = mux_of("b.com/", "GET b.com/x", "/x", "/y", "[::1]/x")

HOST_ROWS = [
    ("GET", "/x", "b.com", "GET b.com/x"),
    ("POST", "/x", "b.com", "b.com/"),
    ("GET", "/x", "B.com:8080", "GET b.com/x"),
    ("GET", "/y", "b.com", "b.com/"),
    ("GET", "/x", "c.com", "/x"),
    ("GET", "/x", "sub.b.com", "/x"),
    ("GET", "/x", None, "/x"),
    ("GET", "/x", "[::1]:80", "[::1]/x"),
    # The target counts more than the field.
    ("GET", "http://b.com/y", "c.com", "b.com/"),
    ("GET", "http://c.com:80/y", "b.com", "/y"),
]


@pytest.mark.parametrize(("method", "target", "host", "pattern"), HOST_ROWS)
def test_a_host_is_matched_without_port_and_case(method, target, host, pattern):
    assert ask(HOSTS, method, target, host) == (200, pattern)


# -- redirects


REDIRECTS = mux_of(
    "/a/", "/a/b", "/c/{$}", "/e/{x}/d/", "POST /p/", "/f", "h.com/g/", "/t", "/t/"
)

REDIRECT_ROWS = [
    # One spelling of a path.
    ("GET", "//a/b", 301, "/a/b"),
    ("HEAD", "/a//b", 301, "/a/b"),
    ("GET", "/x/../a/./b", 301, "/a/b"),
    ("GET", "/a/%2e%2E/f", 301, "/f"),
    ("GET", "/a/b/..", 301, "/a/"),
    ("GET", "/nothing//here", 301, "/nothing/here"),
    ("GET", "/a//b?x=//..&y", 301, "/a/b?x=//..&y"),
    ("GET", "/a//b?", 301, "/a/b?"),
    # With the same method, where it matters.
    ("POST", "/a//b", 308, "/a/b"),
    ("DELETE", "/a/../f", 308, "/f"),
    # What is encoded stays so.
    ("GET", "/a//b%2Fc%20d", 301, "/a/b%2Fc%20d"),
    # A slash behind it.
    ("GET", "/a", 307, "/a/"),
    ("POST", "/a", 307, "/a/"),
    ("GET", "/a?x=1", 307, "/a/?x=1"),
    ("GET", "/c", 307, "/c/"),
    ("GET", "/e/any/d", 307, "/e/any/d/"),
    ("GET", "/e/a%20b/d", 307, "/e/a%20b/d/"),
    ("POST", "/p", 307, "/p/"),
    # Both at once.
    ("GET", "//a", 307, "/a/"),
    ("GET", "/x/..//c?q", 307, "/c/?q"),
]


@pytest.mark.parametrize(("method", "target", "status", "location"), REDIRECT_ROWS)
def test_there_is_one_spelling_of_a_path(method, target, status, location):
    answer = REDIRECTS(Request.build(method, target))
    assert (answer.status, answer.headers.get("Location")) == (status, location)


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("//evil.com/..", "/"),
        ("//evil.com/%2e%2e/f", "/f"),
        ("//evil.com", "/evil.com"),
        ("//evil.com/d", "/evil.com/d/"),
        ("///evil.com//d/", "/evil.com/d/"),
        ("/.//evil.com/", "/evil.com/"),
        ("/\\evil.com/d", "/%5Cevil.com/d/"),
        ("/\\evil.com//x", "/%5Cevil.com/x"),
        ("http://evil.com//a", "/a"),
        ("http://evil.com/a/d?//b.com", "/a/d/?//b.com"),
        ("http://evil.com//../?//b.com", "/?//b.com"),
    ],
)
def test_a_redirect_never_leads_to_another_server(target, location):
    answer = mux_of("/{x}/d/")(Request.build("GET", target))
    assert answer.headers["Location"] == location


@pytest.mark.parametrize(
    ("method", "target", "host", "status"),
    [
        ("GET", "/a/", None, 200),
        ("GET", "/a/x/y", None, 200),
        ("GET", "/f", None, 200),
        # Registered without a slash as well.
        ("GET", "/t", None, 200),
        # No route without it, for this method or host.
        ("GET", "/p", None, 405),
        ("GET", "/f/", None, 404),
        ("GET", "/g", "h.com", 307),
        ("GET", "/g", "i.com", 404),
    ],
)
def test_a_slash_is_added_only_where_it_helps(method, target, host, status):
    assert ask(REDIRECTS, method, target, host)[0] == status


def test_a_tunnel_is_asked_for_as_it_is_written():
    mux = mux_of("/a//b", "/{x...}")
    assert ask(mux, "CONNECT", "/a//b") == (200, "/a//b")
    assert ask(mux, "CONNECT", "/a/../b") == (200, "/{x...}")


@pytest.mark.parametrize("method", ["BREW", "CONNECT", "DESCRIBE", "GETS"])
def test_a_method_that_no_request_can_have_here_is_refused(method):
    with pytest.raises(PatternError, match=f"{method} is answered with 501"):
        mux_of(f"{method} /a")


@pytest.mark.parametrize("method", ["GET", "PURGE", "PROPFIND", "M-SEARCH", "TRACE"])
def test_a_method_that_a_request_can_have_is_taken(method):
    assert ask(mux_of(f"{method} /a"), method, "/a") == (200, f"{method} /a")


# -- asking without serving


def test_a_match_tells_the_handler_and_the_pattern_and_touches_nothing():
    mux = Mux()
    function = mux.handle("GET /{x}", answering("x"))
    request = Request.build("GET", "/7")
    assert mux.match(request) == (function, "GET /{x}")
    assert (request.pattern, request.path_values) == (None, {})


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/nothing", 404),
        ("PUT", "/p/", 405),
        ("GET", "//a/b", 301),
        ("GET", "/a", 307),
        ("OPTIONS", "*", 200),
    ],
)
def test_what_the_mux_answers_itself_has_no_pattern(method, target, status):
    request = Request.build(method, target)
    handler, pattern = REDIRECTS.match(request)
    assert (handler(request).status, pattern) == (status, None)


# -- a mux in a mux


def test_a_mux_in_a_mux_adds_its_values_to_those_around_it():
    told = []

    def tell(request: Request) -> Response:
        told.append((request.pattern, request.path_values))
        return Response()

    inner = Mux()
    inner.handle("GET /users/{id}/posts/{post}", tell)
    outer = Mux()
    outer.handle("/users/{user}/", inner)
    assert ask(outer, "GET", "/users/ada/posts/7")[0] == 200
    assert told == [
        (
            "GET /users/{id}/posts/{post}",
            {"user": "ada", "id": "ada", "post": "7"},
        )
    ]
    assert ask(outer, "GET", "/users/a%64a/posts/7")[0] == 200
    assert told[1] == told[0]
    assert ask(outer, "GET", "/users/ada/other")[0] == 404
    answer = outer(Request.build("POST", "/users/ada/posts/7"))
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


# -- while it serves


def test_a_route_that_is_added_later_counts_from_then_on():
    mux = mux_of("/a/{x}", "/a/")
    assert ask(mux, "GET", "/a/b") == (200, "/a/{x}")
    mux.handle("GET /a/b", answering("literal"))
    mux.handle("h.com/a/b", answering("host"))
    assert ask(mux, "GET", "/a/b") == (200, "literal")
    assert ask(mux, "POST", "/a/b") == (200, "/a/{x}")
    assert ask(mux, "GET", "/a/b", "h.com") == (200, "host")


def test_routes_may_be_added_while_other_threads_are_served():
    mux = mux_of("/", "GET /n/{x}")
    wrong: list[tuple[int, str]] = []
    done = threading.Event()

    def keep_asking() -> None:
        while not done.is_set():
            for n in range(0, 300, 7):
                answer = ask(mux, "GET", f"/n/{n}")
                if answer not in ((200, "GET /n/{x}"), (200, f"GET /n/{n}")):
                    wrong.append(answer)
                if ask(mux, "PUT", f"/n/{n}") != (200, "/"):
                    wrong.append((0, "PUT"))

    threads = [threading.Thread(target=keep_asking) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for n in range(300):
            mux.handle(f"GET /n/{n}", answering(f"GET /n/{n}"))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert ask(mux, "GET", "/n/299") == (200, "GET /n/299")


SERVED = mux_of("GET /hello/{name}", "POST /form", "/static/", "GET /{$}")


def test_a_mux_is_served_under_every_model(model):
    with Server(SERVED, "tcp://127.0.0.1:0", model=model) as server:
        with net.dial(server.address) as conn:
            conn.write(
                b"GET /hello/Ada HTTP/1.1\r\nHost: a\r\n\r\n"
                b"GET /form/../static?q HTTP/1.1\r\nHost: a\r\n\r\n"
                b"DELETE /form HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            )
            answers = conn.read_all(max_bytes=65536).decode("latin-1")
    first, second, third = answers.split("HTTP/1.1 ")[1:]
    assert first.startswith("200 ")
    assert first.endswith("\r\n\r\nGET /hello/{name}")
    assert second.startswith("307 ")
    assert "\r\nLocation: /static/?q\r\n" in second
    assert third.startswith("405 ")
    assert "\r\nAllow: POST\r\n" in third


def test_a_mux_where_packets_come_is_called_one():
    with pytest.raises(HandlerError, match="handler a mux: is a function of a conn"):
        Server(Mux(), "udp://127.0.0.1:0")
