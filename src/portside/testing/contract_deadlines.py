"""What deadlines and timeouts must do on every conn.

In       two fresh conns, each the other's peer
Out      nothing, if the contract holds
Source   Go's ``net`` tests (timeout_test.go); the rules of `Conn.set_read_deadline`
Holds    nothing
Fails    AssertionError: with a sentence
"""

import math
from collections.abc import Callable

from portside.engine import Event, TaskGroup, deadline, now, sleep, timeout
from portside.errors import ClosedError, DeadlineError, TimedOutError
from portside.net import Conn
from portside.testing.contract_claims import (
    LONG_AGO,
    TooSlow,
    claim_prompt,
    fails,
    vouch_for,
)
from portside.testing.contract_peers import beside, discard, flood, write_on

__all__ = [
    "a_cleared_deadline_binds_no_more",
    "a_deadline_at_infinity_never_comes",
    "a_deadline_covers_a_write_that_is_read_in_drops",
    "a_deadline_covers_reads_that_are_sent_in_drops",
    "a_deadline_covers_the_wait_for_the_turn",
    "a_deadline_holds_for_each_call_until_it_is_moved",
    "a_deadline_may_be_moved_while_calls_begin_and_end",
    "a_deadline_that_moves_away_is_waited_for",
    "a_deadline_that_moves_closer_wakes_a_read_at_once",
    "a_deadline_that_moves_closer_wakes_a_write_at_once",
    "a_passed_deadline_wins_over_what_is_buffered",
    "a_passed_deadline_wins_over_what_is_there",
    "a_timeout_binds_the_tasks_started_inside",
    "a_timeout_bounds_reads_and_writes",
    "a_timeout_wins_over_what_is_buffered",
    "deadlines_on_a_closed_conn_are_errors",
    "deadlines_pass_neither_early_nor_late",
    "the_earlier_of_deadline_and_timeout_counts",
]

DROP_SECONDS = 0.01
"""Between two drops of a peer that keeps a call waiting, and never long enough."""


def a_deadline_that_moves_closer_wakes_a_read_at_once(near: Conn, far: Conn) -> None:
    """Another task's call takes effect on the read that waits now."""
    near.set_read_deadline(now() + 60)
    _claim_wakes(near, near.read, near.set_read_deadline)


def a_deadline_that_moves_closer_wakes_a_write_at_once(near: Conn, far: Conn) -> None:
    """Another task's call takes effect on the write that waits now."""
    near.set_write_deadline(now() + 60)
    _claim_wakes(near, lambda: write_on(near), near.set_write_deadline)


def a_deadline_that_moves_away_is_waited_for(near: Conn, far: Conn) -> None:
    """A call that waits for a deadline learns of a later one, and goes on waiting."""
    at = now() + 0.1
    near.set_deadline(at)

    def move_and_send() -> None:
        near.set_deadline(now() + 60)
        if now() >= at:
            raise TooSlow("moving a deadline took 100 ms")
        sleep(0.15)
        far.write(b"late")

    with TaskGroup() as group:
        group.start_soon(move_and_send)
        assert near.read() == b"late", "the read does not wait for what comes late"


def a_cleared_deadline_binds_no_more(near: Conn, far: Conn) -> None:
    """After None a call waits until there is something, or until the conn is closed."""
    near.set_deadline(LONG_AGO)
    fails(DeadlineError, near, near.read)
    near.set_read_deadline(None)
    cleared = now()

    def close() -> None:
        sleep(0.1)
        near.close()

    with TaskGroup() as group:
        group.start_soon(close)
        error = fails(ClosedError, near, near.read)
    assert now() - cleared >= 0.1, "the read ended before the conn was closed"
    assert not isinstance(error, TimeoutError), "a close is told as a timeout"


def a_deadline_holds_for_each_call_until_it_is_moved(near: Conn, far: Conn) -> None:
    """It is a moment, not a time for each call: the second call fails at once."""
    near.set_read_deadline(now() + 0.02)
    for _ in range(3):
        fails(DeadlineError, near, near.read)
    far.write(b"x")
    fails(DeadlineError, near, near.read)
    near.set_read_deadline(now() + 60)
    assert near.read() == b"x", "a later deadline does not revive the conn"


