"""Both directions at once: stdin to the peer, the peer to stdout.

In       a conn; descriptors 0 and 1, whatever they are: terminal, pipe, file, /dev/null
Out      every byte as it comes; our end (FIN) when stdin ends; a return when the peer
         has ended
Source   what users of eleven netcats ask for: to end when the peer has ended
Holds    one task that sends, beside the caller, who receives
Fails    ResetError and its kind, after what had come before it was shown

The descriptors are shared with whoever started us: a shell would find its terminal
non-blocking afterwards. So their mode is never touched: a read comes after a wait, and
a write may block this thread, which holds up nobody.

Who sends may learn of a reset first, and the kernel tells it only once. What the peer
had sent before lies in the kernel still. So an error in sending ends the sending alone;
the receiving goes on until it has seen the end, and then tells of the error.
"""

import os

from portside.engine import Event, cancel, spawn, timeout, wait_read, wait_write
from portside.errors import BrokenError, Cancelled, ClosedError, DeadlineError, Error
from portside.net import Conn

__all__ = ["CHUNK_BYTES", "read_in", "talk", "write_out"]

CHUNK_BYTES = 65536
"""What a pipe holds on Linux, pipe(7)."""

UNWIND_SECONDS = 1.0
"""What the sending task gets to end; a read that blocks all the same is left behind."""


def talk(conn: Conn) -> None:
    """Talk until the peer has ended, or nobody reads stdout any more; close conn.

    Raises:
        Error: the connection broke before the peer's end.
        OSError: stdin or stdout cannot be read or written.
    """
    failures: list[OSError] = []
    ended = Event()
    sending = spawn(_send_all, conn, failures, ended, name="stdin")
    try:
        for chunk in conn:
            if not write_out(chunk):
                return
    except ClosedError:
        pass  # the sending gave up, and says why below
    finally:
        cancel(sending)
        conn.close()
        try:
            with timeout(UNWIND_SECONDS):
                ended.wait()
        except DeadlineError:
            pass
    for failure in failures:
        # A peer that ends in good order may have stopped reading before: its right.
        if not isinstance(failure, BrokenError):
            raise failure


def _send_all(conn: Conn, failures: list[OSError], ended: Event) -> None:
    try:
        while data := read_in():
            conn.write(data)
        conn.close_write()
    except (Cancelled, ClosedError):
        pass  # the peer has ended
    except Error as error:
        failures.append(error)
    except OSError as error:  # stdin is a directory, a terminal that is gone ...
        failures.append(error)
        conn.abort()  # half of what was meant must not look whole
    finally:
        ended.set()


def read_in(max_bytes: int = CHUNK_BYTES) -> bytes:
    """Wait for stdin and return what is there; nothing at its end."""
    while True:
        wait_read(0)
        try:
            return os.read(0, max_bytes)
        except BlockingIOError:
            continue  # somebody else took it, or made it non-blocking


def write_out(data: bytes) -> bool:
    """Write all of data to stdout; return False when nobody reads there any more."""
    with memoryview(data) as view:
        written = 0
        while written < len(view):
            try:
                written += os.write(1, view[written:])
            except BlockingIOError:
                wait_write(1)  # somebody else made it non-blocking
            except BrokenPipeError:
                return False
    return True
