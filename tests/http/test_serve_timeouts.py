"""Clients that are slow, or do nothing: each wait has its end, and not before.

Time is the subject here, so these tests let it pass: as little as will do.
"""

import contextlib
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portside.engine import sleep
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.message.status_error import StatusError
from tests.http.peer import Peer, peer
from tests.http.serving import (
    SLOWNESS,
    asking,
    lines_of,
    logged,
    note,
    serving,
    wait_until,
)

SHORT = 0.25 * SLOWNESS
"""Seconds that are waited for."""

LONG = 60.0
"""Seconds that are not."""


engines = pytest.mark.parametrize("model", ["thread", "nonblocking"])
"""One model for each engine: the others wait as these two do."""


def tell(request: Request) -> Response:
    return Response(request.target.encode() + b" " + request.body.read_all())


@contextlib.contextmanager
def takes(at_least: float, at_most: float = 3.0 * SLOWNESS) -> Iterator[None]:
    """See that the block takes its time, and not much more."""
    began = time.monotonic()
    yield
    passed = time.monotonic() - began
    assert at_least * 0.8 <= passed <= at_least + at_most


def say_slowly(client: Peer, data: bytes, seconds: float) -> None:
    """Say a byte, and another, until the other side has had enough."""
    until = time.monotonic() + 5 * SLOWNESS
    with contextlib.suppress(OSError):
        for at in range(len(data)):
            assert time.monotonic() < until, "it is never cut"
            client.say_at_once(data[at : at + 1])
            client.socket.settimeout(seconds)
            with contextlib.suppress(TimeoutError):
                client.socket.recv(1, socket.MSG_PEEK)
                return
        raise AssertionError("all of it was taken")


class TestNothingComes:
    def test_a_client_that_says_nothing_is_sent_away_in_silence(
        self, model: str, tmp_path: Path
    ) -> None:
        served = tmp_path / "served"

        def app(request: Request) -> Response:
            note(served, request.target)
            return tell(request)

        with serving(app, model, keep_alive_timeout=SHORT, header_timeout=LONG) as s:
            with peer(s.address) as client, takes(SHORT):
                client.assert_end()
        assert lines_of(served) == []

    def test_a_kept_connection_ends_in_silence(self, model: str) -> None:
        with serving(tell, model, keep_alive_timeout=SHORT) as server:
            with peer(server.address) as client:
                assert client.ask(asking("/a")).body == b"/a "
                with takes(SHORT):
                    client.assert_end()

    @engines
    def test_one_that_is_used_goes_on_for_as_long_as_it_is(self, model: str) -> None:
        with serving(tell, model, keep_alive_timeout=2 * SHORT) as server:
            with peer(server.address) as client:
                for _ in range(5):
                    assert client.ask(asking("/a")).body == b"/a "
                    sleep(SHORT)

    @engines
    def test_it_counts_from_the_answer_and_not_from_the_request(
        self, model: str
    ) -> None:
        def app(request: Request) -> Response:
            sleep(3 * SHORT)
            return tell(request)

        with serving(app, model, keep_alive_timeout=2 * SHORT) as server:
            with peer(server.address) as client:
                for _ in range(2):
                    assert client.ask(asking("/a")).body == b"/a "
                    sleep(SHORT)

    def test_a_request_that_meets_the_end_is_answered_whole_or_not_at_all(
        self, tmp_path: Path
    ) -> None:
        served = tmp_path / "served"

        def app(request: Request) -> Response:
            note(served, request.target)
            return Response(b"a" * 100)

        answered = 0
        with serving(app, "thread", keep_alive_timeout=0.05) as server:
            for at in range(20):
                with peer(server.address) as client:
                    assert client.ask(asking("/")).status == 200
                    sleep(0.04 + at * 0.001)
                    with contextlib.suppress(OSError):
                        client.say(asking("/"))
                        answer = client.answer_or_end()
                        if answer is not None:
                            assert answer.body == b"a" * 100
                            answered += 1
        assert len(lines_of(served)) == 20 + answered


