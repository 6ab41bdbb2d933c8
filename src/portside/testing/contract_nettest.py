"""The eleven checks that Go makes of every connection.

In       two fresh conns, each the other's peer
Out      nothing, if the contract holds
Source   golang.org/x/net/nettest, TestConn: each check says which one it is
Holds    nothing
Fails    AssertionError: with a sentence
"""

import contextlib

from portside.engine import TaskGroup, now, sleep
from portside.errors import DeadlineError, Error
from portside.net import Conn
from portside.testing.contract_claims import LONG_AGO, fails, vouch_for
from portside.testing.contract_peers import (
    CHUNK_BYTES,
    beside,
    discard,
    echo,
    flood,
    noise,
    resync,
    round_trip,
    write_on,
)

__all__ = [
    "a_close_ends_a_read_and_a_write",
    "a_deadline_that_passes_leaves_the_conn_usable",
    "a_long_transfer_arrives_whole",
    "a_passed_deadline_moves_no_byte",
    "a_passed_read_deadline_does_not_disturb_writes",
    "a_passed_write_deadline_does_not_disturb_reads",
    "a_peer_answers_each_number_with_the_next",
    "all_methods_may_be_called_at_once",
    "moving_the_deadline_into_the_past_ends_pending_calls",
    "reads_of_many_tasks_leave_their_buffers_alone",
    "writes_of_many_tasks_keep_no_buffer",
]

N_TASKS = 10
N_ROUNDS = 100
SPENT = 0xEE  # what a buffer is overwritten with after the call that used it


def a_long_transfer_arrives_whole(near: Conn, far: Conn) -> None:
    """A megabyte in small pieces arrives whole and in order (BasicIO)."""
    data = noise(1 << 20)

    def send() -> None:
        for start in range(0, len(data), CHUNK_BYTES):
            near.write(data[start : start + CHUNK_BYTES])
        near.close()

    def receive() -> bytes:
        came = bytearray()
        while chunk := far.read(CHUNK_BYTES):
            came += chunk
        far.close()
        return bytes(came)

    with TaskGroup() as group:
        group.start_soon(send)
        receiving = group.start_soon(receive)
    came = receiving.result()
    assert len(came) == len(data), f"{len(came)} bytes of {len(data)} arrived"
    assert came == data, "the bytes that arrived are others"


def a_peer_answers_each_number_with_the_next(near: Conn, far: Conn) -> None:
    """Nothing is lost or doubled when the ends take turns (PingPong)."""

    def play(conn: Conn) -> None:
        before: int | None = None
        while head := conn.read(8):
            number = int.from_bytes(head + conn.read_exactly(8 - len(head)), "little")
            assert before is None or number == before + 2, f"{number} after {before}"
            before = number
            if number == 1000:
                break
            conn.write((number + 1).to_bytes(8, "little"))
        assert before is not None, "an end heard nothing"
        assert before >= 999, f"the last number that an end heard is {before}"
        conn.close()

    with TaskGroup() as group:
        group.start_soon(play, near)
        group.start_soon(play, far)
        near.write(bytes(8))


def reads_of_many_tasks_leave_their_buffers_alone(near: Conn, far: Conn) -> None:
    """After a read has returned nobody writes to its buffer any more (RacyRead)."""

    def read() -> None:
        buffer = bytearray(CHUNK_BYTES)
        spent = bytes([SPENT]) * CHUNK_BYTES
        for _ in range(N_ROUNDS):
            buffer[:] = spent
            try:
                near.readinto(buffer)
            except DeadlineError as error:
                vouch_for(error, near)
                assert buffer == spent, "a read that failed changed the buffer"
                near.set_read_deadline(now() + 0.001)
            buffer[:] = spent
            sleep(0)
            assert buffer == spent, "the buffer changed after the read had returned"

    with beside(flood, far):
        near.set_read_deadline(now() + 0.001)
        with TaskGroup() as group:
            for _ in range(N_TASKS):
                group.start_soon(read)


