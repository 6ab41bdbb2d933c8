"""What every conn must do when it is read.

In       two fresh conns, each the other's peer
Out      nothing, if the contract holds
Source   trio's ``check_two_way_stream``; Go's bufio.Reader for what is buffered
Holds    nothing
Fails    AssertionError: with a sentence
"""

from typing import Any

from portside.engine import TaskGroup, sleep
from portside.errors import ClosedError, EndOfStreamError, LimitError
from portside.net import Conn
from portside.testing.contract_claims import fails
from portside.testing.contract_peers import noise

__all__ = [
    "a_delimiter_may_come_in_pieces",
    "a_frame_cut_short_says_what_came",
    "a_frame_over_the_limit_stays_readable",
    "a_line_over_the_limit_stays_readable",
    "a_peek_leaves_what_it_saw",
    "a_read_exactly_waits_for_the_last_byte",
    "a_read_of_less_than_one_byte_is_an_error",
    "a_read_returns_what_is_there",
    "a_stream_over_the_limit_stays_readable",
    "an_end_inside_read_exactly_leaves_what_came",
    "an_end_inside_read_until_leaves_what_came",
    "frames_come_back_until_the_end",
    "iteration_ends_with_the_stream",
    "lines_come_without_their_ends",
    "numbers_that_do_not_fit_are_refused",
    "numbers_travel_in_network_order",
    "readinto_an_empty_buffer_returns_at_once",
    "reads_of_many_tasks_take_turns",
    "the_end_is_read_again_and_again",
    "the_last_line_may_lack_its_end",
    "what_was_read_too_far_can_be_put_back",
]


def a_read_returns_what_is_there(near: Conn, far: Conn) -> None:
    """A read waits for one byte, not for all that it may return."""
    far.write(b"x")
    assert near.read() == b"x", "a read does not return the byte that came"
    far.write(b"hello")
    assert near.peek(5) == b"hello", "a peek does not return the bytes that came"
    parts = near.read(2), near.read(2), near.read(2)
    assert parts == (b"he", b"ll", b"o"), f"reads of 2 bytes return {parts}"
    far.write(b"world")
    buffer = bytearray(b"-" * 8)
    assert near.peek(5) == b"world", "a peek does not return the bytes that came"
    n = near.readinto(buffer)
    assert n == 5, f"readinto gives {n} of 5 bytes that are there"
    assert buffer == b"world---", f"readinto makes the buffer {bytes(buffer)!r}"
    far.write(b"again")
    view = memoryview(buffer)[6:]
    n = near.readinto(view)
    assert n in (1, 2), f"readinto gives {n} bytes for a buffer of 2"
    assert buffer.startswith(b"world-a"), "readinto fills another part of the buffer"


def a_read_of_less_than_one_byte_is_an_error(near: Conn, far: Conn) -> None:
    """What would look like an end, or like no limit, is refused."""
    far.write(b"x")
    for n in (0, -1):
        _refuses(ValueError, near, "read", n)
    _refuses(ValueError, near, "read_exactly", -1)
    _refuses(ValueError, near, "read_until", b"")
    _refuses(TypeError, near, "read", 1.5)
    assert near.read_exactly(0) == b"", "read_exactly(0) returns something"
    assert near.read() == b"x", "a refused read took the byte that was there"


def readinto_an_empty_buffer_returns_at_once(near: Conn, far: Conn) -> None:
    """There is nothing to wait for, whether the peer has sent something or not."""
    assert near.readinto(bytearray()) == 0, "readinto an empty buffer returns bytes"
    far.write(b"x")
    assert near.readinto(bytearray()) == 0, "readinto an empty buffer returns bytes"
    assert near.read() == b"x", "readinto an empty buffer took a byte"


def the_end_is_read_again_and_again(near: Conn, far: Conn) -> None:
    """Whoever reads past the end gets the end again, in each of the ways to read."""
    far.write(b"x")
    far.close_write()
    assert near.read() == b"x", "the byte before the end does not arrive"
    for _ in range(3):
        ends: list[Any] = [near.read(), near.read(1), near.read_line(), near.read_all()]
        ends += [near.peek(3), list(near), list(near.lines()), list(near.frames())]
        assert not any(ends), f"a read past the end returns {ends}"
        assert near.readinto(bytearray(8)) == 0, "readinto past the end returns bytes"
        error = fails(EndOfStreamError, near, near.read_exactly, 1)
        assert error.partial == b"", "there was nothing before the end"
        fails(EndOfStreamError, near, near.read_until, b";")
        fails(EndOfStreamError, near, near.read_frame)


def a_read_exactly_waits_for_the_last_byte(near: Conn, far: Conn) -> None:
    """The pieces in which the bytes come make no difference."""
    data = noise(1000)

    def dribble() -> None:
        for start in range(0, 1000, 100):
            far.write(data[start : start + 100])
            sleep(0)

    with TaskGroup() as group:
        group.start_soon(dribble)
        parts = [near.read_exactly(n) for n in (1, 499, 500)]
    assert [len(part) for part in parts] == [1, 499, 500], "read_exactly is not exact"
    assert b"".join(parts) == data, "the bytes that arrived are others"


