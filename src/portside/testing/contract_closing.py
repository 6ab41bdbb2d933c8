"""How every conn must end.

In       two fresh conns, each the other's peer
Out      nothing, if the contract holds
Source   tcp(7) and RFC 9293 section 3.6 for the half close; Go's ``net`` tests
         (net_test.go) and trio's ``check_half_closeable_stream``
Holds    nothing
Fails    AssertionError: with a sentence
"""

from collections.abc import Callable

from portside.engine import Event, TaskGroup, now, sleep
from portside.errors import BrokenError, ClosedError, EndOfStreamError, ResetError
from portside.net import Conn
from portside.testing.contract_claims import LONG_AGO, claim_prompt, fails
from portside.testing.contract_peers import noise, write_on

__all__ = [
    "a_blocked_read_sees_the_peer_close",
    "a_call_on_a_closed_conn_is_an_error",
    "a_close_delivers_what_was_written_and_then_an_end",
    "a_close_is_told_apart_from_an_end",
    "a_close_wakes_a_pending_read_at_once",
    "a_close_wakes_a_pending_write_at_once",
    "a_close_wakes_those_who_wait_for_their_turn",
    "a_half_close_comes_after_what_is_being_written",
    "a_half_closed_conn_refuses_writes_and_can_be_closed",
    "a_lingering_close_delivers_what_was_written",
    "a_lingering_close_does_not_wait_for_a_pending_write",
    "a_lingering_close_waits_for_its_bound_only",
    "a_peer_that_aborts_is_told_apart_from_one_that_closes",
    "a_peer_that_aborts_wakes_a_pending_read",
    "a_peer_that_aborts_wakes_a_pending_write",
    "an_abort_wakes_our_own_pending_calls",
    "closing_twice_is_silent",
    "each_end_may_close_its_direction",
    "the_end_of_a_with_block_closes",
]

HUGE_BYTES = 16 << 20
"""More than a socket takes when nobody reads: some 6 MiB on Linux, tcp(7)."""


def each_end_may_close_its_direction(near: Conn, far: Conn) -> None:
    """A half close ends one direction, and the other one goes on."""
    near.write(b"question")
    near.close_write()
    assert far.read_all() == b"question", "what was written before does not arrive"
    far.write(b"answer, ")
    assert near.read_exactly(8) == b"answer, ", "a half close ends both directions"
    far.write(b"and more")
    far.close_write()
    assert near.read_all() == b"and more", "what was written before does not arrive"
    assert (near.read(), far.read()) == (b"", b""), "something comes after the end"
    assert not near.closed, "a conn that has ended both ways says it is closed"
    assert not far.closed, "a conn that has ended both ways says it is closed"


def a_half_closed_conn_refuses_writes_and_can_be_closed(near: Conn, far: Conn) -> None:
    """After a half close writing is a mistake, a second half close is not."""
    near.close_write()
    near.close_write()
    fails(BrokenError, near, near.write, b"x")
    fails(BrokenError, near, near.writev, [b"x"])
    fails(BrokenError, near, near.write_frame, b"x")
    assert far.read() == b"", "something was sent after the half close"
    near.close()
    near.close()
    fails(ClosedError, near, near.close_write)


def a_half_close_comes_after_what_is_being_written(near: Conn, far: Conn) -> None:
    """It waits for its turn, so it cuts no other task's write short."""
    data = noise(HUGE_BYTES)
    with TaskGroup() as group:
        group.start_soon(near.write, data)
        far.peek()  # so the write is under way
        group.start_soon(near.close_write)
        sleep(0.05)
        came = far.read_all(len(data))
    assert came == data, f"{len(came)} bytes of {len(data)} arrived"


def a_close_delivers_what_was_written_and_then_an_end(near: Conn, far: Conn) -> None:
    """A close is not an abort: what it was told before, the peer hears."""
    near.write(b"last words")
    near.close()
    assert far.read_exactly(10) == b"last words", "what was written is lost"
    assert far.read() == b"", "after the last words comes something else than an end"


def a_close_is_told_apart_from_an_end(near: Conn, far: Conn) -> None:
    """The peer's close is an end; our own is an error of whoever goes on reading."""
    far.close()
    assert near.read() == b"", "the peer's close is not read as an end"
    near.close()
    error = fails(ClosedError, near, near.read)
    assert not isinstance(error, EOFError), "our own close is told as an end"
    assert not isinstance(error, TimeoutError), "our own close is told as a timeout"
    assert not isinstance(error, EndOfStreamError), "our own close is told as an end"


def a_call_on_a_closed_conn_is_an_error(near: Conn, far: Conn) -> None:
    """Whatever is in the buffer, and however little is asked for."""
    far.write(b"x\n")
    near.peek(2)
    near.set_deadline(LONG_AGO)  # what is closed is closed before it is late
    assert not near.closed, "an open conn says it is closed"
    near.close()
    assert near.closed, "a closed conn does not say so"
    reads: tuple[Callable[[], object], ...] = (
        near.read,
        lambda: near.readinto(bytearray(1)),
        lambda: near.read_exactly(1),
        lambda: near.read_exactly(0),
        lambda: near.read_until(b"\n"),
        near.read_line,
        near.read_all,
        near.peek,
        near.read_uint8,
        near.read_frame,
        lambda: list(near),
        lambda: list(near.lines()),
        lambda: list(near.frames()),
    )
    writes: tuple[Callable[[], object], ...] = (
        lambda: near.write(b"x"),
        lambda: near.write(b""),
        lambda: near.writev([]),
        lambda: near.write_uint8(1),
        lambda: near.write_frame(b""),
        near.close_write,
    )
    for op, calls in (("read", reads), ("write", writes)):
        for call in calls:
            error = fails(ClosedError, near, call)
            assert error.op == op, f"the operation was a {op}, not a {error.op}"


