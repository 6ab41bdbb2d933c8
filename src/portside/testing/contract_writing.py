"""What every conn must do when it is written to.

In       two fresh conns, each the other's peer
Out      nothing, if the contract holds
Source   trio's ``check_two_way_stream``; Go's net.Buffers tests for many buffers
Holds    nothing
Fails    AssertionError: with a sentence
"""

import random
import tempfile
from collections.abc import Callable

from portside.engine import Event, TaskGroup, now, sleep, timeout
from portside.errors import BrokenError, DeadlineError, ResetError
from portside.net import Conn
from portside.testing.contract_claims import TooSlow, fails
from portside.testing.contract_peers import noise

__all__ = [
    "a_cork_holds_small_writes_together",
    "a_cork_sends_also_when_its_block_raises",
    "a_cork_sends_what_is_too_much_to_hold",
    "a_file_comes_between_what_is_written_before_and_after",
    "a_file_that_timed_out_says_what_was_sent",
    "a_huge_write_goes_through",
    "a_write_that_timed_out_says_what_was_sent",
    "a_write_to_a_peer_that_closed_fails_and_goes_on_failing",
    "a_writev_that_timed_out_says_what_was_sent",
    "both_ends_may_write_at_once",
    "every_kind_of_buffer_is_written",
    "many_buffers_are_one_write",
    "text_is_refused",
    "writes_of_many_tasks_do_not_mix",
    "writing_nothing_sends_nothing",
]

HUGE_BYTES = 16 << 20
"""More than a socket takes when nobody reads: some 6 MiB on Linux, tcp(7)."""


def every_kind_of_buffer_is_written(near: Conn, far: Conn) -> None:
    """Bytes are bytes, whatever holds them."""
    numbers = memoryview(b"\0\1\2\3").cast("I")  # its length is 1, its bytes are 4
    near.write(b"bytes")
    near.write(bytearray(b"bytearray"))
    near.write(memoryview(b"-view-")[1:-1])
    near.write(numbers)
    near.writev([b"a", bytearray(b"b"), memoryview(b"c"), numbers])
    near.close_write()
    came = far.read_all()
    wanted = b"bytesbytearrayview\0\1\2\3abc\0\1\2\3"
    assert came == wanted, f"what arrived is {came!r}"


def text_is_refused(near: Conn, far: Conn) -> None:
    """A text is not bytes until somebody has chosen an encoding."""
    try:
        near.write("text")  # type: ignore[arg-type]
    except TypeError:
        near.close_write()
        assert far.read() == b"", "a text that was refused was sent"
        return
    raise AssertionError("a text is written, in whatever encoding")


def writing_nothing_sends_nothing(near: Conn, far: Conn) -> None:
    """A write of no bytes returns at once, and is not mistaken for an end."""
    near.write(b"")
    near.writev([])
    near.writev([b"", b""])
    near.write(b"x")
    assert far.read() == b"x", "something came before the first byte"


def a_huge_write_goes_through(near: Conn, far: Conn) -> None:
    """A write returns when all has been taken, however often it has to wait."""
    data = noise(HUGE_BYTES)

    def send() -> None:
        near.write(data)
        near.close_write()

    with TaskGroup() as group:
        group.start_soon(send)
        came = far.read_all(HUGE_BYTES)
    assert len(came) == HUGE_BYTES, f"{len(came)} bytes of {HUGE_BYTES} arrived"
    assert came == data, "the bytes that arrived are others"


def both_ends_may_write_at_once(near: Conn, far: Conn) -> None:
    """A megabyte each way at the same time, in chunks of any size."""
    data = {near: noise(1 << 20), far: noise((1 << 20) + 1)}

    def send(conn: Conn, sizes: random.Random) -> None:
        rest = data[conn]
        while rest:
            size = sizes.randint(1, 16384)
            conn.write(rest[:size])
            rest = rest[size:]
            sleep(0)
        conn.close_write()

    def receive(conn: Conn, sizes: random.Random) -> bytes:
        came = bytearray()
        while chunk := conn.read(sizes.randint(1, 16384)):
            came += chunk
        return bytes(came)

    with TaskGroup() as group:
        group.start_soon(send, near, random.Random(1))
        group.start_soon(send, far, random.Random(2))
        there = group.start_soon(receive, far, random.Random(3))
        back = group.start_soon(receive, near, random.Random(4))
    assert there.result() == data[near], "what went there is not what arrived"
    assert back.result() == data[far], "what went back is not what arrived"


def many_buffers_are_one_write(near: Conn, far: Conn) -> None:
    """Any number of buffers goes out in order: the kernel's 1024 are no limit."""
    buffers = [noise(i % 7) for i in range(5000)] + [noise(300_000), b"", b"end"]

    def send() -> None:
        near.writev(buffers)
        near.writev(iter([b"a", b"", b"b"]))
        near.close_write()

    with TaskGroup() as group:
        group.start_soon(send)
        came = far.read_all()
    assert came == b"".join(buffers) + b"ab", "the buffers did not arrive in order"


def a_write_that_timed_out_says_what_was_sent(near: Conn, far: Conn) -> None:
    """The sender knows what the peer may have got; the conn is usable again."""
    data = noise(HUGE_BYTES)
    _claim_sent(near, far, data, lambda: near.write(data))


