"""Pipes in memory: what the contract of all conns does not say."""

import pytest

from portside import net
from portside.engine import TaskGroup, timeout
from portside.errors import (
    BrokenError,
    ClosedError,
    DeadlineError,
    Error,
    ResetError,
)
from portside.names import PipeAddress
from portside.net.pipe import PIPE_BYTES


def test_both_ends_have_the_address_of_a_pipe(pipe):
    for end in pipe:
        assert end.network == "pipe"
        assert end.local_address == end.remote_address == PipeAddress()


def test_a_direction_holds_so_much_and_no_more(pipe):
    near, far = pipe
    near.write(bytes(PIPE_BYTES))
    with timeout(0.01), pytest.raises(DeadlineError) as caught:
        near.write(b"x")
    assert caught.value.sent == 0
    assert len(far.read(2 * PIPE_BYTES)) == PIPE_BYTES


def test_the_directions_are_apart(pipe):
    near, far = pipe
    near.write(bytes(PIPE_BYTES))
    far.write(b"x")
    assert near.read() == b"x"


def test_after_a_close_the_peer_reads_an_end_and_cannot_write(pipe):
    near, far = pipe
    near.close()
    assert far.read() == b""
    with pytest.raises(BrokenError):
        far.write(b"x")
    far.set_deadline(None)
    with pytest.raises(ClosedError):
        near.read()


def test_an_abort_drops_what_was_not_read(pipe):
    near, far = pipe
    near.write(b"x")
    near.abort()
    with pytest.raises(ResetError):
        far.read()


def test_a_close_drops_what_we_did_not_read_and_keeps_what_we_wrote(pipe):
    near, far = pipe
    far.write(b"never read")
    near.write(b"reply")
    near.close()
    assert far.read_all() == b"reply"


def test_a_half_close_after_the_peers_abort_says_that_it_is_gone(pipe):
    near, far = pipe
    far.abort()
    with pytest.raises(BrokenError):
        near.close_write()


def test_a_pipe_has_no_number_and_no_options(pipe):
    near, _ = pipe
    for call in (
        near.fileno,
        near.set_keep_alive,
        near.peer_credentials,
        lambda: near.set_no_delay(True),
        lambda: near.set_linger(0),
        lambda: near.set_buffer_sizes(send=1),
    ):
        with pytest.raises(Error, match=r"^set pipe pipe->pipe: a pipe has no socket"):
            call()


def test_a_pipe_has_no_five_tuple(pipe):
    near, _ = pipe
    with pytest.raises(Error, match="a conn of network pipe has no five-tuple"):
        _ = near.five_tuple


def test_pipes_may_be_chained(pipe):
    first, second = pipe, net.pipe()

    def copy() -> None:
        for chunk in first[1]:
            second[0].write(chunk)
        second[0].close_write()

    with second[0], second[1], TaskGroup() as group:
        group.start_soon(copy)
        first[0].write(b"through both")
        first[0].close_write()
        assert second[1].read_all() == b"through both"