def closing_twice_is_silent(near: Conn, far: Conn) -> None:
    """Whoever cleans up need not know who did it before."""
    for _ in range(3):
        near.close()
    near.close(linger=1.0)
    near.abort()
    far.abort()
    far.close()
    far.abort()


def the_end_of_a_with_block_closes(near: Conn, far: Conn) -> None:
    """However it ends."""
    with near:
        near.write(b"x")
    assert near.closed, "the conn is open after its block"
    assert far.read_all() == b"x", "what was written in the block is lost"
    try:
        with far:
            raise KeyError
    except KeyError:
        assert far.closed, "the conn is open after its block failed"


def a_blocked_read_sees_the_peer_close(near: Conn, far: Conn) -> None:
    """An end wakes who waits for bytes."""
    with TaskGroup() as group:
        reading = group.start_soon(near.read)
        sleep(0.02)
        far.close()
        assert reading.result() == b"", "a read that waited does not return the end"


def a_close_wakes_a_pending_read_at_once(near: Conn, far: Conn) -> None:
    """A close by another task ends a read with ClosedError."""
    _claim_wakes(near, near.read, near.close)


def a_close_wakes_a_pending_write_at_once(near: Conn, far: Conn) -> None:
    """A close by another task ends a write with ClosedError."""
    _claim_wakes(near, lambda: write_on(near), near.close)


def an_abort_wakes_our_own_pending_calls(near: Conn, far: Conn) -> None:
    """An abort ends them as a close does: it is our own doing."""
    with TaskGroup() as group:
        group.start_soon(fails, ClosedError, near, near.read)
        group.start_soon(fails, ClosedError, near, write_on, near)
        sleep(0.05)
        near.abort()


def a_close_wakes_those_who_wait_for_their_turn(near: Conn, far: Conn) -> None:
    """Also who has not begun yet learns that there will be no turn."""
    data = bytes(HUGE_BYTES)
    with TaskGroup() as group:
        group.start_soon(fails, ClosedError, near, near.write, data)
        far.peek()  # so the write is under way
        for _ in range(3):
            group.start_soon(fails, ClosedError, near, near.read)
            group.start_soon(fails, ClosedError, near, near.write, b"x")
            group.start_soon(fails, ClosedError, near, near.close_write)
        sleep(0.05)
        near.close()


def a_peer_that_aborts_is_told_apart_from_one_that_closes(
    near: Conn, far: Conn
) -> None:
    """A cut reply must not look like a whole one, however often one reads."""
    far.abort()
    for _ in range(3):
        error = fails(ResetError, near, near.read)
        assert not isinstance(error, EOFError), "an abort is told as an end"
    fails(ResetError, near, near.read_all)
    fails((ResetError, BrokenError), near, near.write, b"x")
    fails((ResetError, BrokenError), near, near.close_write)
    near.close()


def a_peer_that_aborts_wakes_a_pending_read(near: Conn, far: Conn) -> None:
    """A read that waits fails with a reset."""
    waiting = Event()

    def read() -> None:
        near.read()
        waiting.set()
        fails(ResetError, near, near.read)

    with TaskGroup() as group:
        group.start_soon(read)
        far.write(b"x")
        waiting.wait()
        sleep(0.02)
        far.abort()


def a_peer_that_aborts_wakes_a_pending_write(near: Conn, far: Conn) -> None:
    """A write that waits fails, and not by a signal."""
    with TaskGroup() as group:
        group.start_soon(fails, (ResetError, BrokenError), near, write_on, near)
        sleep(0.05)
        far.abort()


def a_lingering_close_delivers_what_was_written(near: Conn, far: Conn) -> None:
    """What the peer sent and nobody read does not destroy what is on its way to it."""
    data = noise(200_000)
    far.write(b"never read")
    near.peek()

    def reply() -> None:
        near.write(data)
        near.close(linger=10.0)

    with TaskGroup() as group:
        group.start_soon(reply)
        far.write(b"never read either")
        came = far.read_all(len(data))
        far.close()
    assert came == data, f"{len(came)} bytes of {len(data)} arrived"


def a_lingering_close_waits_for_its_bound_only(near: Conn, far: Conn) -> None:
    """A peer that goes on talking, or only listens, gets no more; and no less."""
    near.write(b"x")
    near.set_deadline(LONG_AGO)  # for the handler it was late: the linger has its own
    began = now()
    near.close(linger=0.1)
    took = now() - began
    assert near.closed, "the conn is open after a lingering close"
    assert 0.1 <= took < 5.0, f"a close that lingers 0.1 s took {took:.2f} s"


def a_lingering_close_does_not_wait_for_a_pending_write(near: Conn, far: Conn) -> None:
    """Its bound holds for the turn to end our direction, too."""
    near.write(b"x")
    with TaskGroup() as group:
        group.start_soon(fails, ClosedError, near, near.write, bytes(HUGE_BYTES))
        far.peek(2)  # so the write is under way
        began = now()
        near.close(linger=0.1)
        took = now() - began
    assert took < 5.0, f"a close that lingers 0.1 s took {took:.2f} s"


def _claim_wakes(
    conn: Conn, call: Callable[[], object], close: Callable[[], None]
) -> None:
    # The call is in a task that nobody else wakes: a task that starts others is woken
    # when one of them ends.
    with TaskGroup() as group:
        waiting = group.start_soon(fails, ClosedError, conn, call)
        sleep(0.05)  # so that it waits; if it does not yet, it fails at once
        assert not waiting.done, "the call failed before the conn was closed"
        closed = now()
        close()
        waiting.result()
        claim_prompt(closed, "the end of a call after the close")
