"""When a connection goes on and when it ends: after Go's serve tests."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from portside import sleep
from portside.http.message.request import Request
from portside.http.message.response import Response
from tests.http.answers import Answer
from tests.http.peer import Peer, peer
from tests.http.serving import asking, lines_of, logged, note, serving, wait_until


def tell(request: Request) -> Response:
    return Response(request.target.encode() + b" " + request.body.read_all())


class TestPipelining:
    def test_a_hundred_requests_in_one_write_get_a_hundred_answers_in_order(
        self, model: str
    ) -> None:
        with serving(tell, model) as server, peer(server.address) as client:
            client.say_at_once(b"".join(asking(f"/{at}") for at in range(100)))
            answers = [client.answer().body for _ in range(100)]
        assert answers == [b"/%d " % at for at in range(100)]

    def test_each_request_gets_its_own_body(self, model: str) -> None:
        def one(at: int) -> bytes:
            body = b"%d" % at * at * 100
            if at % 3 == 0:
                return asking(f"/{at}")
            if at % 3 == 1:
                return asking(f"/{at}", method="POST", body=body)
            head = asking(f"/{at}", "Transfer-Encoding: chunked", method="POST")
            return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

        with serving(tell, model) as server, peer(server.address) as client:
            client.say(b"".join(map(one, range(60))))
            for at in range(60):
                body = b"%d" % at * at * 100 if at % 3 else b""
                assert client.answer().body == b"/%d %b" % (at, body)

    def test_what_comes_while_a_handler_works_is_answered_after_it(
        self, model: str, tmp_path: Path
    ) -> None:
        has_begun, may_end = tmp_path / "has_begun", tmp_path / "may_end"

        def app(request: Request) -> Response:
            if request.path == "/slow":
                has_begun.touch()
                while not may_end.exists():
                    sleep(0.005)
            return Response.text(request.path)

        with serving(app, model) as server, peer(server.address) as client:
            client.say_at_once(asking("/slow"))
            wait_until(has_begun.exists)
            client.say_at_once(asking("/next"))
            may_end.touch()
            assert client.answer().body == b"/slow"
            assert client.answer().body == b"/next"

    def test_answers_that_nobody_reads_yet_hold_up_the_next_requests(
        self, model: str, tmp_path: Path
    ) -> None:
        """A client that asks and asks is served no further than it reads."""
        served = tmp_path / "served"

        def app(request: Request) -> Response:
            note(served, request.path)
            return Response(b"a" * 1_000_000)

        with serving(app, model, grace=0.1) as server:
            with peer(server.address, receive_bytes=4096) as client:
                client.say_at_once(asking("/") * 100)
                wait_until(lambda: lines_of(served))
                before = 0
                while (count := len(lines_of(served))) > before:
                    before = count
                    sleep(0.1)
        assert count < 20


class TestAnnouncing:
    def test_http_1_0_is_told_that_it_is_kept(self, model: str) -> None:
        ask = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        with serving(tell, model) as server, peer(server.address) as client:
            for _ in range(3):
                answer = client.ask(ask)
                assert (answer.one(b"connection") or b"").lower() == b"keep-alive"
            answer = client.ask(b"GET / HTTP/1.0\r\n\r\n")
            assert answer.closes
            client.assert_end()

    def test_http_1_1_is_told_nothing_but_the_end(self, model: str) -> None:
        with serving(tell, model) as server, peer(server.address) as client:
            assert client.ask(asking("/")).one(b"connection") is None
            assert client.ask(asking("/", "Connection: close")).closes
            client.assert_end()

    @pytest.mark.parametrize("value", ["close", "Close", "x-a, close"])
    def test_a_handler_ends_it_by_its_header(self, value: str) -> None:
        def app(request: Request) -> Response:
            return Response(b"bye", headers={"Connection": value})

        with serving(app, "thread") as server, peer(server.address) as client:
            client.say(asking("/") + asking("/smuggled"))
            assert client.answer().closes
            client.assert_end()

    def test_a_request_and_its_end_are_answered_before_ours(self, model: str) -> None:
        with serving(tell, model) as server, peer(server.address) as client:
            client.say(asking("/a") + asking("/b"))
            client.end()
            assert [client.answer().body, client.answer().body] == [b"/a ", b"/b "]
            client.assert_end()

    def test_a_client_that_connects_and_ends_gets_nothing(self, model: str) -> None:
        with serving(tell, model) as server, peer(server.address) as client:
            client.end()
            client.assert_end()


def read_to_the_end(client: Peer) -> Answer | None:
    """Return an answer, or None where it was cut: by an end or a reset."""
    try:
        return client.reader.next()
    except (ConnectionResetError, AssertionError):
        return None


class TestFailures:
    def test_a_handler_that_fails_is_a_500_and_told_in_the_log_once(
        self, model: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def app(request: Request) -> Response:
            if request.path == "/fail":
                raise RuntimeError("planned")
            return Response.text("well")

        with logged(), serving(app, model) as server:
            with peer(server.address) as client:
                answer = client.ask(asking("/fail"))
                assert answer.status == 500
                assert b"planned" not in answer.body
                assert client.ask(asking("/")).body == b"well"
        err = capfd.readouterr().err
        assert err.count("RuntimeError: planned") == 1

    def test_what_is_no_response_is_a_500(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with serving(lambda request: "text", "thread") as server:  # type: ignore[arg-type,return-value]
            with peer(server.address) as client:
                assert client.ask(asking("/")).status == 500
        assert "not a Response" in caplog.text

    def test_half_an_answer_does_not_look_whole(
        self, model: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def fail_later() -> Iterator[bytes]:
            yield b"half"
            raise RuntimeError("planned")

        def app(request: Request) -> Response:
            return Response.stream(fail_later())

        with logged(), serving(app, model) as server:
            with peer(server.address) as client:
                client.say(asking("/") + asking("/smuggled"))
                assert read_to_the_end(client) is None
            with peer(server.address) as client:
                client.say(b"GET / HTTP/1.0\r\n\r\n")
                with pytest.raises(ConnectionResetError):
                    client.answer()
        assert capfd.readouterr().err.count("RuntimeError: planned") == 2

    @pytest.mark.parametrize("pieces", [[b"too", b" long"], [b"short"]])
    def test_a_body_of_another_length_than_announced_ends_the_connection(
        self, pieces: list[bytes], caplog: pytest.LogCaptureFixture
    ) -> None:
        def app(request: Request) -> Response:
            return Response(iter(pieces), headers={"Content-Length": "7"})

        with serving(app, "thread") as server, peer(server.address) as client:
            client.say(asking("/") + asking("/smuggled"))
            assert read_to_the_end(client) is None
        assert "7 bytes that it announced" in caplog.text

    def test_a_stream_of_the_announced_length_needs_no_chunks(self, model: str) -> None:
        def app(request: Request) -> Response:
            return Response(iter([b"sev", b"en!!"]), headers={"Content-Length": "7"})

        with serving(app, model) as server, peer(server.address) as client:
            for _ in range(2):
                answer = client.ask(asking("/"))
                assert (answer.body, answer.is_chunked) == (b"seven!!", False)
            answer = client.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert (answer.body, answer.ended_by_close) == (b"seven!!", False)

    def test_a_client_that_resets_in_the_middle_of_an_answer_is_no_failure(
        self, model: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """The stream is closed, the conn not used again, and nothing is logged."""
        ended = tmp_path / "ended"

        def endless() -> Iterator[bytes]:
            try:
                while True:
                    yield b"a" * 50_000
            finally:
                ended.touch()

        def app(request: Request) -> Response:
            return Response.stream(endless())

        with logged(), serving(app, model) as server:
            with peer(server.address) as client:
                client.say_at_once(asking("/") + asking("/smuggled"))
                assert client.socket.recv(1000)
                reset(client.socket)
            wait_until(ended.exists)
        assert capfd.readouterr().err == ""


def reset(sock: socket.socket) -> None:
    """Close with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def test_a_request_knows_who_asks(model: str) -> None:
    def app(request: Request) -> Response:
        return Response.text(f"{request.remote_address} {request.local_address}")

    with serving(app, model) as server:
        for _ in range(2):
            with peer(server.address) as client:
                host, port = client.socket.getsockname()
                said = client.ask(asking("/")).body.decode()
                assert said == f"{host}:{port} {server.address}"
