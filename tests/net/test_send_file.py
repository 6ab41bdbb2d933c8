"""Sending files: what the contract of all conns does not say."""

import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from portside.engine import (
    Event,
    TaskGroup,
    call_as_task,
    cancel,
    current,
    now,
    timeout,
)
from portside.engine.hub import Hub
from portside.engine.threads import pool
from portside.errors import (
    BrokenError,
    Cancelled,
    ClosedError,
    DeadlineError,
    Error,
    ResetError,
)
from portside.events import socket_call
from portside.net import Conn
from portside.net.file_part import FilePart
from portside.net.stream import SocketStream
from portside.net.writing import FILE_STEP_BYTES, SMALL_FILE_BYTES
from tests.net.engines import on_each_engine

BIG_BYTES = 48 << 20
"""More than the buffers of both ends take together: some 10 MiB on Linux, tcp(7)."""


@pytest.fixture
def calls():
    """Name and result of the system calls that are made meanwhile."""
    made: list[tuple[str, str]] = []

    def note(name: str, fd: int, told: str, result: str) -> None:
        made.append((name, result.partition(" ")[0]))

    socket_call.add(note)
    yield made
    socket_call.remove(note)


@pytest.fixture
def make_file(tmp_path):
    """Return a function that makes a file of so many bytes and returns it, open."""
    with contextlib.ExitStack() as opened:

        def make(n_bytes: int, name: str = "file") -> BinaryIO:
            path: Path = tmp_path / name
            block = os.urandom(1 << 20)
            with path.open("wb") as written:
                for start in range(0, n_bytes, len(block)):
                    written.write(block[: n_bytes - start])
            return opened.enter_context(path.open("r+b"))

        yield make


def content(file: BinaryIO) -> bytes:
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)


# -- which bytes


@on_each_engine
@pytest.mark.parametrize(
    ("offset", "count", "sent"),
    [
        (0, None, slice(0, 3_000_000)),
        (0, 3_000_000, slice(0, 3_000_000)),
        (0, 0, slice(0, 0)),
        (0, 1, slice(0, 1)),
        (1, 1, slice(1, 2)),
        (2_999_999, None, slice(2_999_999, 3_000_000)),
        (3_000_000, None, slice(0, 0)),
        (3_000_000, 0, slice(0, 0)),
        (4_000_000, None, slice(0, 0)),
        (17, SMALL_FILE_BYTES, slice(17, 17 + SMALL_FILE_BYTES)),
        (17, SMALL_FILE_BYTES + 1, slice(17, 18 + SMALL_FILE_BYTES)),
        (5, FILE_STEP_BYTES, slice(5, 5 + FILE_STEP_BYTES)),
        (5, FILE_STEP_BYTES + 1, slice(5, 6 + FILE_STEP_BYTES)),
    ],
)
def test_the_part_that_was_asked_for_is_sent(pair, make_file, offset, count, sent):
    near, far = pair
    file = make_file(3_000_000)
    wanted = content(file)[sent]
    with TaskGroup() as group:
        reading = group.start_soon(far.read_all, 3_000_000)
        assert near.send_file(file, offset, count) == len(wanted)
        near.close_write()
    assert reading.result() == wanted


def test_a_descriptor_does_as_well_as_a_file(pair, make_file):
    near, far = pair
    file = make_file(1000)
    assert near.send_file(file.fileno()) == 1000
    assert far.read_exactly(1000) == content(file)


@pytest.mark.parametrize("n_bytes", [1000, 100_000])
def test_the_position_of_the_file_stays_where_it_is(pair, make_file, n_bytes):
    near, far = pair
    file = make_file(n_bytes)
    file.seek(123)
    near.send_file(file)
    assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 123
    assert far.read_exactly(n_bytes) == content(file)


# -- what can not be sent


def test_what_is_in_memory_only_is_no_file(pair):
    near, _ = pair
    with pytest.raises(ValueError, match="fileno"):
        near.send_file(io.BytesIO(b"x"))


def test_a_closed_file_is_refused_and_the_conn_goes_on(pair, make_file):
    near, far = pair
    file = make_file(10)
    number = file.fileno()
    file.close()
    with pytest.raises(ValueError, match="closed file"):
        near.send_file(file)
    with pytest.raises(ValueError, match=f"descriptor {number} is not open"):
        near.send_file(number)
    near.write(b"on")
    assert far.read() == b"on"


