"""The pairs of conns that the contract is tried on."""

import contextlib
import functools
from collections.abc import Callable, Iterator

import pytest

from portside import net
from portside.net import Conn
from portside.testing.contract import MakePair


@contextlib.contextmanager
def tcp_pair() -> Iterator[tuple[Conn, Conn]]:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        near = net.dial(listener.address)
        far = listener.accept()
    with near, far:
        yield near, far


@contextlib.contextmanager
def pipe_pair() -> Iterator[tuple[Conn, Conn]]:
    near, far = net.pipe()
    with near, far:
        yield near, far


@contextlib.contextmanager
def unix_pair(network: str = "unix") -> Iterator[tuple[Conn, Conn]]:
    with net.listen(network, "@") as listener:
        near = net.dial(listener.address)
        far = listener.accept()
    with near, far:
        yield near, far


TRANSPORTS: dict[
    str, Callable[[], contextlib.AbstractContextManager[tuple[Conn, Conn]]]
]
TRANSPORTS = {
    "tcp": tcp_pair,
    "unix": unix_pair,
    "unixpacket": functools.partial(unix_pair, "unixpacket"),
    "pipe": pipe_pair,
}


RESET = "the kernel tells no reset to the peer of a Unix socket: an abort is an end"
LONG = "a record is not longer than the send buffer"
WHOLE = "a read takes a whole record or, when that is too long, none of it"

CANNOT = {
    "unix": {
        "a_peer_that_aborts_is_told_apart_from_one_that_closes": RESET,
        "a_peer_that_aborts_wakes_a_pending_read": RESET,
    },
    "unixpacket": {
        "a_peer_that_aborts_is_told_apart_from_one_that_closes": RESET,
        "a_peer_that_aborts_wakes_a_pending_read": RESET,
        "a_huge_write_goes_through": LONG,
        "a_write_that_timed_out_says_what_was_sent": LONG,
        "a_writev_that_timed_out_says_what_was_sent": LONG,
        "a_deadline_covers_a_write_that_is_read_in_drops": LONG,
        "many_buffers_are_one_write": LONG,
        "a_half_close_comes_after_what_is_being_written": LONG,
        "a_lingering_close_does_not_wait_for_a_pending_write": LONG,
        "a_close_wakes_those_who_wait_for_their_turn": LONG,
        "a_lingering_close_delivers_what_was_written": WHOLE,
        "iteration_ends_with_the_stream": WHOLE,
        "both_ends_may_write_at_once": WHOLE,
        "a_cork_sends_what_is_too_much_to_hold": WHOLE,
        "frames_come_back_until_the_end": WHOLE,
        "writes_of_many_tasks_do_not_mix": WHOLE,
        "a_read_returns_what_is_there": WHOLE,
    },
}
"""The checks that a transport cannot meet, and why. Each must fail, so that what is
listed here is what is so."""


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make_pair(transport: str) -> MakePair:
    return TRANSPORTS[transport]
