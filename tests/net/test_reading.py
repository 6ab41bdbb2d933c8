"""Reading: what the contract of all conns does not say."""

import pytest

from portside.engine import TaskGroup, timeout
from portside.errors import DeadlineError, LimitError
from portside.events import socket_call
from portside.net.reading import CHUNK_BYTES, MAX_ALL_BYTES, MAX_LINE_BYTES


@pytest.fixture
def calls():
    """The names of the system calls that are made meanwhile."""
    names: list[str] = []

    def note(name: str, fd: int, told: str, result: str) -> None:
        names.append(name)

    socket_call.add(note)
    yield names
    socket_call.remove(note)


def test_a_line_may_be_as_long_as_the_default_limit(pipe):
    near, far = pipe
    line = b"x" * (MAX_LINE_BYTES - 1) + b"\n"
    far.write(line)
    assert near.read_line() == line


def test_a_line_over_the_default_limit_fails(pipe):
    near, far = pipe
    far.write(b"x" * MAX_LINE_BYTES)
    with pytest.raises(LimitError, match=f"over max_bytes={MAX_LINE_BYTES}"):
        near.read_line()


def test_all_may_be_as_much_as_the_default_limit(pipe):
    near, far = pipe

    def send() -> None:
        far.write(bytes(MAX_ALL_BYTES))
        far.close_write()

    with TaskGroup() as group:
        group.start_soon(send)
        assert len(near.read_all()) == MAX_ALL_BYTES


def test_the_delimiter_counts_against_the_limit(pipe):
    near, far = pipe
    far.write(b"ab--")
    with pytest.raises(LimitError):
        near.read_until(b"--", 3)
    assert near.read_until(b"--", 4) == b"ab--"


def test_a_delimiter_behind_the_limit_is_not_found(pipe):
    near, far = pipe
    far.write(b"abcdef;")
    with pytest.raises(LimitError):
        near.read_until(b";", 6)


def test_the_text_of_a_limit_names_the_option(pipe):
    near, far = pipe
    far.write(b"abcdef;")
    with pytest.raises(LimitError, match=r"what ends in b';' is over max_bytes=6"):
        near.read_until(b";", 6)


def test_small_reads_of_one_message_take_one_receive(pair, calls):
    near, far = pair
    far.write(b"one\ntwo\nthree\n")
    near.peek(14)
    calls.clear()
    assert [near.read_line() for _ in range(3)] == [b"one\n", b"two\n", b"three\n"]
    assert calls == []


def test_a_message_takes_no_receive_that_finds_nothing(pair, calls):
    near, far = pair
    for _ in range(3):
        far.write(b"ping")
        assert near.read() == b"ping"
    assert calls == ["send", "recv"] * 3


def test_a_limit_bounds_what_is_buffered(pipe):
    near, far = pipe

    def send() -> None:
        with timeout(0.5):
            far.write(bytes(10 * MAX_LINE_BYTES))

    with TaskGroup() as group:
        sending = group.start_soon(pytest.raises, DeadlineError, send)
        with pytest.raises(LimitError):
            near.read_line()
        sending.result()
        held = len(near.read(10 * MAX_LINE_BYTES))
    assert held <= MAX_LINE_BYTES + CHUNK_BYTES


def test_a_view_of_wider_items_is_filled_by_bytes(pipe):
    near, far = pipe
    buffer = bytearray(8)
    far.write(b"12345678")
    assert near.readinto(memoryview(buffer).cast("I")) == 8
    assert buffer == b"12345678"


def test_what_is_put_back_costs_no_receive(pair, calls):
    near, far = pair
    far.write(b"head and body")
    data = near.read()
    calls.clear()
    near.unread(data[5:])
    assert near.read() == b"and body"
    assert calls == []


def test_what_was_put_back_is_read_by_whoever_reads_next(pipe):
    near, far = pipe
    far.write(b"one")
    near.unread(near.read())
    with TaskGroup() as group:
        assert group.start_soon(near.read).result() == b"one"


def test_an_idle_read_gets_what_was_put_back_when_the_server_drains(pipe):
    """It is a request that has come: its sender is owed something."""
    near, far = pipe
    far.write(b"one two")
    near.unread(near.read()[4:])
    near.drain()
    with near.idle():
        assert near.read() == b"two"
        assert near.read() == b""


def test_putting_back_takes_any_bytes_and_keeps_none_of_them(pipe):
    near, _ = pipe
    buffer = bytearray(b"one")
    near.unread(buffer)
    buffer[:] = b"two"
    near.unread(memoryview(b"--"))
    assert near.read() == b"--one"