def test_what_is_no_regular_file_is_refused(pair):
    near, _ = pair
    reader, writer = os.pipe()
    try:
        with pytest.raises(ValueError, match="no regular file"):
            near.send_file(reader)
        with pytest.raises(ValueError, match="no regular file"):
            near.send_file(near)
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize(("offset", "count"), [(-1, None), (-1, 5), (0, -1)])
def test_a_negative_number_is_refused(pair, make_file, offset, count):
    near, _ = pair
    with pytest.raises(ValueError, match="cannot begin at"):
        near.send_file(make_file(10), offset, count)


@pytest.mark.parametrize(("offset", "count"), [(0, 11), (1, 10), (11, 1), (0, 1 << 40)])
def test_more_than_the_file_has_is_an_error_before_anything_is_sent(
    pair, make_file, offset, count
):
    near, far = pair
    with pytest.raises(Error, match=f"the file has 10 bytes, not {count}") as caught:
        near.send_file(make_file(10), offset, count)
    assert caught.value.sent == 0
    assert str(caught.value).startswith("write tcp 127.0.0.1:")
    near.write(b"on")
    assert far.read() == b"on"


@on_each_engine
def test_a_file_that_shrinks_meanwhile_is_an_error_that_says_what_was_sent(
    pair, make_file
):
    near, far = pair
    file = make_file(BIG_BYTES)

    def send() -> Error:
        with pytest.raises(Error, match="the file became shorter") as caught:
            near.send_file(file)
        near.close_write()
        return caught.value

    with TaskGroup() as group:
        sending = group.start_soon(send)
        first = far.read_exactly(1)  # so it has begun, and waits for us to read on
        file.truncate(1 << 20)
        rest = far.read_all(BIG_BYTES)
    assert sending.result().sent == len(first + rest)
    assert 0 < len(first + rest) < BIG_BYTES


@on_each_engine
@pytest.mark.parametrize("n_bytes", [10, 100_000])
def test_a_file_that_cannot_be_read_is_an_error_of_the_write(pair, make_file, n_bytes):
    near, _ = pair
    only_written = os.open(make_file(n_bytes).name, os.O_WRONLY)
    try:
        with pytest.raises(Error, match="write tcp ") as caught:
            near.send_file(only_written)
    finally:
        os.close(only_written)
    assert caught.value.sent == 0
    assert not near.closed


# -- turn, deadline, close


@on_each_engine
@pytest.mark.parametrize("n_bytes", [1000, 200_000])
def test_a_file_waits_for_its_turn_to_be_written(pair, make_file, n_bytes):
    near, far = pair
    file = make_file(n_bytes)
    noise = os.urandom(BIG_BYTES)

    with TaskGroup() as group:
        group.start_soon(near.write, noise)
        assert far.read_exactly(1) == noise[:1]
        group.start_soon(near.send_file, file)
        came = far.read_exactly(BIG_BYTES - 1 + n_bytes)
    assert came == noise[1:] + content(file)


@on_each_engine
def test_a_write_waits_until_the_file_has_gone(pair, make_file):
    near, far = pair
    file = make_file(BIG_BYTES)

    with TaskGroup() as group:
        group.start_soon(near.send_file, file)
        first = far.read_exactly(1)
        group.start_soon(near.write, b"after")
        rest = far.read_exactly(BIG_BYTES + 4)
    assert (first + rest).endswith(b"after")
    assert (first + rest)[:-5] == content(file)


@on_each_engine
def test_a_write_deadline_covers_all_of_the_file(pair, make_file):
    near, far = pair
    file = make_file(BIG_BYTES)
    near.set_write_deadline(now() + 0.2)
    with pytest.raises(DeadlineError) as caught:
        near.send_file(file)
    assert 0 < caught.value.sent < BIG_BYTES
    near.set_write_deadline(None)
    near.close_write()
    with TaskGroup() as group:
        reading = group.start_soon(far.read_all, BIG_BYTES)
    assert len(reading.result()) == caught.value.sent


@on_each_engine
def test_a_deadline_that_has_passed_sends_nothing_of_the_file(pair, make_file):
    near, far = pair
    near.set_write_deadline(now() - 1)
    for n_bytes in (10, 100_000):
        with pytest.raises(DeadlineError) as caught:
            near.send_file(make_file(n_bytes))
        assert caught.value.sent == 0
    near.set_write_deadline(None)
    near.close_write()
    assert far.read() == b""