def an_end_inside_read_exactly_leaves_what_came(near: Conn, far: Conn) -> None:
    """The error has what came, and it can still be read."""
    far.write(b"four")
    far.close_write()
    error = fails(EndOfStreamError, near, near.read_exactly, 5)
    assert error.partial == b"four", f"partial is {error.partial!r}"
    assert near.read() == b"four", "what came before the end cannot be read any more"


def an_end_inside_read_until_leaves_what_came(near: Conn, far: Conn) -> None:
    """The error has what came, and it can still be read."""
    far.write(b"name=value")
    far.close_write()
    assert near.read_until(b"=") == b"name=", "read_until does not end at the delimiter"
    error = fails(EndOfStreamError, near, near.read_until, b"=")
    assert error.partial == b"value", f"partial is {error.partial!r}"
    assert near.read_all() == b"value", "what came before the end is lost"


def a_delimiter_may_come_in_pieces(near: Conn, far: Conn) -> None:
    """It is found wherever the pieces begin and end, and what follows it waits."""
    text = b"GET / HTTP/1.1\r\nHost: x\r\n\r\nbody\r\n\r"
    for cut in range(1, len(text)):
        far.write(text[:cut])
        near.peek(cut)
        far.write(text[cut:])
        head = near.read_until(b"\r\n\r\n")
        assert head == text[:27], f"cut at {cut}, read_until gives {head!r}"
        rest = near.read_exactly(7)
        assert rest == text[27:], f"cut at {cut}, what follows is {rest!r}"


def lines_come_without_their_ends(near: Conn, far: Conn) -> None:
    r"""Lines end in \n or \r\n; a \r inside belongs to the line; some are empty."""
    far.write(b"one\ntwo\r\n\n\r\nth\rree\nfour")
    far.close_write()
    lines = list(near.lines())
    wanted = [b"one", b"two", b"", b"", b"th\rree", b"four"]
    assert lines == wanted, f"the lines are {lines}"


def the_last_line_may_lack_its_end(near: Conn, far: Conn) -> None:
    """After it comes the end of the stream."""
    far.write(b"one\nlast")
    far.close_write()
    came = near.read_line(), near.read_line(), near.read_line()
    assert came == (b"one\n", b"last", b""), f"the lines are {came}"


def a_line_over_the_limit_stays_readable(near: Conn, far: Conn) -> None:
    """A peer that sends no end of line fills no memory, and nothing is lost."""
    far.write(b"0123456789\n" + b"x" * 20000)
    for read in (near.read_line, lambda n: near.read_until(b"\n", n)):
        for limit in (1, 9, 10):
            error = fails(LimitError, near, read, limit)
            assert error.limit == limit, f"the limit in the error is {error.limit}"
    assert near.read_line(11) == b"0123456789\n", "a line at its limit is not read"
    fails(LimitError, near, near.read_line, 10000)
    fails(LimitError, near, lambda: next(near.lines(10000)))
    assert near.read_exactly(20000) == b"x" * 20000, "what was over the limit is lost"


def a_stream_over_the_limit_stays_readable(near: Conn, far: Conn) -> None:
    """read_all stops at its limit, and nothing is lost; at the limit it is fine."""
    data = noise(20000)
    far.write(data)
    far.close_write()
    error = fails(LimitError, near, near.read_all, 19999)
    assert error.limit == 19999, f"the limit in the error is {error.limit}"
    assert near.read_all(20000) == data, "what was over the limit is lost"


def a_peek_leaves_what_it_saw(near: Conn, far: Conn) -> None:
    """What was looked at is read next; a peek waits, and at the end gives less."""
    far.write(b"abc")
    assert near.peek() == b"a", "a peek does not give one byte"
    with TaskGroup() as group:
        peeking = group.start_soon(near.peek, 5)
        far.write(b"def")
    assert peeking.result() == b"abcde", f"a peek of 5 gives {peeking.result()!r}"
    assert near.read_exactly(6) == b"abcdef", "a peek took bytes away"
    far.write(b"xy")
    far.close_write()
    assert near.peek(3) == b"xy", "a peek past the end does not give what there is"
    assert near.read_all() == b"xy", "a peek took bytes away"


def what_was_read_too_far_can_be_put_back(near: Conn, far: Conn) -> None:
    """It is read next, in each of the ways to read, before all that comes."""
    far.write(b"word;line\nrest")
    near.peek(14)
    near.unread(near.read(5)[2:])
    near.unread(b"wo")
    near.unread(b"")
    word = near.read_until(b";")
    assert word == b"word;", f"what was put back in two pieces is read as {word!r}"
    near.unread(word)
    assert near.peek(6) == b"word;l", "a peek does not begin with what was put back"
    assert near.read_line() == b"word;line\n", "a line does not begin with it"
    near.unread(b"the ")
    assert near.read_exactly(8) == b"the rest", "read_exactly does not begin with it"
    near.unread(b"rest")
    buffer = bytearray(2)
    assert near.readinto(buffer) == 2, "readinto does not give it"
    assert bytes(buffer) + near.read() == b"rest", "readinto gives something else"
    far.close_write()
    assert near.read() == b"", "more has come than was sent"
    near.unread(b"behind the end")
    assert list(near) == [b"behind the end"], "behind the end it is not read"
    near.unread(b"again")
    assert near.read_all() == b"again", "read_all does not give it"
    near.close()
    fails(ClosedError, near, near.unread, b"x")


