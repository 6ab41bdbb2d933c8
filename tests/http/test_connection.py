"""The requests of one conn: each is answered, whatever its handler does."""

import json
import logging
from collections.abc import Callable

import pytest

from portside import net
from portside.engine import Event, timeout
from portside.errors import DeadlineError, RefusedError, ResetError
from portside.http.message.headers import Headers
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.message.status_error import RequestError, StatusError
from portside.http.web import handler
from tests.http.talking import get, talking

TEXT = b"text/plain; charset=utf-8"


@pytest.fixture
def errors(caplog):
    """The errors that were logged, as text."""
    return lambda: [
        record for record in caplog.records if record.levelno >= logging.WARNING
    ]


def hello(request: Request) -> Response:
    return Response.text(f"{request.method} {request.target}")


def test_a_subclass_may_say_more_in_its_headers():
    class Guarded(Response):
        @property  # type: ignore[misc]
        def headers(self) -> Headers:
            headers = super().headers.copy()
            headers["X-Frame-Options"] = "DENY"
            return headers

    with talking(lambda request: Guarded("x")) as client:
        assert client.ask(get("/")).one(b"x-frame-options") == b"DENY"


# -- in order


def test_requests_are_answered_one_after_the_other():
    with talking(hello) as client:
        for target in ("/a", "/b?c", "/a"):
            answer = client.ask(get(target))
            assert (answer.status, answer.body) == (200, f"GET {target}".encode())
            assert not answer.closes


def test_requests_that_came_together_are_answered_in_their_order():
    with talking(hello) as client:
        client.conn.write(b"".join(get(f"/{n}") for n in range(100)))
        for n in range(100):
            assert client.answer().body == f"GET /{n}".encode()


def test_a_client_that_ends_its_side_still_gets_its_answers():
    with talking(hello) as client:
        client.conn.write(get("/a") + get("/b"))
        client.conn.close_write()
        assert [client.answer().body for _ in "ab"] == [b"GET /a", b"GET /b"]
        client.assert_end()


def test_an_answer_may_be_given_again_and_again():
    constant = Response.text("same")
    with talking(lambda request: constant) as client:
        for _ in range(3):
            assert client.ask(get()).body == b"same"
        assert constant.headers.items() == [("Content-Type", TEXT.decode())]


def test_an_answer_may_be_of_a_class_of_its_own(errors):
    class Teapot(Response):
        pass

    with talking(lambda request: Teapot("short", status=418)) as client:
        assert client.ask(get()).status == 418
    assert errors() == []


def test_a_handler_sees_where_a_request_came_from():
    seen = []

    def look(request: Request) -> Response:
        seen.append((request.remote_address, request.local_address))
        return Response.text("")

    with talking(look) as client:
        client.ask(get())
        assert seen == [(client.served.remote_address, client.served.local_address)]


def test_what_a_handler_does_to_the_fields_of_one_request_is_not_in_the_next():
    def change(request: Request) -> Response:
        response = Response.text(str(request.headers.items()))
        request.headers.add("X-Mine", "1")
        request.path_values["a"] = "b"
        return response

    with talking(change) as client:
        first = client.ask(get())
        assert client.ask(get()).body == first.body


# -- a handler that fails


def test_a_handler_that_fails_is_a_500_and_logged_once(errors):
    def fail(request: Request) -> Response:
        if request.target == "/again":
            return Response.text("fine")
        raise LookupError("secret")

    with talking(fail) as client:
        answer = client.ask(get("/a?b"))
        assert (answer.status, answer.body) == (500, b"500 Internal Server Error\n")
        assert answer.one(b"x-content-type-options") == b"nosniff"
        assert not answer.closes
        client.assert_goes_on()
    (record,) = errors()
    assert record.name == "portside.http"
    assert record.getMessage() == "GET /a?b of pipe: handler failed"
    assert record.exc_info[0] is LookupError


@pytest.mark.parametrize("value", [None, b"bytes", "text", 404, ("a", 200)], ids=str)
def test_what_is_no_response_is_a_500_and_logged_once(errors, value):
    with talking(
        lambda request: value if request.target == "/" else Response.text("fine")
    ) as client:
        answer = client.ask(get())
        assert (answer.status, answer.body) == (500, b"500 Internal Server Error\n")
        client.assert_goes_on()
    (record,) = errors()
    assert f"returned {value!r}, and not a Response" in record.getMessage()


