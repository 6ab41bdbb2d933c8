"""What can be served, and answers requests: at a conn, inside another, and alone."""

import functools

import pytest

from portside import Server, net, timeout
from portside.errors import HandlerError
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.message.status_error import StatusError
from portside.http.settings import HttpSettings
from portside.http.web import Web, WebHandler, handler
from portside.server import Service
from portside.server.handlers import handler_name
from tests.http.peer import peer
from tests.http.talking import get


def hello(request: Request) -> Response:
    return Response.text(f"Hello, {request.path}!")


def logged(inner: WebHandler) -> WebHandler:
    """As middleware is written: from handler to handler."""

    def around(request: Request) -> Response:
        response = inner(request)
        response.headers["X-Logged"] = "1"
        return response

    return around


class Echo(Web):
    """One that somebody has written."""

    def respond(self, request: Request) -> Response:
        return Response(request.body.read_all())


def served(web: Web, request: bytes) -> bytes:
    """Return what a conn with this request comes to."""
    near, far = net.pipe()
    with near, far, timeout(9):
        far.write(request)
        far.close_write()
        assert web(near) is None
        near.close_write()
        return far.read_all()


def test_a_request_is_answered_without_a_wire():
    response = handler(hello)(Request.build("GET", "/a"))
    assert response.body == b"Hello, /a!"


def test_a_conn_is_served_to_its_end():
    sent = served(handler(hello), get("/a") + get("/b"))
    assert sent.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert sent.endswith(b"\r\n\r\nHello, /b!")


def test_what_is_served_is_served_under_every_model(model):
    with Server(handler(hello), "tcp://127.0.0.1:0", model=model) as server:
        for _ in range(2):
            with peer(server.address) as client:
                assert client.ask(get("/a")).body == b"Hello, /a!"
                assert client.ask(get("/b")).body == b"Hello, /b!"


def test_a_class_of_its_own_answers_and_serves():
    web = Echo()
    request = Request.build("POST", "/", body=b"abc")
    assert web(request).body == b"abc"
    assert served(web, get(method="POST")).startswith(b"HTTP/1.1 200 OK\r\n")
    assert Service(stream=web).stream is web


def test_who_writes_one_says_how_it_answers():
    with pytest.raises(NotImplementedError):
        Web()(Request.build("GET", "/"))


def test_one_may_stand_in_another_and_be_wrapped():
    web = handler(logged(handler(logged(hello))))
    response = web(Request.build("GET", "/a"))
    assert response.body == b"Hello, /a!"
    assert response.headers.get_all("X-Logged") == ["1"]


def test_the_settings_of_the_outermost_count():
    inner = handler(hello, settings=HttpSettings(max_target_bytes=10))
    outer = handler(inner, settings=HttpSettings(max_target_bytes=20))
    assert b" 200 OK" in served(outer, get("/" + "a" * 15))
    assert b" 414 URI Too Long" in served(inner, get("/" + "a" * 15))
    assert b" 414 URI Too Long" in served(outer, get("/" + "a" * 25))


@pytest.mark.parametrize("settings", [{"max_body_bytes": 5}, HttpSettings, 3])
def test_settings_are_settings(settings):
    with pytest.raises(TypeError, match="settings are an HttpSettings"):
        handler(hello, settings=settings)


def test_without_settings_the_defaults_hold():
    assert handler(hello).settings == Web().settings == HttpSettings()


def test_what_a_handler_raises_goes_through_to_who_asks_without_a_wire():
    def refuse(request: Request) -> Response:
        raise StatusError(404)

    with pytest.raises(StatusError):
        handler(refuse)(Request.build("GET", "/"))


def test_a_handler_is_known_by_the_name_of_its_function():
    assert handler_name(handler(hello)) == "hello"
    assert "hello" in handler_name(handler(functools.partial(hello)))


async def coroutine(request: Request) -> Response:
    return Response.text("")


def generator(request: Request):
    yield Response.text("")


def no_request() -> Response:
    return Response.text("")


def too_much(request: Request, more: int) -> Response:
    return Response.text("")


class Shop:
    async def __call__(self, request: Request) -> Response:
        return Response.text("")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (coroutine, "is an async def"),
        (Shop(), "is an async def"),
        (generator, "is a generator"),
        (no_request, "must take one argument, the request"),
        (too_much, "must take one argument, the request"),
        (Response.text(""), "not a function"),
        (None, "not a function"),
        ("hello", "not a function"),
    ],
    ids=["async", "async call", "generator", "none", "two", "response", "None", "text"],
)
def test_what_cannot_answer_is_refused_before_it_is_served(function, reason):
    with pytest.raises(HandlerError, match=reason):
        handler(function)