def a_passed_deadline_wins_over_what_is_there(near: Conn, far: Conn) -> None:
    """Who is late is late, though the bytes have arrived; they are not lost."""
    far.write(b"hello")
    near.peek(5)
    far.write(b"world")
    near.set_read_deadline(LONG_AGO)
    for read in _READS:
        fails(DeadlineError, near, read, near)
    near.set_read_deadline(None)
    assert near.read_exactly(10) == b"helloworld", "a read that failed took bytes"


def a_passed_deadline_wins_over_what_is_buffered(near: Conn, far: Conn) -> None:
    """Bytes in the conn's own buffer make no difference to that."""
    far.write(b"\0\0\0\1x\n;")
    near.peek(7)
    near.set_deadline(LONG_AGO)
    for read in _READS:
        fails(DeadlineError, near, read, near)
    near.set_deadline(None)
    assert near.read_frame() == b"x", "a read that failed took bytes"


def a_timeout_wins_over_what_is_buffered(near: Conn, far: Conn) -> None:
    """A loop that never waits is bounded, too."""
    far.write(b"x" * 1000)
    near.peek(1000)
    n_read = 0

    def read_slowly() -> None:
        nonlocal n_read
        while True:
            near.read(1)
            n_read += 1
            sleep(0.01)

    with deadline(now() + 0.1):
        fails(DeadlineError, near, near.read_exactly, 1001)
    with deadline(LONG_AGO):
        for read in _READS:
            fails(DeadlineError, near, read, near)
        fails(DeadlineError, near, near.write, b"x")
    try:
        with timeout(0.05):
            read_slowly()
    except DeadlineError:
        pass  # from the sleep or from the read, whichever saw it first
    assert n_read < 50, f"{n_read} reads within a timeout that ends after a few"
    assert len(near.read_exactly(1000 - n_read)) == 1000 - n_read, "bytes are lost"


def a_timeout_bounds_reads_and_writes(near: Conn, far: Conn) -> None:
    """The block bounds each call inside, and leaves nothing behind."""
    began = now()
    with timeout(0.05):
        fails(DeadlineError, near, near.read)
        fails(DeadlineError, near, near.read)
    with timeout(0.05):
        fails(DeadlineError, near, write_on, near)
    if now() - began > 1.0:
        raise TooSlow(f"two timeouts of 50 ms took {now() - began:.1f} s")
    far.write(b"x")
    assert near.read() == b"x", "the bound outlives its block"


def a_timeout_binds_the_tasks_started_inside(near: Conn, far: Conn) -> None:
    """What is started for a piece of work has no more time than the work."""
    tasks = []

    def start() -> None:
        with timeout(0.05):
            tasks.append(group.start_soon(fails, DeadlineError, near, near.read))
            tasks.append(group.start_soon(fails, DeadlineError, near, write_on, near))

    with TaskGroup() as group:
        start()
        for task in tasks:
            task.result()


def the_earlier_of_deadline_and_timeout_counts(near: Conn, far: Conn) -> None:
    """None of them puts the others off."""
    began = now()
    near.set_read_deadline(now() + 60)
    with timeout(0.02), timeout(60):
        fails(DeadlineError, near, near.read)
    near.set_read_deadline(now() + 0.02)
    with timeout(60):
        fails(DeadlineError, near, near.read)
    if now() - began > 1.0:
        raise TooSlow(f"two bounds of 20 ms took {now() - began:.1f} s")


def a_deadline_covers_reads_that_are_sent_in_drops(near: Conn, far: Conn) -> None:
    """A peer that sends a byte now and then does not keep a reader for ever."""

    def drip() -> None:
        while True:
            far.write(b"\1")
            sleep(DROP_SECONDS)

    reads: tuple[Callable[[], object], ...] = (
        lambda: near.read_exactly(100_000),
        lambda: near.read_until(b"\n"),
        near.read_line,
        near.read_all,
        lambda: near.read_frame(1 << 30),
        lambda: near.peek(100_000),
    )
    began = now()
    with beside(drip):
        for read in reads:
            near.set_read_deadline(now() + 0.05)
            fails(DeadlineError, near, read)
            near.set_read_deadline(None)
            with timeout(0.05):
                fails(DeadlineError, near, read)
    if now() - began > 5.0:
        raise TooSlow(f"12 reads of 50 ms took {now() - began:.1f} s")


def a_deadline_covers_a_write_that_is_read_in_drops(near: Conn, far: Conn) -> None:
    """A peer that reads a little now and then does not keep a writer for ever."""

    def sip() -> None:
        while far.read(1000):
            sleep(DROP_SECONDS)

    data = bytes(32 << 20)
    with beside(sip):
        near.set_write_deadline(now() + 0.2)
        error = fails(DeadlineError, near, near.write, data)
    if not error.sent:
        raise TooSlow("nothing was sent in 200 ms, though the peer did read")


