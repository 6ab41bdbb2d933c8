"""What a handler does twice, late or wrong: its own client hears, and no other."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from portside import net
from portside.engine import sleep, timeout
from portside.errors import DeadlineError, Error, ResetError
from portside.http.directory import files
from portside.http.message.file_body import FileBody
from portside.http.message.headers import Headers
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.message.status_error import RequestError, StatusError
from portside.http.prefix import strip_prefix
from portside.http.web import handler
from tests.http.talking import PATIENCE, get, talking

BIG = 1 << 20
SOON = 0.05
"""Seconds for which these handlers wait, where they are to be ended."""


def post(body: bytes, *lines: str) -> bytes:
    fields = "".join(f"{line}\r\n" for line in lines)
    length = f"Content-Length: {len(body)}\r\n"
    return f"POST / HTTP/1.1\r\nHost: x\r\n{fields}{length}\r\n".encode() + body


# -- an answer with a file is returned again


@pytest.fixture
def cached(tmp_path: Path) -> Iterator[Callable[[Request], Response]]:
    """Two files, and a cache in front of their directory."""
    for name in "AB":
        (tmp_path / name).write_bytes(name.encode() * BIG)
    directory = files(tmp_path)
    kept: dict[str, Response] = {}

    def respond(request: Request) -> Response:
        if request.path not in kept:
            kept[request.path] = directory.respond(request)
        return kept[request.path]

    yield respond
    kept.clear()
    directory.close()


def test_an_answer_with_a_file_may_be_given_again(cached):
    with talking(cached) as client:
        assert client.ask(get("/A", "Range: bytes=0-1")).body == b"AA"
        for _ in range(2):
            answer = client.ask(get("/A"))
            assert (answer.status, answer.body) == (200, b"A" * BIG)


def test_a_file_that_is_sent_to_one_stays_open_when_another_has_it_all(cached):
    """Else its number is that of the next file, whose bytes would go on instead."""
    with talking(cached) as slow, talking(cached) as quick:
        slow.conn.write(get("/A"))
        slow.conn.peek(1)  # it has begun, and waits for us to read
        assert quick.ask(get("/A", "Range: bytes=0-1")).body == b"AA"
        assert quick.ask(get("/B")).body == b"B" * BIG
        assert slow.answer().body == b"A" * BIG


def test_a_file_that_its_handler_has_closed_is_its_fault(tmp_path, caplog):
    (tmp_path / "a").write_bytes(b"x")
    directory = files(tmp_path)

    def respond(request: Request) -> Response:
        response = directory.respond(request)
        assert isinstance(response.body, FileBody)
        response.body.close()
        return response

    with talking(respond) as client:
        assert client.ask(get("/a")).status == 500
    directory.close()
    assert "was closed before it was sent" in caplog.text


# -- what a response says is changed afterwards


def changed(**attributes: Any) -> Response:
    response = Response.text("hello")
    for name, value in attributes.items():
        setattr(response, name, value)
    return response


@pytest.mark.parametrize(
    "attributes",
    [
        {"status": "204"},
        {"status": "200\r\nX-Injected: 1"},
        {"status": None},
        {"status": 999},
        {"status": 200.5},
        {"headers": {"X-A": "1\r\nX-Injected: 1"}},
        {"headers": {"X-A": "\u20ac"}},
        {"bare_type": "text/html\r\nX-Injected: 1"},
        {"body": 5},
        {"body": {"a": 1}},
    ],
    ids=str,
)
def test_what_cannot_be_sent_is_a_500_and_nothing_of_it_leaves(attributes):
    with talking(lambda request: changed(**attributes)) as client:
        answer = client.ask(get())
        assert answer.status == 500
        assert b"x-injected" not in answer.fields


@pytest.mark.parametrize("status", [None, "204", 999])
def test_a_stream_with_no_status_is_a_500_also_where_the_request_has_a_body(status):
    def respond(request: Request) -> Response:
        response = Response.stream(iter([b"x"]))
        response.status = status
        return response

    with talking(respond) as client:
        assert client.ask(post(b"hello")).status == 500


@pytest.mark.parametrize("body", ["hello", bytearray(b"hello"), memoryview(b"hello")])
def test_a_body_that_is_set_may_be_what_a_response_is_made_of(body):
    with talking(lambda request: changed(body=body)) as client:
        assert client.ask(get()).body == b"hello"
        client.assert_goes_on()


def test_headers_that_are_set_may_be_a_dict():
    with talking(lambda request: changed(headers={"X-A": "1"})) as client:
        assert client.ask(get()).one(b"x-a") == b"1"


def test_a_reset_of_a_form_has_no_content():
    """RFC 9110 section 15.3.6."""
    with talking(lambda request: Response(status=205)) as client:
        answer = client.ask(get())
        assert (answer.status, answer.one(b"content-length")) == (205, b"0")
        client.assert_goes_on()
    with talking(lambda request: Response("x", status=205)) as client:
        assert client.ask(get()).status == 500


def test_each_connection_field_of_a_handler_counts():
    response = Response.text("x")
    response.headers.add("Connection", "close")
    response.headers.add("Connection", "x-foo")
    with talking(lambda request: response) as client:
        answer = client.ask(get())
        assert answer.closes
        assert answer.one(b"connection") == b"x-foo, close"


def test_an_error_keeps_its_repeated_fields():
    def refuse(request: Request) -> Response:
        headers = Headers(
            [("WWW-Authenticate", "Basic"), ("WWW-Authenticate", "Bearer")]
        )
        headers.add("Content-Type", "text/x")
        raise StatusError(401, headers=headers)

    with talking(refuse) as client:
        fields = client.ask(get()).fields
        assert fields[b"www-authenticate"] == [b"Basic", b"Bearer"]
        assert fields[b"content-type"] == [b"text/x"]


# -- what comes before an answer, or in its place


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Connection"])
def test_an_answer_before_the_answer_frames_nothing(name):
    def respond(request: Request) -> Response:
        with pytest.raises(ValueError, match=name):
            request.inform(103, {name: "5"})
        return Response.text("x")

    with talking(respond) as client:
        assert client.ask(get()).body == b"x"


@pytest.mark.parametrize("name", ["Content-Length", "Transfer-Encoding"])
def test_an_upgrade_that_frames_a_body_is_a_500(name):
    def respond(request: Request) -> Response:
        return Response.upgrade("echo", lambda conn: None, {name: "5"})

    with talking(respond) as client:
        asked = get("/", "Upgrade: echo", "Connection: upgrade")
        assert client.ask(asked).status == 500


def test_an_upgrade_names_its_connection_once():
    def respond(request: Request) -> Response:
        return Response.upgrade("echo", lambda conn: None, {"Connection": "close"})

    with talking(respond) as client:
        client.conn.write(get("/", "Upgrade: echo", "Connection: upgrade"))
        head = client.conn.read_until(b"\r\n\r\n")
        assert head.lower().count(b"connection:") == 1


def test_who_keeps_a_request_cannot_inform_before_a_later_answer():
    kept: list[Request] = []

    def respond(request: Request) -> Response:
        kept.append(request)
        if len(kept) > 1:
            with pytest.raises(RuntimeError, match="too late"):
                kept[0].inform(103, {"X-A": "stale"})
            request.with_path("/inner").inform(103, {"X-A": "fresh"})
        return Response.text("x")

    with talking(respond) as client:
        client.ask(get())
        client.conn.write(get())
        assert b"fresh" in client.conn.read_until(b"\r\n\r\n")
        assert client.answer().body == b"x"


# -- a body is read again


def test_content_that_did_not_come_in_time_is_whole_when_it_has():
    outcomes: list[object] = []

    def respond(request: Request) -> Response:
        try:
            with timeout(SOON):
                request.content()
        except DeadlineError as error:
            outcomes.append(type(error))
        return Response(request.content())

    with talking(respond) as client:
        client.conn.write(post(b"abcdef")[:-3])
        while not outcomes:
            sleep(SOON)
        assert client.ask(b"def").body == b"abcdef"


@pytest.mark.parametrize(
    "read", [Request.content, Request.form], ids=["content", "form"]
)
def test_what_is_left_of_a_body_is_not_taken_for_the_whole(read):
    def respond(request: Request) -> Response:
        assert request.body.read(4) == b"a=1&"
        with pytest.raises(RuntimeError, match="was read already"):
            read(request)
        return Response(request.body.read_all())

    with talking(respond) as client:
        form = "Content-Type: application/x-www-form-urlencoded"
        assert client.ask(post(b"a=1&b=2", form)).body == b"b=2"


def test_a_chunk_over_the_bound_is_refused_each_time_it_is_asked_for():
    def respond(request: Request) -> Response:
        request.body.max_bytes = 3
        for _ in range(3):
            with pytest.raises(StatusError, match="over 3 bytes"):
                request.body.read(2)
        request.body.max_bytes = 5
        return Response(request.content())

    with talking(respond) as client:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert client.ask(head + b"5\r\nhello\r\n0\r\n\r\n").body == b"hello"


@pytest.mark.parametrize(
    "rest",
    [b"5\r\nhelloX", b"5\r\nhel", b"2000001\r\n"],
    ids=["malformed", "cut off", "over the limit"],
)
def test_a_stream_of_what_the_client_sends_wrongly_is_no_fault_of_ours(caplog, rest):
    def echo(request: Request) -> Response:
        return Response.stream(iter(request.body))

    with talking(echo, access_log="json", max_body_bytes=1000) as client:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.conn.write(head + rest)
        with pytest.raises((Error, AssertionError)):
            client.conn.close_write()  # it may have been told by then
            client.answer()
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("status", [404, 500])
def test_a_stream_that_refuses_by_a_fault_of_ours_is_told(caplog, status):
    def broken() -> Iterator[bytes]:
        yield b"a"
        raise StatusError(status, "no such luck")

    with talking(lambda request: Response.stream(broken())) as client:
        with pytest.raises((ResetError, AssertionError)):
            client.ask(get("/"))
    assert "failed while its answer was sent" in caplog.text


def test_what_refuses_as_the_wire_does_ends_the_connection():
    def refuse(request: Request) -> Response:
        raise RequestError(400, "not what it says")

    with talking(refuse) as client:
        assert client.ask(get("/") + get("/next")).closes
        client.assert_end()


@pytest.mark.parametrize("status", [100, 101, 103, 199, 600, 200.0, "200", None, []])
@pytest.mark.parametrize("body", [b"", b"body", "pieces"])
def test_a_status_that_ends_no_request_is_a_500(caplog, status, body):
    """A client would take the answer to its next request for this one."""

    def respond(request: Request) -> Response:
        response = Response(iter([b"piece"]) if body == "pieces" else body)
        response.status = status
        return response

    with talking(respond) as client:
        assert client.ask(get("/")).status == 500
    assert "from 200 to 599" in caplog.text


# -- an answer that fails at its end, or ends its conversation


def test_an_answer_whose_body_does_not_close_was_given_all_the_same(caplog):
    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x" * BIG])

        def close(self) -> None:
            raise LookupError("of a cursor")

    with talking(lambda request: Response.stream(Pieces())) as client:
        assert client.ask(get()).body == b"x" * BIG
        client.assert_goes_on()
    assert "did not close" in caplog.text


def test_what_another_library_cancels_is_a_500(caplog):
    def respond(request: Request) -> Response:
        raise asyncio.CancelledError

    with talking(respond) as client:
        assert client.ask(get()).status == 500
    assert [each.levelno for each in caplog.records] == [logging.ERROR]


def test_half_a_stream_of_a_program_that_exits_does_not_look_whole():
    """To an old client the end of the connection is the end of the answer."""

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise SystemExit

    served, conn = net.pipe()
    with conn:
        conn.write(get(minor=0))
        with pytest.raises(SystemExit), served:
            handler(lambda request: Response.stream(pieces()))(served)
        with pytest.raises(ResetError), timeout(PATIENCE):
            conn.read_all()


# -- who asks


def test_who_asks_is_known_in_front_of_a_prefix_that_was_taken_away():
    seen: list[str | None] = []

    def know(request: Request) -> Response:
        request.user = "ada"
        return Response.text("x")

    inner = strip_prefix("/below", know)

    def respond(request: Request) -> Response:
        response = inner(request)
        seen.append(request.user)
        return response

    with talking(respond) as client:
        assert client.ask(get("/below/a")).status == 200
    assert seen == ["ada"]


# -- names that are no text


def test_a_name_that_is_no_text_can_be_downloaded_and_redirected_to():
    name = os.fsdecode(b"x\xe9")
    response = Response.redirect(name)
    assert response.headers["Location"] == "x%E9"
    response = Response.file("/nowhere", download_name=name)
    assert "x%EF%BF%BD" in response.headers["Content-Disposition"]