class TestHeads:
    def test_a_head_that_dribbles_is_cut_with_a_408(self, model: str) -> None:
        """The deadline is of the whole head: each byte does not begin it anew."""
        with serving(tell, model, header_timeout=SHORT) as server:
            with peer(server.address) as client:
                with takes(SHORT):
                    say_slowly(client, asking("/", "X: " + "a" * 1000), SHORT / 10)
                answer = client.answer()
                assert (answer.status, answer.closes) == (408, True)
                client.assert_end()

    @engines
    @pytest.mark.parametrize("some", [1, 10, 30])
    def test_a_head_that_stops_is_cut_with_a_408(self, model: str, some: int) -> None:
        with serving(tell, model, header_timeout=SHORT) as server:
            with peer(server.address) as client, takes(SHORT):
                client.say(asking("/", "X: a")[:some])
                answer = client.answer()
                assert (answer.status, answer.closes) == (408, True)
                client.assert_end()

    @engines
    def test_the_next_head_has_as_much_time_as_the_first(self, model: str) -> None:
        with serving(tell, model, header_timeout=2 * SHORT) as server:
            with peer(server.address) as client:
                for _ in range(3):
                    client.say_at_once(asking("/a")[:20])
                    sleep(SHORT)
                    assert client.ask(asking("/a")[20:]).body == b"/a "

    def test_empty_lines_do_not_gain_time(self, model: str) -> None:
        with serving(tell, model, header_timeout=SHORT) as server:
            with peer(server.address) as client, takes(SHORT):
                client.say(b"\r\n\r")
                assert client.answer().status == 408
                client.assert_end()


class TestBodies:
    @pytest.mark.parametrize(
        "framing", ["Content-Length: 50", "Transfer-Encoding: chunked"]
    )
    def test_a_body_that_dribbles_is_cut_with_a_408(
        self, model: str, framing: str
    ) -> None:
        with serving(tell, model, body_timeout=SHORT) as server:
            with peer(server.address) as client:
                client.say_at_once(asking("/", framing, method="POST"))
                with takes(SHORT):
                    say_slowly(client, b"1\r\na\r\n" * 100, SHORT / 10)
                answer = client.answer()
                assert (answer.status, answer.closes) == (408, True)
                client.assert_end()

    def test_the_handler_gets_an_error_and_what_comes_later_is_not_served(
        self, model: str, tmp_path: Path
    ) -> None:
        told, served = tmp_path / "told", tmp_path / "served"

        def app(request: Request) -> Response:
            note(served, request.target)
            try:
                request.body.read_all()
            except StatusError as error:
                note(told, str(error.status))
            return Response.text("well")

        with serving(app, model, body_timeout=SHORT) as server:
            with peer(server.address) as client:
                client.say(asking("/", "Content-Length: 5", method="POST") + b"hell")
                answer = client.answer()
                assert (answer.status, answer.closes) == (200, True)
                with contextlib.suppress(OSError):
                    client.say_at_once(b"o" + asking("/smuggled"))
                with contextlib.suppress(ConnectionResetError):
                    client.assert_end()
        assert lines_of(told) == ["408"]
        assert lines_of(served) == ["/"]

    @engines
    def test_one_that_keeps_the_rate_may_take_longer(self, model: str) -> None:
        with serving(tell, model, body_timeout=3 * SHORT) as server:
            with peer(server.address) as client:
                size = 6 * 70_000
                head = asking("/", f"Content-Length: {size}", method="POST")
                client.say_at_once(head)
                with takes(6 * SHORT):
                    for _ in range(6):
                        sleep(SHORT)
                        client.say_at_once(b"a" * 70_000)
                assert len(client.answer().body) == size + 2

    @engines
    def test_a_handler_may_give_it_more_time(self, model: str) -> None:
        def app(request: Request) -> Response:
            request.body.timeout = LONG
            return tell(request)

        with serving(app, model, body_timeout=SHORT) as server:
            with peer(server.address) as client:
                ask = asking("/", method="POST", body=b"hello")
                client.say_at_once(ask[:-1])
                sleep(2 * SHORT)
                assert client.ask(ask[-1:]).body == b"/ hello"

    @engines
    def test_a_body_that_nobody_reads_holds_the_answer_up_for_a_second_at_most(
        self, model: str
    ) -> None:
        def app(request: Request) -> Response:
            return Response.text("well")

        with serving(app, model) as server:
            with peer(server.address) as client, takes(0, 2.5 * SLOWNESS):
                client.say(asking("/", "Content-Length: 5", method="POST"))
                answer = client.answer()
                assert (answer.body, answer.closes) == (b"well", True)
                client.assert_end()


