"""Clients that wait for a word before they send a body: RFC 9110 section 10.1.1."""

from pathlib import Path

import pytest

from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.message.status_error import StatusError
from tests.http.peer import peer
from tests.http.serving import asking, lines_of, note, serving

WAITING = asking("/", "Expect: 100-continue", "Content-Length: 5", method="POST")
IN_CHUNKS = asking(
    "/", "Expect: 100-continue", "Transfer-Encoding: chunked", method="POST"
)


def read(request: Request) -> Response:
    return Response(request.body.read_all())


def refuse(request: Request) -> Response:
    raise StatusError(401, "not you")


class TestTheWord:
    @pytest.mark.parametrize("word", ["100-continue", "100-Continue", "100-CONTINUE"])
    def test_it_comes_when_the_handler_begins_to_read(
        self, model: str, word: str
    ) -> None:
        head = asking("/", f"Expect: {word}", "Content-Length: 5", method="POST")
        with serving(read, model) as server, peer(server.address) as client:
            for _ in range(2):
                assert client.ask(head).status == 100
                answer = client.ask(b"hello")
                assert (answer.status, answer.body) == (200, b"hello")
                assert not answer.closes

    def test_it_comes_for_a_body_in_chunks(self, model: str) -> None:
        with serving(read, model) as server, peer(server.address) as client:
            assert client.ask(IN_CHUNKS).status == 100
            answer = client.ask(b"5\r\nhello\r\n0\r\n\r\n")
            assert (answer.status, answer.body) == (200, b"hello")

    def test_it_comes_once_however_often_the_handler_reads(self, model: str) -> None:
        def read_by_byte(request: Request) -> Response:
            return Response(b"".join(iter(lambda: request.body.read(1), b"")))

        with serving(read_by_byte, model) as server, peer(server.address) as client:
            assert client.ask(WAITING).status == 100
            assert client.ask(b"hello").body == b"hello"

    def test_it_comes_before_an_answer_that_is_made_of_the_body(
        self, model: str
    ) -> None:
        def app(request: Request) -> Response:
            return Response.stream(iter(request.body))

        with serving(app, model) as server, peer(server.address) as client:
            for _ in range(2):
                assert client.ask(WAITING).status == 100
                assert client.ask(b"hello").body == b"hello"

    @pytest.mark.parametrize("length", ["Content-Length: 0", "X-Nothing: at all"])
    def test_it_does_not_come_where_there_is_no_body(
        self, model: str, length: str
    ) -> None:
        ask = asking("/", "Expect: 100-continue", length, method="POST")
        with serving(read, model) as server, peer(server.address) as client:
            assert client.ask(ask).status == 200
            assert client.ask(ask).status == 200

    def test_http_1_0_does_not_know_it(self, model: str) -> None:
        ask = b"POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        with serving(read, model) as server, peer(server.address) as client:
            assert client.ask(ask + b"hello").status == 200


class TestRefusing:
    @pytest.mark.parametrize("head", [WAITING, IN_CHUNKS])
    def test_a_handler_that_does_not_read_answers_without_it_and_closes(
        self, model: str, head: bytes, tmp_path: Path
    ) -> None:
        """Whether the body comes after all nobody can tell, so nothing is parsed."""
        served = tmp_path / "served"

        def app(request: Request) -> Response:
            note(served, request.target)
            return refuse(request)

        with serving(app, model) as server, peer(server.address) as client:
            answer = client.ask(head)
            assert (answer.status, answer.closes) == (401, True)
            client.say(asking("/smuggled"))
            client.assert_end()
        assert lines_of(served) == ["/"]

    def test_a_body_that_is_announced_too_large_is_refused_without_it(
        self, model: str
    ) -> None:
        with serving(read, model, max_body_bytes=4) as server:
            with peer(server.address) as client:
                answer = client.ask(WAITING)
                assert (answer.status, answer.closes) == (413, True)
                client.assert_end()

    @pytest.mark.parametrize("word", ["teleport", "100-continue-please", "100", ""])
    def test_another_expectation_is_a_417(self, word: str) -> None:
        ask = asking("/", f"Expect: {word}", "Content-Length: 5", method="POST")
        with serving(read, "thread") as server, peer(server.address) as client:
            answer = client.ask(ask + b"hello" + asking("/smuggled"))
            assert (answer.status, answer.closes) == (417, True)
            client.assert_end()
