r"""Write each socket call as a line, as it happens, with its result.

In       the event `socket_call`, from any thread and any forked child
Out      one line of text for each call, to a function that takes text
Source   the notation of strace(1)
Holds    when the trace began
Fails    never; what the function that takes the lines raises ends the trace

::

      0.000134  [1234] socket(AF_INET, SOCK_STREAM) = 3
      0.000201  [1234] bind(3, 127.0.0.1:0) = ok -> 127.0.0.1:41873
      0.001740  [1251] recv(5) = 6 bytes b'hello\n'

First the seconds since the trace began; then who calls, by the number that the kernel
gives every thread: that of the process for its first thread, so it tells threads and
forked children apart, and finds them in ``ps -L``. A forked child goes on in the same
trace, on the same clock.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator

from portside.engine import now
from portside.events import socket_call

__all__ = ["Calls", "traced"]


class Calls:
    """A trace of socket calls.

    >>> lines = []
    >>> Calls(lines.append)("shutdown", 5, "SHUT_WR", "ok")
    >>> lines[0].partition("] ")[2]
    'shutdown(5, SHUT_WR) = ok'

    Args:
        write: takes each line, without an end of line, in the thread that called.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._began = now()

    def __call__(self, call: str, number: int, arguments: str, result: str) -> None:
        """Write one line."""
        # A socket has its number only afterwards: it is no argument of that call.
        given = () if call == "socket" else (str(number),)
        listed = ", ".join(each for each in (*given, arguments) if each)
        who = threading.get_native_id()
        seconds = now() - self._began
        self._write(f"{seconds:10.6f}  [{who}] {call}({listed}) = {result}")


@contextlib.contextmanager
def traced(write: Callable[[str], object]) -> Iterator[None]:
    """Trace the socket calls of the whole process while the block runs."""
    calls = Calls(write)
    socket_call.add(calls)
    try:
        yield
    finally:
        socket_call.remove(calls)
