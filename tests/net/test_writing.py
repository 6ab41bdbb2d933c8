"""Writing: what the contract of all conns does not say."""

import pytest

from portside.engine import TaskGroup
from portside.errors import BrokenError, ClosedError
from portside.events import socket_call


@pytest.fixture
def calls():
    """Name and result of the system calls that are made meanwhile."""
    made: list[tuple[str, str]] = []

    def note(name: str, fd: int, told: str, result: str) -> None:
        made.append((name, result.partition(" ")[0]))

    socket_call.add(note)
    yield made
    socket_call.remove(note)


def test_a_cork_makes_one_call_of_many_writes(pair, calls):
    near, _ = pair
    with near.corked():
        for _ in range(10):
            near.write(b"x")
    assert calls == [("send", "10")]


def test_a_cork_without_writes_makes_no_call(pair, calls):
    near, _ = pair
    with near.corked():
        pass
    assert calls == []


def test_a_write_of_nothing_makes_no_call(pair, calls):
    near, _ = pair
    near.write(b"")
    near.writev([b""])
    assert calls == []


def test_buffers_within_the_kernels_limit_make_one_call(pair, calls):
    near, _ = pair
    near.writev([b"x"] * 1024)
    assert calls == [("sendmsg", "1024")]


def test_buffers_over_the_kernels_limit_make_more_calls(pair, calls):
    near, far = pair
    near.writev([b"x"] * 1025)
    assert [name for name, _ in calls] == ["sendmsg", "sendmsg"]
    assert far.read_exactly(1025) == b"x" * 1025


def test_a_cork_holds_writev_back_too_so_that_all_goes_in_one_call(pair, calls):
    near, _ = pair
    with near.corked():
        near.write(b"head")
        near.writev([b"body", b"tail"])
    assert calls == [("send", "12")]


def test_a_cork_whose_conn_was_closed_inside_says_that_nothing_went(pair):
    near, _ = pair

    def close_inside() -> None:
        with near.corked():
            near.write(b"x")
            near.close()

    with pytest.raises(ClosedError):
        close_inside()


def test_an_error_in_a_cork_wins_over_that_of_sending(pair):
    near, _ = pair

    def fail_inside() -> None:
        with near.corked():
            near.write(b"x")
            near.close()
            raise KeyError

    with pytest.raises(KeyError):
        fail_inside()


def test_a_text_is_refused_with_what_to_do(pair):
    near, _ = pair
    with pytest.raises(TypeError, match="encode it"):
        near.write("text")


def test_a_write_after_close_write_says_who_ended_it(pair):
    near, _ = pair
    near.close_write()
    with pytest.raises(BrokenError, match="close_write was called"):
        near.write(b"x")


def test_a_half_close_sends_what_a_cork_holds(pair):
    near, far = pair
    with near.corked():
        near.write(b"held")
        near.close_write()
        assert far.read_all() == b"held"


def test_a_list_that_is_written_may_change_afterwards(pair):
    near, far = pair
    buffers = [bytearray(b"one"), bytearray(b"two")]
    near.writev(buffers)
    buffers[0].clear()
    buffers.clear()
    assert far.read_exactly(6) == b"onetwo"


def test_nothing_counts_as_written_before_it_was(pair):
    near, _ = pair
    assert not near.has_written
    with near.corked():
        near.write(b"x")
        assert not near.has_written
    assert near.has_written


def test_a_cork_is_over_when_the_last_block_ends(pair):
    near, far = pair

    def cork() -> None:
        with near.corked():
            near.write(b"in")

    with TaskGroup() as group:
        group.start_soon(cork)
    near.write(b"out")
    assert far.read_exactly(5) == b"in" + b"out"