def writes_of_many_tasks_keep_no_buffer(near: Conn, far: Conn) -> None:
    """After a write has returned nobody reads its buffer any more (RacyWrite)."""

    def write() -> None:
        buffer = bytearray(CHUNK_BYTES)
        for _ in range(N_ROUNDS):
            buffer[:] = bytes(CHUNK_BYTES)
            try:
                near.write(buffer)
            except DeadlineError as error:
                vouch_for(error, near)
                near.set_write_deadline(now() + 0.001)
            buffer[:] = bytes([SPENT]) * CHUNK_BYTES
            buffer.append(0)  # BufferError, if somebody still held the buffer
            del buffer[-1]

    def read() -> None:
        while chunk := far.read():
            assert SPENT not in chunk, "what was put in after the return was sent"

    with TaskGroup() as outer:
        outer.start_soon(read)
        near.set_write_deadline(now() + 0.001)
        with TaskGroup() as group:
            for _ in range(N_TASKS):
                group.start_soon(write)
        near.close()


def a_passed_read_deadline_does_not_disturb_writes(near: Conn, far: Conn) -> None:
    """The two directions have deadlines of their own (ReadTimeout)."""
    with beside(discard, far):
        near.set_read_deadline(LONG_AGO)
        fails(DeadlineError, near, near.read)
        near.write(noise(CHUNK_BYTES))


def a_passed_write_deadline_does_not_disturb_reads(near: Conn, far: Conn) -> None:
    """The two directions have deadlines of their own (WriteTimeout)."""
    with beside(flood, far):
        near.set_write_deadline(LONG_AGO)
        fails(DeadlineError, near, near.write, noise(CHUNK_BYTES))
        assert near.read(), "the stream ended where a flood was to come"


def a_passed_deadline_moves_no_byte(near: Conn, far: Conn) -> None:
    """A passed deadline fails at once, and no byte strays (PastTimeout)."""
    with beside(echo, far):
        round_trip(near)
        near.set_deadline(LONG_AGO)
        error = fails(DeadlineError, near, near.write, noise(CHUNK_BYTES))
        assert error.sent == 0, f"{error.sent} bytes went after the deadline"
        fails(DeadlineError, near, near.read)
        round_trip(near)


def moving_the_deadline_into_the_past_ends_pending_calls(near: Conn, far: Conn) -> None:
    """A deadline holds for calls that wait already, too (PresentTimeout)."""
    moved = False

    def move() -> None:
        nonlocal moved
        sleep(0.1)
        moved = True
        near.set_read_deadline(LONG_AGO)
        near.set_write_deadline(LONG_AGO)

    def read() -> None:
        fails(DeadlineError, near, near.read)
        assert moved, "the read failed before there was a deadline"

    def write() -> None:
        fails(DeadlineError, near, write_on, near)
        assert moved, "the write failed before there was a deadline"

    with TaskGroup() as group:
        for task in (move, read, write):
            group.start_soon(task)


def a_deadline_that_passes_leaves_the_conn_usable(near: Conn, far: Conn) -> None:
    """Calls end by themselves at the deadline; later ones work (FutureTimeout)."""
    near.set_deadline(now() + 0.1)
    with TaskGroup() as group:
        group.start_soon(fails, DeadlineError, near, near.read)
        group.start_soon(fails, DeadlineError, near, write_on, near)
    with beside(echo, far):
        resync(near)
        round_trip(near)


def a_close_ends_a_read_and_a_write(near: Conn, far: Conn) -> None:
    """A close of our own ends what is pending on this conn (CloseTimeout)."""

    def close() -> None:
        sleep(0.1)
        near.close()

    def read() -> None:
        with contextlib.suppress(Error):
            while near.read():
                pass

    def write() -> None:
        with contextlib.suppress(Error):
            write_on(near)

    near.set_deadline(None)
    with beside(echo, far), TaskGroup() as group:
        for task in (close, read, write):
            group.start_soon(task)


def all_methods_may_be_called_at_once(near: Conn, far: Conn) -> None:
    """Whatever many tasks do at once, the stream stays in step (ConcurrentMethods)."""

    def read() -> None:
        with contextlib.suppress(DeadlineError):
            near.read(CHUNK_BYTES)

    def write() -> None:
        with contextlib.suppress(DeadlineError):
            near.write(bytes(CHUNK_BYTES))

    with beside(echo, far):
        with TaskGroup() as group:
            for _ in range(100):
                group.start_soon(read)
                group.start_soon(write)
                group.start_soon(lambda: near.set_deadline(now() + 0.01))
                group.start_soon(near.set_read_deadline, LONG_AGO)
                group.start_soon(near.set_write_deadline, LONG_AGO)
                group.start_soon(lambda: near.local_address)
                group.start_soon(lambda: near.remote_address)
        resync(near)
        round_trip(near)