def a_writev_that_timed_out_says_what_was_sent(near: Conn, far: Conn) -> None:
    """What was sent is counted over all the buffers."""
    data = noise(HUGE_BYTES)
    step = HUGE_BYTES // 100
    parts = [data[start : start + step] for start in range(0, HUGE_BYTES, step)]
    _claim_sent(near, far, data, lambda: near.writev(parts))


def writes_of_many_tasks_do_not_mix(near: Conn, far: Conn) -> None:
    """What one call writes stays in one piece, also when it has to wait inside."""
    n_tasks, n_writes, size = 6, 10, 100_000

    def write(number: int) -> None:
        for i in range(n_writes):
            record = bytes([number]) * size
            if i % 2:
                near.write(record)
            else:
                near.writev([record[:1], record[1:-1], b"", record[-1:]])

    with TaskGroup() as group:
        for number in range(n_tasks):
            group.start_soon(write, number)
        records = [far.read_exactly(size) for _ in range(n_tasks * n_writes)]
    mixed = [record for record in records if len(set(record)) != 1]
    assert not mixed, f"{len(mixed)} writes are mixed with others"
    for number in range(n_tasks):
        n = sum(record[0] == number for record in records)
        assert n == n_writes, f"{n} writes of a task arrived, not {n_writes}"


def a_cork_holds_small_writes_together(near: Conn, far: Conn) -> None:
    """What is written inside goes out when the block ends, in order."""
    with near.corked():
        near.write(b"one ")
        with near.corked():
            near.write(b"two ")
        near.write_uint16(0x3333)
        with timeout(0.02):
            fails(DeadlineError, far, far.read)
    assert far.read() == b"one two 33", "the writes do not come together"
    with near.corked():
        near.write(b"three ")
        near.writev([b"four ", b"five"])
    near.write(b" six")
    near.close_write()
    assert far.read_all() == b"three four five six", (
        "the order is not that of the calls"
    )


def a_cork_sends_also_when_its_block_raises(near: Conn, far: Conn) -> None:
    """It was written before, so it is sent before the error goes on."""
    try:
        with near.corked():
            near.write(b"before")
            raise KeyError
    except KeyError:
        near.write(b" after")
    near.close_write()
    came = far.read_all()
    assert came == b"before after", f"what arrived is {came!r}"


def a_cork_sends_what_is_too_much_to_hold(near: Conn, far: Conn) -> None:
    """A cork fills no memory: the peer sees the beginning before the block ends."""
    data = noise(300_000)
    begun = Event()

    def receive() -> bytes:
        first = far.read_exactly(100_000)
        begun.set()
        return first + far.read_all()

    with TaskGroup() as group:
        receiving = group.start_soon(receive)
        with near.corked():
            for start in range(0, 300_000, 1000):
                near.write(data[start : start + 1000])
            begun.wait()
        near.close_write()
    assert receiving.result() == data, "the bytes that arrived are others"


def a_file_comes_between_what_is_written_before_and_after(
    near: Conn, far: Conn
) -> None:
    """Small or big, whole or a part, and also where a cork holds something back."""
    data = noise(300_000)
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        file.seek(7)

        def send() -> None:
            near.write(b"<")
            sent = near.send_file(file, 0, 1000)
            with near.corked():
                near.write(b"|")
                sent += near.send_file(file, 1000, 2000)
                near.write(b"|")
                sent += near.send_file(file.fileno(), 3000)
                near.write(b">")
            near.close_write()
            assert sent == len(data), f"sent is {sent} of {len(data)}"

        with TaskGroup() as group:
            group.start_soon(send)
            came = far.read_all()
        assert file.tell() == 7, "the file's position was moved"
    wanted = b"<" + data[:1000] + b"|" + data[1000:3000] + b"|" + data[3000:] + b">"
    assert came == wanted, "the bytes that arrived are others"


def a_file_that_timed_out_says_what_was_sent(near: Conn, far: Conn) -> None:
    """As a write that timed out: the sender knows what the peer may have got."""
    data = noise(HUGE_BYTES)
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        _claim_sent(near, far, data, lambda: near.send_file(file))


def a_write_to_a_peer_that_closed_fails_and_goes_on_failing(
    near: Conn, far: Conn
) -> None:
    """It is an error, and never a signal that ends the process."""
    far.close()
    until = now() + 5.0

    def write_until_told() -> None:
        while now() < until:  # the first may be on its way before the peer says no
            near.write(b"x")
            sleep(0.001)

    fails((BrokenError, ResetError), near, write_until_told)
    for _ in range(3):
        fails((BrokenError, ResetError), near, near.write, b"x")
        fails((BrokenError, ResetError), near, near.writev, [b"x"])


def _claim_sent(
    near: Conn, far: Conn, data: bytes, write: Callable[[], object]
) -> None:
    read_before = 1 << 20  # so that the write has to wait and to go on inside

    def go_on() -> None:
        near.write(b"and on")
        near.close_write()

    with TaskGroup() as group:
        reading = group.start_soon(far.read_exactly, read_before)
        near.set_write_deadline(now() + 0.2)
        error = fails(DeadlineError, near, write)
        near.set_write_deadline(None)
        if error.sent < read_before:
            raise TooSlow(f"{error.sent} bytes were sent in 200 ms")
        group.start_soon(go_on)
        came = reading.result() + far.read_all(len(data))
    assert error.sent < len(data), f"sent is {error.sent} of {len(data)}"
    wanted = data[: error.sent] + b"and on"
    assert len(came) == len(wanted), f"sent is {error.sent}, and {len(came) - 6} came"
    assert came == wanted, "the bytes that arrived are others"