def test_an_error_with_a_status_is_the_answer_and_not_logged(errors):
    def refuse(request: Request) -> Response:
        if request.target == "/again":
            return Response.text("fine")
        raise StatusError(429, "slowly", headers={"Retry-After": "9"})

    with talking(refuse) as client:
        answer = client.ask(get())
        assert answer.status == 429
        assert answer.body == b"429 Too Many Requests: slowly\n"
        assert answer.one(b"retry-after") == b"9"
        assert answer.one(b"content-type") == TEXT
        client.assert_goes_on()
    assert errors() == []


def test_the_fields_of_an_error_replace_those_of_the_answer():
    def refuse(request: Request) -> Response:
        raise StatusError(503, headers={"content-type": "text/x-sorry"})

    with talking(refuse) as client:
        assert client.ask(get()).one(b"content-type") == b"text/x-sorry"


UNSAYABLE: dict[str, Callable[[], object]] = {
    "a field that would end its line": lambda: StatusError(404, headers={"A": "\r\n"}),
    "a name of a field that is none": lambda: StatusError(404, headers={"A B": "c"}),
    "text that is no UTF-8": lambda: StatusError(404, "\ud800"),
    "an answer that is no UTF-8": lambda: Response.text("\ud800"),
    "a status that is none": lambda: Response.text("", status=1000),
}


@pytest.mark.parametrize("name", UNSAYABLE)
def test_what_cannot_be_said_is_a_500_and_logged_once(errors, name):
    """What a client sends may be in its message: in JSON it can send half a pair."""

    def refuse(request: Request) -> Response:
        if request.target == "/again":
            return Response.text("fine")
        said = UNSAYABLE[name]()
        if isinstance(said, StatusError):
            raise said
        assert isinstance(said, Response)
        return said

    with talking(refuse) as client:
        assert client.ask(get()).status == 500
        client.assert_goes_on()
    assert len(errors()) == 1


@pytest.mark.parametrize(
    "response",
    [
        Response(b"abc", headers={"Content-Length": "5"}),
        Response(b"abc", headers={"Transfer-Encoding": "chunked"}),
        Response(b"abc", status=204),
    ],
    ids=["length", "coding", "no body"],
)
def test_an_answer_that_is_not_what_it_says_is_a_500(errors, response):
    with talking(lambda request: response) as client:
        answer = client.ask(get())
        assert (answer.status, answer.body) == (500, b"500 Internal Server Error\n")
        assert answer.closes
        client.assert_end()
    assert len(errors()) == 1


@pytest.mark.parametrize("name", ["GET", "HEAD"])
def test_an_error_to_a_head_has_no_body(name):
    def refuse(request: Request) -> Response:
        raise StatusError(404)

    with talking(refuse) as client:
        answer = client.ask(get(method=name), to_head=name == "HEAD")
        assert (answer.status, answer.one(b"content-length")) == (404, b"14")
        assert client.ask(get()).status == 404


# -- whose failure it is


def test_a_client_that_has_gone_is_told_to_the_server_and_not_logged_here(errors):
    near, far = net.pipe()

    def read(request: Request) -> Response:
        assert request.body.read() == b"x"
        far.abort()
        request.body.read()
        return Response.text("never")

    with near, far:
        far.write(get("/", "Content-Length: 9") + b"x")
        with pytest.raises(ResetError):
            handler(read)(near)
    assert errors() == []


@pytest.mark.parametrize("kind", [RefusedError, ResetError])
def test_another_peer_that_has_gone_is_a_failure_of_the_handler(errors, kind):
    """An upstream is no client, though its errors look the same."""

    def ask_upstream(request: Request) -> Response:
        raise kind(op="read", network="pipe", remote="pipe")

    with talking(ask_upstream) as client:
        assert client.ask(get()).status == 500
    assert len(errors()) == 1


def test_a_block_in_a_handler_whose_time_is_over_is_a_failure_of_the_handler(errors):
    is_over = Event()

    def wait(request: Request) -> Response:
        if request.target == "/again":
            return Response.text("fine")
        try:
            with timeout(0.01):
                request.body.read_all()
        finally:
            is_over.set()
        return Response.text("never")

    with talking(wait) as client:
        client.conn.write(get("/", "Content-Length: 5", method="POST") + b"he")
        is_over.wait()
        client.conn.write(b"llo")
        assert client.answer().status == 500
        client.assert_goes_on()
    assert len(errors()) == 1