class TestHandlers:
    @engines
    def test_a_handler_may_take_longer_than_any_wait_for_the_client(
        self, model: str
    ) -> None:
        def app(request: Request) -> Response:
            body = request.body.read_all()
            sleep(2 * SHORT)
            return Response(body)

        limits = dict.fromkeys(
            ("header_timeout", "body_timeout", "write_timeout", "keep_alive_timeout"),
            SHORT,
        )
        with serving(app, model, **limits) as server, peer(server.address) as client:
            for body in (b"", b"hello", b""):
                ask = asking("/", method="POST", body=body)
                answer = client.ask(ask)
                assert (answer.status, answer.body) == (200, body)

    @engines
    def test_so_may_the_pieces_of_an_answer(self, model: str) -> None:
        def slowly() -> Iterator[bytes]:
            for _ in range(3):
                sleep(2 * SHORT)
                yield b"a"

        def app(request: Request) -> Response:
            return Response.stream(slowly())

        limits = dict.fromkeys(
            ("header_timeout", "body_timeout", "write_timeout", "keep_alive_timeout"),
            SHORT,
        )
        with serving(app, model, **limits) as server, peer(server.address) as client:
            assert client.ask(asking("/")).body == b"aaa"


class TestReaders:
    @engines
    @pytest.mark.parametrize("kind", ["bytes", "stream"])
    def test_one_that_does_not_read_is_given_up(
        self, model: str, kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        made, ended = tmp_path / "made", tmp_path / "ended"

        def stream() -> Iterator[bytes]:
            try:
                for _ in range(1000):
                    note(made, "a piece")
                    yield b"a" * 100_000
            finally:
                ended.touch()

        def app(request: Request) -> Response:
            if kind == "stream":
                return Response.stream(stream())
            return Response(b"a" * 100_000_000)

        with logged(), serving(app, model, write_timeout=SHORT) as server:
            with peer(server.address, receive_bytes=4096) as client:
                client.say_at_once(asking("/"))
                # Its own end is the sign: it is seen without reading what was sent.
                client.socket.settimeout(5 * SLOWNESS)
                with takes(SHORT):
                    wait_for_the_end(client)
        if kind == "stream":
            wait_until(ended.exists)
            assert len(lines_of(made)) < 100  # what the kernel holds, and no more
        assert "Traceback" not in capfd.readouterr().err

    @engines
    def test_one_that_is_slow_but_keeps_the_rate_gets_everything(
        self, model: str
    ) -> None:
        def app(request: Request) -> Response:
            return Response(b"a" * 8_000_000)

        with serving(app, model, write_timeout=2 * SHORT) as server:
            with peer(server.address, receive_bytes=262_144) as client:
                client.say_at_once(asking("/"))
                read_head(client)
                length = 0
                with takes(0, 30 * SLOWNESS):
                    while length < 8_000_000:
                        sleep(SHORT / 4)
                        data = client.socket.recv(500_000, socket.MSG_WAITALL)
                        assert data, f"the end, after {length}"
                        length += len(data)


def read_head(client: Peer) -> None:
    """Read the head of an answer, and nothing behind it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.socket.recv(1)


def wait_for_the_end(client: Peer) -> None:
    """Return when the server has reset or ended this conn, without reading."""
    waiting = select.poll()
    waiting.register(client.socket, select.POLLRDHUP)
    assert waiting.poll(5000 * SLOWNESS), "it is never given up"
