"""What the other end does while a check looks at one end.

In       the conn of the other end
Out      a task that serves it, and ends with the block or when the conn fails
Source   golang.org/x/net/nettest: chunkedCopy, testRoundtrip, resyncConn
Holds    nothing
Fails    AssertionError: a round trip brings back something else
"""

import contextlib
import random
from collections.abc import Callable, Iterator

from portside.engine import TaskGroup
from portside.errors import Error
from portside.net import Conn

__all__ = [
    "beside",
    "discard",
    "echo",
    "flood",
    "noise",
    "resync",
    "round_trip",
    "write_on",
]

CHUNK_BYTES = 1024
"""What the suite moves at once, as that of Go does: it suits small transports too."""


@contextlib.contextmanager
def beside(function: Callable[..., object], *args: object) -> Iterator[None]:
    """Run a function in a task as long as the block lasts."""
    with TaskGroup() as group:
        group.start_soon(function, *args)
        yield
        group.cancel()


def echo(conn: Conn) -> None:
    """Send back what comes."""
    with contextlib.suppress(Error):
        for chunk in conn:
            conn.write(chunk)


def discard(conn: Conn) -> None:
    """Read, and forget it."""
    with contextlib.suppress(Error):
        while conn.read():
            pass


def flood(conn: Conn) -> None:
    """Write without end."""
    with contextlib.suppress(Error):
        write_on(conn)


def write_on(conn: Conn) -> None:
    """Write zeros until it fails; a peer that does not read stops it soon."""
    while True:
        conn.write(bytes(CHUNK_BYTES))


def noise(n_bytes: int) -> bytes:
    """Return bytes without a pattern, the same each time."""
    return random.Random(n_bytes).randbytes(n_bytes)


def round_trip(conn: Conn) -> None:
    """Claim that what is written comes back from a peer that echoes."""
    conn.set_deadline(None)
    conn.write(b"Hello, world!")
    came = conn.read_exactly(13)
    assert came == b"Hello, world!", f"the echo of 'Hello, world!' is {came!r}"


def resync(conn: Conn) -> None:
    """Read what an echoing peer still has in flight, up to a mark that we send now.

    A byte ff must not be in flight already.
    """
    conn.set_deadline(None)
    with TaskGroup() as group:
        group.start_soon(conn.write, b"\xff")
        while True:
            chunk = conn.read(CHUNK_BYTES)
            assert chunk, "the stream ended where an echo was to come"
            if b"\xff" in chunk:
                break
    assert chunk.find(b"\xff") == len(chunk) - 1, "something came after the last byte"
