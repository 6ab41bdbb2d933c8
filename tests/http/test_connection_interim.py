"""What comes before an answer and with it: a word to go on, hints, a line in a log."""

import logging
import re

import pytest

from portside.errors import Error
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.message.status_error import StatusError
from tests.http.talking import get, talking


def hello(request: Request) -> Response:
    return Response.text(f"{request.method} {request.target}")


# -- before the answer


def test_a_client_that_waits_is_told_to_go_on_when_it_is_read():
    def read(request: Request) -> Response:
        return Response(request.body.read_all())

    with talking(read) as client:
        request = get("/", "Expect: 100-continue", "Content-Length: 5", method="PUT")
        assert client.ask(request).status == 100
        answer = client.ask(b"hello")
        assert (answer.status, answer.body, answer.closes) == (200, b"hello", False)


def test_a_client_that_waits_for_nothing_is_told_so_and_let_go():
    with talking(hello) as client:
        request = get("/", "Expect: 100-continue", "Content-Length: 5", method="PUT")
        answer = client.ask(request)
        assert (answer.status, answer.closes) == (200, True)
        client.assert_end()


def test_hints_come_before_the_answer():
    def hint(request: Request) -> Response:
        request.early_hints("</a.css>", "</b.js>")
        request.inform(102)
        return Response.text("answer")

    with talking(hint) as client:
        first = client.ask(get())
        assert (first.status, first.fields) == (
            103,
            {b"link": [b"</a.css>", b"</b.js>"]},
        )
        assert client.answer().status == 102
        assert client.answer().body == b"answer"
        old = client.ask(get("/", minor=0))
        assert (old.status, old.body) == (200, b"answer")


def test_hints_that_come_too_late_do_not_stand_in_the_answer():
    def hint(request: Request) -> Response:
        def pieces():
            yield b"one"
            request.early_hints("</a.css>")
            yield b"two"

        return Response.stream(pieces())

    with talking(hint) as client:
        try:
            answer = client.ask(get())
        except Error:
            return  # it was cut: that is told, too
        assert answer.body == b"onetwo"


# -- an answer that is made of the request


@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)], ids=["", "expect"])
def test_a_stream_may_be_made_of_the_body_of_its_request(expect):
    def upper(request: Request) -> Response:
        return Response.stream(piece.upper() for piece in request.body)

    with talking(upper) as client:
        head = get("/", "Content-Length: 5", *expect, method="POST")
        answer = client.ask(head + b"hello")
        if answer.status == 100:
            answer = client.answer()
        assert (answer.status, answer.body) == (200, b"HELLO")


# -- the log of who asked for what


def test_every_answer_is_in_the_access_log(caplog):
    caplog.set_level(logging.INFO, "portside.http.access")

    def answer(request: Request) -> Response:
        if request.target == "/stream":
            return Response.stream(iter([b"ab", b"c"]))
        if request.target == "/missing":
            raise StatusError(404)
        return hello(request)

    with talking(answer, access_log="combined") as client:
        for request in (
            get("/a", "User-Agent: x"),
            get("/stream", method="GET"),
            get("/missing", minor=0),
        ):
            client.ask(request)
    with talking(hello, access_log="combined") as client:
        client.ask(b"\0\0\0\0")
    said = [
        re.sub(r"\[.*?\]", "[]", each.getMessage())
        for each in caplog.records
        if each.name == "portside.http.access"
    ]
    assert [line.partition("[] ")[2] for line in said] == [
        '"GET /a HTTP/1.1" 200 6 "-" "x"',
        '"GET /stream HTTP/1.1" 200 3 "-" "-"',
        '"GET /missing HTTP/1.0" 404 14 "-" "-"',
        '"-" 400 26 "-" "-"',
    ]


def test_without_an_access_log_nothing_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    with talking(hello) as client:
        client.ask(get())
    assert [each for each in caplog.records if each.name.startswith("portside")] == []