# -- a request that is refused


@pytest.mark.parametrize("before", [0, 1, 3])
def test_what_is_no_request_is_refused_and_nothing_behind_it_is_read(errors, before):
    seen: list[str] = []

    def note(request: Request) -> Response:
        seen.append(request.target)
        return Response.text("")

    with talking(note) as client:
        client.conn.write(get("/a") * before + b"GET / HTTP/1.1\r\n\r\n" + get("/b"))
        for _ in range(before):
            assert client.answer().status == 200
        answer = client.answer()
        assert (answer.status, answer.body) == (400, b"400 Bad Request: no Host\n")
        assert answer.closes
        client.assert_end()
    assert seen == ["/a"] * before
    assert errors() == []


@pytest.mark.parametrize("is_caught", [False, True])
def test_behind_a_broken_body_nothing_is_read(errors, is_caught):
    """Whether the handler lets the refusal through or makes its own answer."""
    seen: list[str] = []

    def read(request: Request) -> Response:
        seen.append(request.target)
        try:
            return Response(request.body.read_all())
        except RequestError as refusal:
            if not is_caught:
                raise
            return Response.text(f"caught {refusal.status}")

    with talking(read) as client:
        head = get("/a", "Transfer-Encoding: chunked", method="POST")
        answer = client.ask(head + b"5\r\nhelloX\r\n0\r\n\r\n" + get("/b"))
        assert answer.status == (200 if is_caught else 400)
        assert answer.closes
        client.assert_end()
    assert seen == ["/a"]
    assert errors() == []


def test_a_file_that_is_answered_again_and_again_is_each_time_whole(tmp_path):
    """What one client wants of it is nothing to the next."""
    (tmp_path / "v").write_bytes(b"0123456789")
    kept = Response.file(tmp_path / "v")
    with talking(lambda request: kept) as client:
        assert client.ask(get("/", "Range: bytes=0-0")).body == b"0"
        assert client.ask(get("/", "If-None-Match: *")).status == 304
        answer = client.ask(get("/"))
        assert (answer.status, answer.body) == (200, b"0123456789")


def test_a_response_that_was_spoilt_is_a_500_and_logged_once(errors):
    def spoil(request: Request) -> Response:
        response = Response.upgrade("echo", print)
        del response.headers["Upgrade"]
        return response

    with talking(spoil) as client:
        assert client.ask(get("/")).status == 500
    assert len(errors()) == 1


def test_the_access_log_says_why_an_answer_was_none(caplog):
    def fail(request: Request) -> Response:
        request.user = "ada"
        if request.path == "/stream":
            return Response.stream(iter([b"a", 5]))  # type: ignore[arg-type]
        raise StatusError(404, "no such user")

    caplog.set_level(logging.INFO, "portside.http.access")
    with talking(fail, access_log="json") as client:
        client.ask(get("/"))
        client.conn.write(get("/stream"))
        with pytest.raises(ResetError):
            while client.conn.read():
                pass
    told = [
        json.loads(each.getMessage())
        for each in caplog.records
        if each.name == "portside.http.access"
    ]
    assert [each["error"] for each in told] == [
        "no such user",
        "a piece of type int: a body is made of bytes",
    ]
    assert {each["user"] for each in told} == {"ada"}


def test_the_access_log_counts_no_bytes_of_the_answer_before(caplog):
    def answer(request: Request) -> Response:
        if request.upgrade:
            return Response.upgrade("echo", lambda conn: None)
        return Response(b"four")

    caplog.set_level(logging.INFO, "portside.http.access")
    with talking(answer, access_log="json") as client:
        client.ask(get("/"))
        client.conn.write(get("/", "Connection: upgrade", "Upgrade: echo"))
        while client.conn.read():
            pass
    told = [json.loads(each.getMessage()) for each in caplog.records]
    assert [(each["status"], each["sent_bytes"]) for each in told] == [
        (200, 4),
        (101, 0),
    ]


def test_what_is_read_behind_the_last_answer_was_never_declared_idle():
    served, conn = net.pipe()
    with served, conn, timeout(10):
        conn.write(get("/", "Connection: close"))
        handler(hello)(served)
        served.drain()
        with pytest.raises(DeadlineError), timeout(0.01):
            served.read()