@on_each_engine
def test_a_close_ends_the_sending(pair, make_file):
    near, far = pair
    file = make_file(BIG_BYTES)

    def send() -> Error:
        with pytest.raises(ClosedError) as caught:
            near.send_file(file)
        return caught.value

    with TaskGroup() as group:
        sending = group.start_soon(send)
        far.read_exactly(1)
        near.close()
    assert 0 < sending.result().sent < BIG_BYTES


@on_each_engine
def test_a_cancelled_task_sends_no_more_of_the_file(pair, make_file):
    near, far = pair
    file = make_file(BIG_BYTES)
    tasks = []

    def send() -> None:
        tasks.append(current())
        with pytest.raises(Cancelled):
            near.send_file(file)

    with TaskGroup() as group:
        sending = group.start_soon(call_as_task, send)
        far.read_exactly(1)
        cancel(tasks[0])
        sending.result()
        near.close_write()
        assert len(far.read_all(BIG_BYTES)) < BIG_BYTES - 1


@on_each_engine
def test_a_peer_that_aborts_ends_the_sending(pair, make_file):
    near, far = pair
    file = make_file(BIG_BYTES)

    def send() -> None:
        with pytest.raises((ResetError, BrokenError)):
            near.send_file(file)

    with TaskGroup() as group:
        group.start_soon(send)
        far.read_exactly(1)
        far.abort()


class Hurried(SocketStream):
    """Takes every step at once, and is told how many to take before time is up."""

    steps_left = 0

    def send_file(self, file: int, offset: int, max_bytes: int) -> int:
        self.steps_left -= 1
        if self.steps_left == 0:
            self.writing.set_deadline(now() - 1)
        return max_bytes


@on_each_engine
def test_a_deadline_counts_also_where_no_step_has_to_wait(make_file):
    near, far = socket.socketpair()
    stream = Hurried(near, "unix", None, None)
    stream.steps_left = 3
    file = make_file(5 * FILE_STEP_BYTES)
    with far, Conn(stream) as conn:
        with pytest.raises(DeadlineError) as caught:
            conn.send_file(file)
    assert caught.value.sent == 3 * FILE_STEP_BYTES


def test_after_close_write_no_file_is_sent(pair, make_file):
    near, _ = pair
    near.close_write()
    with pytest.raises(BrokenError, match="close_write was called"):
        near.send_file(make_file(10))


def test_nothing_counts_as_written_where_the_part_is_empty(pair, make_file):
    near, _ = pair
    near.send_file(make_file(0))
    assert not near.has_written
    near.send_file(make_file(100_000))
    assert near.has_written


# -- how


def test_a_big_file_goes_by_sendfile_and_not_through_our_memory(pair, make_file, calls):
    near, far = pair
    file = make_file(100_000)
    near.send_file(file)
    assert far.read_exactly(100_000) == content(file)
    assert {name for name, _ in calls} == {"sendfile", "recv"}


def test_a_small_file_leaves_in_one_call_with_what_a_cork_holds(pair, make_file, calls):
    near, far = pair
    with near.corked():
        near.write(b"head")
        near.send_file(make_file(SMALL_FILE_BYTES))
        near.write(b"tail")
    assert calls == [("send", str(SMALL_FILE_BYTES + 8))]
    assert far.read_exactly(SMALL_FILE_BYTES + 8)[-4:] == b"tail"


def test_a_cork_sends_what_it_holds_before_a_big_file(pair, make_file, calls):
    near, far = pair
    file = make_file(SMALL_FILE_BYTES + 1)
    with near.corked():
        near.write(b"head")
        near.send_file(file)
        near.write(b"tail")
    assert calls == [
        ("send", "4"),
        ("sendfile", str(SMALL_FILE_BYTES + 1)),
        ("send", "4"),
    ]
    came = far.read_exactly(SMALL_FILE_BYTES + 9)
    assert came == b"head" + content(file) + b"tail"


def test_no_step_is_longer_than_what_lets_others_have_their_turn(
    pair, make_file, calls
):
    near, far = pair
    with TaskGroup() as group:
        group.start_soon(near.send_file, make_file(5 * FILE_STEP_BYTES + 1))
        far.read_exactly(5 * FILE_STEP_BYTES + 1)
    sent = [int(result) for name, result in calls if name == "sendfile" and result]
    sizes = [n for n in sent if n > 0]
    assert sum(sizes) == 5 * FILE_STEP_BYTES + 1
    assert max(sizes) <= FILE_STEP_BYTES