def iteration_ends_with_the_stream(near: Conn, far: Conn) -> None:
    """A loop over a conn sees every byte, no empty chunk, and then ends."""
    data = noise(100_000)

    def send() -> None:
        far.write(data)
        far.close_write()

    with TaskGroup() as group:
        group.start_soon(send)
        chunks = list(near)
    assert all(chunks), "the loop sees an empty chunk"
    assert b"".join(chunks) == data, "the loop does not see what was sent"


def reads_of_many_tasks_take_turns(near: Conn, far: Conn) -> None:
    """What one call asks for comes in one piece, though others read too."""
    n_tasks, n_records = 8, 20

    def read() -> list[bytes]:
        return [near.read_exactly(500) for _ in range(n_records)]

    with TaskGroup() as group:
        tasks = [group.start_soon(read) for _ in range(n_tasks)]
        for i in range(n_tasks * n_records):
            record = bytes([i]) * 500
            far.write(record[:200])
            far.write(record[200:])
    came = [record for task in tasks for record in task.result()]
    mixed = [record for record in came if len(set(record)) != 1]
    assert not mixed, f"{len(mixed)} records are mixed with others"
    seen = sorted(record[0] for record in came)
    assert seen == list(range(n_tasks * n_records)), "a record is lost or doubled"


def numbers_travel_in_network_order(near: Conn, far: Conn) -> None:
    """The most significant byte goes first: RFC 1700."""
    far.write_uint8(0x01)
    far.write_uint16(0x0102)
    far.write_uint32(0x01020304)
    far.write_uint64(0x0102030405060708)
    far.write_struct("BHI", 1, 2, 3)
    raw = near.peek(22)
    wanted = "01 0102 01020304 0102030405060708 01 0002 00000003"
    assert raw == bytes.fromhex(wanted), f"the numbers are sent as {raw.hex()}"
    numbers = (
        near.read_uint8(),
        near.read_uint16(),
        near.read_uint32(),
        near.read_uint64(),
        *near.read_struct("BHI"),
    )
    wanted_numbers = (1, 0x0102, 0x01020304, 0x0102030405060708, 1, 2, 3)
    assert numbers == wanted_numbers, f"the numbers come back as {numbers}"


def numbers_that_do_not_fit_are_refused(near: Conn, far: Conn) -> None:
    """Nothing is cut off silently, and nothing is sent."""
    for bits in (8, 16, 32, 64):
        _refuses(ValueError, far, f"write_uint{bits}", 1 << bits)
        _refuses(ValueError, far, f"write_uint{bits}", -1)
    _refuses(ValueError, far, "write_struct", "H", 65536)
    far.close_write()
    assert near.read() == b"", "a number that was refused was sent"


def frames_come_back_until_the_end(near: Conn, far: Conn) -> None:
    """A frame is read as it was written, an empty one too."""
    wanted = [b"one", b"", noise(70000)]

    def send() -> None:
        for data in wanted:
            far.write_frame(data)
        far.close_write()

    with TaskGroup() as group:
        group.start_soon(send)
        head = near.peek(7)
        frames = list(near.frames())
    assert head == b"\0\0\0\3one", f"a frame begins with {head!r}"
    assert frames == wanted, "the frames are not those that were sent"


def a_frame_cut_short_says_what_came(near: Conn, far: Conn) -> None:
    """An end inside a frame is not an end between two."""
    far.write(b"\0\0\0\5four")
    far.close_write()
    error = fails(EndOfStreamError, near, lambda: list(near.frames()))
    assert error.partial == b"\0\0\0\5four", f"partial is {error.partial!r}"
    assert near.read_all() == b"\0\0\0\5four", "the piece cannot be read any more"


def a_frame_over_the_limit_stays_readable(near: Conn, far: Conn) -> None:
    """A length is believed only up to the limit, before the frame has come."""
    far.write(b"\xff\xff\xff\xff")
    fails(LimitError, near, near.read_frame)
    assert near.read_exactly(4) == b"\xff\xff\xff\xff", "the length is lost"
    far.write_frame(b"12345", length_bytes=2)
    error = fails(LimitError, near, lambda: near.read_frame(4, length_bytes=2))
    assert error.limit == 4, f"the limit in the error is {error.limit}"
    assert near.read_frame(5, length_bytes=2) == b"12345", "the frame is lost"


def _refuses(kind: type[Exception], conn: Conn, method: str, *args: Any) -> None:
    try:
        result = getattr(conn, method)(*args)
    except kind:
        return
    said = f"{method}{args}"
    raise AssertionError(f"{said} returns {result!r}, and not {kind.__name__}")
