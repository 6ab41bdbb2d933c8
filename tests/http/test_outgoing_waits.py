"""Answers to clients that read slowly, or not at all: how long each is waited for.

A pipe holds 64 KiB in each direction, and not a byte more: so what a client must read
before more can be sent is known here, where the kernel's buffers would leave it open.
"""

import os
from collections.abc import Callable, Iterator

import pytest

from portside import net
from portside.engine import Buffer, TaskGroup, now, sleep, timeout
from portside.errors import DeadlineError
from portside.http.message.file_body import FileBody
from portside.http.message.response import Response
from portside.http.outgoing import PERIOD_BYTES, Outgoing
from portside.net import Conn
from tests.http.played import PlayedStream

WAIT = 0.15
"""Seconds, as ``write_timeout``."""

N_PERIODS = 6
SIZE = PERIOD_BYTES * N_PERIODS


@pytest.fixture
def pipe():
    near, far = net.pipe()
    with near, far:
        yield near, far


def one_body() -> Response:
    return Response(bytes(SIZE))


def big_pieces() -> Response:
    return Response.stream(bytes(PERIOD_BYTES * 3) for _ in range(N_PERIODS // 3))


def small_pieces() -> Response:
    return Response.stream(bytes(1000) for _ in range(SIZE // 1000))


@pytest.fixture(params=["one body", "big pieces", "small pieces", "file", "parts"])
def response(request, tmp_path) -> Iterator[Response]:
    """An answer that is longer than what the client's side holds, of each kind."""
    made: dict[str, Callable[[], Response]] = {
        "one body": one_body,
        "big pieces": big_pieces,
        "small pieces": small_pieces,
    }
    if request.param in made:
        yield made[request.param]()
        return
    path = tmp_path / "a"
    path.write_bytes(bytes(SIZE))
    body = FileBody(str(path))
    descriptor = os.open(path, os.O_RDONLY)
    body.take(descriptor, os.fstat(descriptor))
    if request.param == "parts":
        half = SIZE // 2
        body.send_only([b"--", (0, half), b"--", (half, half), b"--"])
    yield Response(body)
    body.close()


def send(near: Conn, response: Response, write_timeout: float = WAIT) -> None:
    Outgoing(near, write_timeout).send(response, 1, False, True)


def test_a_client_that_reads_nothing_is_given_up(pipe, response):
    """After a period, or two: what the conn holds for it counts as read at first."""
    near, _ = pipe
    began = now()
    with pytest.raises(DeadlineError):
        send(near, response)
    assert WAIT <= now() - began < 5


@pytest.mark.parametrize("make", [one_body, big_pieces])
def test_a_client_that_stops_reading_is_given_up(pipe, make):
    near, far = pipe

    def read_some() -> None:
        far.read_exactly(100_000)

    with TaskGroup() as group:
        group.start_soon(read_some)
        began = now()
        with pytest.raises(DeadlineError):
            send(near, make())
        assert WAIT <= now() - began < 5


def test_a_client_that_reads_64_kib_in_each_period_gets_all_of_it(pipe, response):
    """It takes longer than one period, and much longer than none."""
    near, far = pipe

    def read_slowly() -> int:
        n_bytes = 0
        while data := far.read(PERIOD_BYTES // 2):
            n_bytes += len(data)
            sleep(WAIT / 6)
        return n_bytes

    with TaskGroup() as group:
        reading = group.start_soon(read_slowly)
        began = now()
        send(near, response)
        assert now() - began > WAIT
        near.close_write()
        assert reading.result() > SIZE


def many_answers(outgoing: Outgoing) -> None:
    for _ in range(SIZE // 1000):
        outgoing.send(Response(bytes(1000)), 1, False, True)


@pytest.mark.parametrize(
    "answer",
    [
        lambda outgoing: outgoing.send(one_body(), 1, False, True),
        lambda outgoing: outgoing.send(small_pieces(), 1, False, True),
        many_answers,
    ],
    ids=["one body", "small pieces", "many answers"],
)
def test_a_client_that_reads_a_little_in_each_period_is_given_up(pipe, answer):
    """It would hold a connection for hours: the figure is what it must keep up with."""
    near, far = pipe

    def sip() -> None:
        while True:
            far.read(1000)
            sleep(WAIT / 10)

    with TaskGroup() as group:
        group.start_soon(sip)
        began = now()
        with pytest.raises(DeadlineError):
            answer(Outgoing(near, WAIT))
        # That is in the second period: 64 KiB are in the pipe at once.
        assert WAIT <= now() - began < 20 * WAIT
        group.cancel()


def test_a_client_that_lets_each_of_many_writes_wait_is_given_up(pipe):
    """Also where the handler's own pace leaves the deadline far behind."""
    near, far = pipe
    seconds = 0.5
    near.write(bytes(65_000))

    def sip() -> None:
        while True:
            far.read(1000)
            sleep(0.06)

    def pieces() -> Iterator[bytes]:
        while True:
            sleep(0.04)
            yield bytes(1000)

    with TaskGroup() as group:
        group.start_soon(sip)
        with timeout(40 * seconds), pytest.raises(DeadlineError) as caught:
            send(near, Response.stream(pieces()), write_timeout=seconds)
        assert near.write_waited < 3 * seconds
        group.cancel()
    assert caught.value.op == "write"


def test_what_a_write_takes_otherwise_is_not_the_clients_time(pipe, monkeypatch):
    """As on a server whose threads wait for each other."""
    near, _ = pipe
    outgoing = Outgoing(near, WAIT)
    write = Conn.write

    def write_late(conn: Conn, data: bytes) -> None:
        sleep(WAIT / 2)
        write(conn, data)

    monkeypatch.setattr(Conn, "write", write_late)
    for _ in range(6):
        outgoing.send(Response(bytes(1000)), 1, False, True)
    monkeypatch.undo()
    assert near.write_waited == 0.0
    began = now()
    with pytest.raises(DeadlineError):
        outgoing.send(Response(bytes(60_000)), 1, False, True)
        outgoing.send(Response(bytes(60_000)), 1, False, True)
    assert now() - began >= WAIT


@pytest.mark.parametrize("n_answers", [0, 1, 5, 9])
def test_the_wait_for_a_client_is_never_shorter_than_promised(pipe, n_answers):
    """The deadline is not set anew for each answer: so it is set later than need be."""
    near, far = pipe
    outgoing = Outgoing(near, WAIT)
    for _ in range(n_answers):
        outgoing.send(Response(b"abc"), 1, False, True)
        far.read()
        sleep(0.003)
    began = now()
    with pytest.raises(DeadlineError):
        outgoing.send(one_body(), 1, False, True)
    assert now() - began >= WAIT


def test_a_handler_may_think_longer_than_a_client_may_read(pipe):
    """The bound is on the client."""
    near, far = pipe

    def think() -> Iterator[bytes]:
        for _ in range(3):
            sleep(0.08)
            yield b"thought"

    send(near, Response.stream(think()), write_timeout=0.05)
    near.close_write()
    assert far.read_all().count(b"thought") == 3


def test_a_block_around_ends_a_send_as_it_ends_any_wait(pipe, response):
    """And is not taken for the bound on the client, which would be set anew."""
    near, _ = pipe
    began = now()
    with timeout(0.05), pytest.raises(DeadlineError):
        send(near, response, write_timeout=20.0)
    assert 0.05 <= now() - began < 5


def test_a_client_over_tcp_that_stops_reading_is_given_up():
    with net.listen("tcp", "127.0.0.1:0") as listener:
        far = net.dial(listener.address)
        near = listener.accept()
    with near, far:
        near.set_buffer_sizes(send=20_000)
        far.set_buffer_sizes(receive=20_000)
        began = now()
        with pytest.raises(DeadlineError) as caught:
            send(near, Response(bytes(8_000_000)))
        assert WAIT <= now() - began < 5
        assert caught.value.remote == far.local_address


class Stalls(PlayedStream):
    """A peer that takes 45000 bytes, nothing for a period, and then all of it."""

    has_stalled = False

    def send(self, data: Buffer) -> int:
        """Take what it takes."""
        if not self.sent:
            self.sent += memoryview(data)[:45_000]
            return len(self.sent)
        if not self.has_stalled:
            self.has_stalled = True
            sleep(2 * WAIT)
            raise DeadlineError
        return super().send(data)


def test_a_file_that_goes_with_its_head_is_never_sent_with_a_hole(tmp_path):
    """What an error says was sent has the head in it: it is no place in the file."""
    content = bytes(range(250)) * 120
    (tmp_path / "a").write_bytes(content)
    body = FileBody(str(tmp_path / "a"))
    descriptor = os.open(body.path, os.O_RDONLY)
    body.take(descriptor, os.fstat(descriptor))
    stream = Stalls([], ends=True)
    with pytest.raises(DeadlineError):
        send(Conn(stream), Response(body, headers={"X-A": "a" * 30_000}))
    body.close()
    sent = bytes(stream.sent).partition(b"\r\n\r\n")[2]
    assert sent == content[: len(sent)]


def test_a_file_that_goes_with_its_head_has_the_time_of_a_whole_period(
    pipe, tmp_path, monkeypatch
):
    """It is not gone on from where a period ends: so none may end in its middle."""
    (tmp_path / "a").write_bytes(bytes(30_000))
    body = FileBody(str(tmp_path / "a"))
    descriptor = os.open(body.path, os.O_RDONLY)
    body.take(descriptor, os.fstat(descriptor))
    near, far = pipe
    outgoing = Outgoing(near, 20 * WAIT)
    near.write(bytes(60_000))

    def read_late() -> None:
        sleep(10 * WAIT)
        far.read_exactly(90_000)

    with TaskGroup() as group:
        group.start_soon(read_late)
        outgoing.send(Response(bytes(40_000)), 1, False, True)
        deadlines: list[float] = []
        monkeypatch.setattr(
            Conn, "set_write_deadline", lambda _, at: deadlines.append(at)
        )
        began = now()
        outgoing.send(Response(body), 1, False, True)
        assert deadlines[0] >= began + 20 * WAIT
    body.close()