def test_in_a_hub_others_have_their_turns_while_a_file_is_sent(pair, pipe, make_file):
    near, far = pair
    rounds, over = [], Event()

    def drain() -> None:
        far.read_exactly(BIG_BYTES)
        over.set()

    def ask() -> None:
        while not over.is_set:
            pipe[0].write(b"?")
            rounds.append(pipe[0].read())
        pipe[0].close_write()

    def answer() -> None:
        while pipe[1].read():
            pipe[1].write(b"!")

    def all_of_it() -> None:
        with TaskGroup() as group:
            for task in (drain, ask, answer):
                group.start_soon(task)
            near.send_file(make_file(BIG_BYTES))

    Hub().run(all_of_it)
    assert len(rounds) >= BIG_BYTES // FILE_STEP_BYTES // 2


# -- a disk that is slow


def forget(file: BinaryIO) -> None:
    """Have the kernel drop what it has of a file in memory: mostly it does."""
    os.fsync(file.fileno())
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def in_memory(file: BinaryIO, at: int) -> bool:
    try:
        return os.preadv(file.fileno(), [bytearray(1)], at, os.RWF_NOWAIT) == 1
    except OSError:
        return False


def pool_threads() -> int:
    return sum(each.name == "portside" for each in threading.enumerate())


@pytest.fixture
def no_pool():
    pool.trim()
    until = now() + 5.0
    while pool_threads() and now() < until:
        threading.Event().wait(0.001)
    assert not pool_threads()


@pytest.mark.parametrize("n_bytes", [SMALL_FILE_BYTES, 3_000_000])
def test_in_a_hub_what_is_not_in_memory_is_read_by_a_thread(
    pair, make_file, no_pool, n_bytes
):
    near, far = pair
    file = make_file(n_bytes)
    wanted = content(file)

    def send_until_a_thread_read():
        until = now() + 20.0  # some pages are not to be dropped at once
        while not pool_threads():
            assert now() < until, "no thread read what was not in memory"
            forget(file)
            with TaskGroup() as group:
                reading = group.start_soon(far.read_exactly, n_bytes)
                near.send_file(file)
            assert reading.result() == wanted

    Hub().run(send_until_a_thread_read)


def test_in_a_hub_what_is_in_memory_needs_no_thread(pair, make_file, no_pool):
    near, far = pair
    small, big = make_file(1000, "small"), make_file(200_000, "big")
    assert len(content(small) + content(big)) == 201_000
    if not (in_memory(small, 0) and in_memory(big, 199_999)):
        pytest.skip("this file system does not tell what is in memory")

    def send():
        near.send_file(small)
        near.send_file(big)
        return far.read_exactly(201_000)

    assert Hub().run(send) == content(small) + content(big)
    assert pool_threads() == 0


def test_where_a_thread_may_block_none_is_started_for_the_disk(
    pair, make_file, no_pool
):
    near, far = pair
    file = make_file(200_000)
    wanted = content(file)
    forget(file)
    near.send_file(file)
    assert far.read_exactly(200_000) == wanted
    assert pool_threads() == 0


def test_a_step_that_was_loaded_is_in_memory_from_end_to_end(make_file):
    file = make_file(3_000_000)
    if not in_memory(file, 0):
        pytest.skip("this file system does not tell what is in memory")
    forget(file)
    part = FilePart.of(file.fileno(), 100, None)
    Hub().run(lambda: part.load(1_000_000, 1_000_000))
    pages = range(1_000_100, 2_000_100, 4096)
    assert all(in_memory(file, at) for at in pages)


# -- from outside

SENDER = """
import os, sys
from portside import net
file = os.open(sys.argv[1], os.O_RDONLY)
with net.dial(sys.argv[2]) as conn:
    conn.send_file(file)
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")
def test_strace_sees_sendfile_and_no_read_of_the_file(listener, make_file, tmp_path):
    file = make_file(300_000)
    traced = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-o", traced, "-e", "trace=sendfile,pread64,read"]
    sender = [sys.executable, "-c", SENDER, file.name, f"tcp://{listener.address}"]
    with subprocess.Popen([*command, *sender], stderr=subprocess.PIPE) as process:
        with timeout(20), listener.accept() as conn:
            came = conn.read_all()
        _, told = process.communicate()
    assert process.returncode == 0, told.decode()
    assert came == content(file)
    on_file = [
        line.split("(")[0].split()[-1]
        for line in traced.read_text().splitlines()
        if file.name in line
    ]
    assert set(on_file) == {"sendfile"}
