"""A server that stops: what is under way is finished, what is idle ends at once."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portside import Server, TaskGroup, timeout
from portside.engine import sleep
from portside.http.message.request import Request
from portside.http.message.response import Response
from tests.http.peer import peer
from tests.http.serving import SLOWNESS, asking, logged, serving, wait_until


def tell(request: Request) -> Response:
    return Response.text(request.path)


def can_connect(server: Server) -> bool:
    try:
        with peer(server.address):
            return True
    except OSError:
        return False


def assert_stops_soon(server: Server) -> None:
    began = time.monotonic()
    report = server.stop(20 * SLOWNESS)
    assert time.monotonic() - began < 5 * SLOWNESS
    assert (report.cut, report.abandoned) == (0, 0)


def test_a_kept_connection_ends_at_once_and_in_silence(model: str) -> None:
    with serving(tell, model) as server, peer(server.address) as client:
        assert client.ask(asking("/a")).body == b"/a"
        server.begin_stop(20)
        client.assert_end()
        assert_stops_soon(server)


def test_a_client_that_has_said_nothing_holds_up_nothing(model: str) -> None:
    with serving(tell, model) as server, peer(server.address) as client:
        assert_stops_soon(server)
        with contextlib.suppress(ConnectionResetError):  # it waited in the queue
            client.assert_end()


def when_draining(request: Request, response: Response) -> Response:
    """Return the response once the handler, in whatever process, knows of the stop."""
    with timeout(10):
        while not request.is_draining:
            sleep(0.005)
    return response


def test_a_request_under_way_is_answered_and_told_that_it_is_the_last(
    model: str, tmp_path: Path
) -> None:
    has_begun = tmp_path / "has_begun"

    def app(request: Request) -> Response:
        has_begun.touch()
        return when_draining(request, tell(request))

    with serving(app, model, grace=20) as server, peer(server.address) as client:
        client.say_at_once(asking("/a"))
        wait_until(has_begun.exists)
        with TaskGroup() as group:
            stopping = group.start_soon(server.stop)
            client.say_at_once(asking("/smuggled"))
            answer = client.answer()
            assert (answer.body, answer.closes) == (b"/a", True)
            wait_until(lambda: not can_connect(server))
            client.assert_end()
        assert stopping.result().cut == 0


def test_half_a_head_is_waited_for_and_answered(model: str) -> None:
    def app(request: Request) -> Response:
        if request.path == "/first":
            return tell(request)
        return when_draining(request, tell(request))

    ask = asking("/a")
    with serving(app, model, grace=20) as server, peer(server.address) as client:
        client.say_at_once(asking("/first") + ask[:20])  # read together as they came
        assert client.answer().body == b"/first"
        with TaskGroup() as group:
            stopping = group.start_soon(server.stop)
            wait_until(lambda: not can_connect(server))
            client.say_at_once(ask[20:])
            answer = client.answer()
            assert (answer.body, answer.closes) == (b"/a", True)
            client.assert_end()
        assert stopping.result().cut == 0


def test_a_body_under_way_is_waited_for(model: str) -> None:
    def app(request: Request) -> Response:
        return when_draining(request, Response(request.body.read_all()))

    ask = asking("/", "Expect: 100-continue", "Content-Length: 5", method="POST")
    with serving(app, model, grace=20) as server, peer(server.address) as client:
        assert client.ask(ask).status == 100
        with TaskGroup() as group:
            stopping = group.start_soon(server.stop)
            wait_until(lambda: not can_connect(server))
            answer = client.ask(b"hello")
            assert (answer.body, answer.closes) == (b"hello", True)
            client.assert_end()
        assert stopping.result().cut == 0


def test_a_stream_is_told_and_ends_by_itself(model: str) -> None:
    def ticks(request: Request) -> Iterator[bytes]:
        while not request.is_draining:
            yield b"tick\n"
            sleep(0.005)
        yield b"over\n"

    def app(request: Request) -> Response:
        return Response.stream(ticks(request))

    with serving(app, model, grace=20) as server, peer(server.address) as client:
        client.say_at_once(asking("/"))
        assert client.socket.recv(1) == b"H"
        with TaskGroup() as group:
            stopping = group.start_soon(server.stop)
            client.socket.settimeout(10)
            data = b""
            while piece := client.socket.recv(65536):
                data += piece
            client.socket.close()
            assert data.endswith(b"5\r\nover\n\r\n0\r\n\r\n")
        assert stopping.result().cut == 0


def test_what_is_over_the_grace_is_cut_and_nothing_is_logged(
    model: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    has_begun = tmp_path / "has_begun"

    def app(request: Request) -> Response:
        has_begun.touch()
        sleep(60)
        return tell(request)

    with logged(), serving(app, model) as server, peer(server.address) as client:
        client.say_at_once(asking("/a"))
        wait_until(has_begun.exists)
        report = server.stop(0.1)
        assert (report.cut, report.abandoned) == (1, 0)
        with pytest.raises(ConnectionResetError):
            client.answer_or_end()
    assert "Traceback" not in capfd.readouterr().err