def a_deadline_covers_the_wait_for_the_turn(near: Conn, far: Conn) -> None:
    """Who waits behind another reader is bounded as well, and leaves the line."""
    first_is_in = Event()

    def read_first() -> bytes:
        near.read_exactly(1)
        first_is_in.set()
        return near.read_exactly(4)

    with TaskGroup() as group:
        reading = group.start_soon(read_first)
        far.write(b"-")
        first_is_in.wait()
        with timeout(0.05):
            fails(DeadlineError, near, near.read)
        near.set_read_deadline(now() + 60)
        far.write(b"word")
    assert reading.result() == b"word", "the first reader was disturbed"


def a_deadline_may_be_moved_while_calls_begin_and_end(near: Conn, far: Conn) -> None:
    """Deadlines of some microseconds, and two tasks that run into them all the time."""
    ended = Event()

    def move() -> None:
        for _ in range(1000):
            near.set_deadline(now() + 2e-6)
        ended.set()

    def read() -> None:
        _run_until(ended, near, near.read)

    def write() -> None:
        _run_until(ended, near, lambda: near.write(b"x"))

    with beside(flood, far), TaskGroup() as group:
        group.start_soon(read)
        group.start_soon(write)
        group.start_soon(move)


def deadlines_pass_neither_early_nor_late(near: Conn, far: Conn) -> None:
    """From a nanosecond to a tenth of a second: never before, and soon after."""
    with beside(discard, far):
        for seconds in (1e-9, 1e-6, 1e-4, 1e-3, 2e-3, 5e-3, 2e-2, 0.1):
            at = now() + seconds
            near.set_read_deadline(at)
            error = fails(DeadlineError, near, near.read)
            assert now() >= at, f"a deadline of {seconds} s passes before its time"
            claim_prompt(at, f"the end of a read after a deadline of {seconds} s")
            assert isinstance(error, TimedOutError), "a deadline is no timeout"


def a_deadline_at_infinity_never_comes(near: Conn, far: Conn) -> None:
    """The largest number is a deadline as others are."""
    for at in (math.inf, 1e300, 1e12):
        near.set_deadline(at)
        with timeout(at), TaskGroup() as group:
            reading = group.start_soon(near.read)
            sleep(0.01)
            far.write(b"x")
        assert reading.result() == b"x", f"a read before {at} returns something else"


def deadlines_on_a_closed_conn_are_errors(near: Conn, far: Conn) -> None:
    """Setting one tells that the conn is closed, as using it does."""
    near.close()
    for at in (None, LONG_AGO, now() + 1):
        fails(ClosedError, near, near.set_deadline, at)
        fails(ClosedError, near, near.set_read_deadline, at)
        fails(ClosedError, near, near.set_write_deadline, at)


_READS: tuple[Callable[[Conn], object], ...] = (
    lambda conn: conn.read(),
    lambda conn: conn.read(1),
    lambda conn: conn.readinto(bytearray(1)),
    lambda conn: conn.read_exactly(1),
    lambda conn: conn.read_until(b";"),
    lambda conn: conn.read_line(),
    lambda conn: conn.read_all(),
    lambda conn: conn.peek(),
    lambda conn: conn.read_uint8(),
    lambda conn: conn.read_struct("B"),
    lambda conn: conn.read_frame(),
    lambda conn: next(conn.lines()),
    lambda conn: next(iter(conn)),
)


def _claim_wakes(
    conn: Conn, call: Callable[[], object], set_deadline: Callable[[float], None]
) -> None:
    # The call is in a task that nobody else wakes: a task that starts others is woken
    # when one of them ends.
    with TaskGroup() as group:
        waiting = group.start_soon(fails, DeadlineError, conn, call)
        sleep(0.05)  # so that it waits; if it does not yet, it fails at once
        assert not waiting.done, "the call failed before the deadline was moved"
        moved = now()
        set_deadline(LONG_AGO)
        waiting.result()
        claim_prompt(moved, "the end of a call after its deadline was moved")


def _run_until(ended: Event, conn: Conn, call: Callable[[], object]) -> None:
    while not ended.is_set:
        try:
            call()
        except DeadlineError as error:
            vouch_for(error, conn)
