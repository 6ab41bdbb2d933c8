"""Going on with another protocol: RFC 9110 section 7.8."""

from collections.abc import Callable
from pathlib import Path

import pytest

from portside.engine import sleep
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.net import Conn
from tests.http.peer import Peer, peer
from tests.http.serving import asking, lines_of, logged, note, serving

OFFER = ("Connection: Upgrade", "Upgrade: shout/1")


def shout(conn: Conn) -> None:
    for line in conn.lines():
        conn.write(line.upper() + b"\n")


def upgrading(converse: Callable[[Conn], object]) -> Callable[[Request], Response]:
    return lambda request: Response.upgrade("shout/1", converse)


def read_line(client: Peer) -> bytes:
    """Return a line of the other protocol."""
    line = b""
    while not line.endswith(b"\n"):
        byte = client.socket.recv(1)
        assert byte, f"the end, in {line!r}"
        line += byte
    return line


def read_head(client: Peer) -> list[bytes]:
    """Return the lines of a head, and read nothing behind it."""
    lines = [read_line(client)]
    while lines[-1] != b"\r\n":
        lines.append(read_line(client))
    return lines


class TestTaken:
    def test_the_conn_goes_on_with_the_other_protocol(self, model: str) -> None:
        with serving(upgrading(shout), model) as server:
            with peer(server.address) as client:
                client.say_at_once(asking("/", *OFFER))
                head = read_head(client)
                assert head[0] == b"HTTP/1.1 101 Switching Protocols\r\n"
                fields = [line.lower() for line in head]
                assert b"connection: upgrade\r\n" in fields
                assert b"upgrade: shout/1\r\n" in fields
                assert not [line for line in fields if line.startswith(b"content-l")]
                for _ in range(3):
                    client.say_at_once(b"hello\n")
                    assert read_line(client) == b"HELLO\n"

    @pytest.mark.parametrize("size", [1, 8192, 60_000])
    def test_what_the_client_sent_ahead_is_read_from_the_conn(
        self, model: str, size: int
    ) -> None:
        with serving(upgrading(shout), model) as server:
            with peer(server.address) as client:
                ahead = b"a" * size + b"\nb\n"
                client.say_at_once(asking("/", *OFFER) + ahead)
                assert read_head(client)[0].startswith(b"HTTP/1.1 101 ")
                line = b"".join(iter(lambda: client.socket.recv(1), b"\n"))
                assert line == b"A" * size
                assert read_line(client) == b"B\n"

    def test_requests_before_it_are_answered_first(self, model: str) -> None:
        def app(request: Request) -> Response:
            if request.path == "/first":
                return Response.text("first")
            return Response.upgrade("shout/1", shout)

        with serving(app, model) as server, peer(server.address) as client:
            ahead = b"GET / HTTP/1.1\n"
            client.say_at_once(asking("/first") + asking("/", *OFFER) + ahead)
            head = read_head(client)
            assert head[0] == b"HTTP/1.1 200 OK\r\n"
            assert client.socket.recv(5) == b"first"
            assert read_head(client)[0].startswith(b"HTTP/1.1 101 ")
            assert read_line(client) == b"GET / HTTP/1.1\n"

    def test_it_ends_as_its_function_returns(self, model: str) -> None:
        def say_bye(conn: Conn) -> None:
            conn.write(b"bye\n")

        with serving(upgrading(say_bye), model) as server:
            with peer(server.address) as client:
                client.say_at_once(asking("/", *OFFER) + asking("/smuggled"))
                read_head(client)
                assert read_line(client) == b"bye\n"
                assert client.socket.recv(1) == b""

    def test_its_failure_resets_and_is_logged(
        self, model: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def fail(conn: Conn) -> None:
            conn.read(1)
            raise RuntimeError("planned")

        with logged(), serving(upgrading(fail), model) as server:
            with peer(server.address) as client:
                client.say_at_once(asking("/", *OFFER))
                read_head(client)
                client.say_at_once(b"x")
                with pytest.raises(ConnectionResetError):
                    client.socket.recv(1)
        assert capfd.readouterr().err.count("RuntimeError: planned") == 1

    def test_the_waits_of_http_do_not_hold_for_it(self, model: str) -> None:
        def wait_long(conn: Conn) -> None:
            sleep(0.3)
            conn.write(conn.read_line())

        limits = dict.fromkeys(
            ("header_timeout", "body_timeout", "write_timeout", "keep_alive_timeout"),
            0.1,
        )
        with serving(upgrading(wait_long), model, **limits) as server:
            with peer(server.address) as client:
                client.say_at_once(asking("/", *OFFER))
                read_head(client)
                sleep(0.5)
                client.say_at_once(b"still here\n")
                assert read_line(client) == b"still here\n"

    def test_a_drain_tells_it(self, model: str) -> None:
        def wait_for_it(conn: Conn) -> None:
            conn.draining.wait()
            conn.write(b"draining\n")

        with serving(upgrading(wait_for_it), model) as server:
            with peer(server.address) as client:
                client.say_at_once(asking("/", *OFFER))
                read_head(client)
                server.begin_stop()
                assert read_line(client) == b"draining\n"


class TestNotTaken:
    @pytest.mark.parametrize(
        "fields",
        [
            (),
            ("Connection: Upgrade", "Upgrade: whisper"),
            ("Upgrade: shout/1",),  # Connection does not name it: it is not for us
        ],
    )
    def test_what_was_not_offered_is_a_426_that_says_what_is_needed(
        self, fields: tuple[str, ...], tmp_path: Path
    ) -> None:
        begun = tmp_path / "begun"

        def begin(conn: Conn) -> None:
            note(begun, "it")

        with serving(upgrading(begin), "thread") as server:
            with peer(server.address) as client:
                answer = client.ask(asking("/", *fields))
                assert answer.status == 426
                assert (answer.one(b"upgrade") or b"").lower() == b"shout/1"
                assert not answer.closes
                assert client.ask(asking("/", *fields)).status == 426
        assert lines_of(begun) == []

    def test_http_1_0_cannot(self) -> None:
        ask = b"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: shout/1\r\n\r\n"
        with serving(upgrading(shout), "thread") as server:
            with peer(server.address) as client:
                assert client.ask(ask).status == 426

    def test_a_body_that_was_not_read_is_never_taken_for_the_other_protocol(
        self,
    ) -> None:
        body = b"body\n" * 1_000_000
        ask = asking("/", *OFFER, method="POST", body=body) + b"line\n"
        with serving(upgrading(shout), "thread") as server:
            with peer(server.address) as client:
                client.say(ask)
                assert client.answer().status == 413
