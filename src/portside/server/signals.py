"""The signals that stop a server: heard where the main thread waits, wherever that is.

In       SIGINT, SIGTERM
Out      the first one stops the server; the second ends the process
Source   signal(7); signal.set_wakeup_fd
Holds    the handlers that were there before, to put them back
Fails    never; off the main thread, where Python hears no signals, it does nothing

The Python handler runs between any two steps of the main thread, which may hold a lock
just then. So it only takes a note; the wake-up descriptor ends the wait, and inside
that wait, where no lock is held, the server is told to stop. The second signal is
different: it kills the children and leaves at once, from the handler itself.

A handler that computes under ``serial`` never waits, and it holds the main thread. It
gets what Ctrl-C would give a script: at the end of the grace the alarm raises in it.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from portside.engine import now, unwatch, watch
from portside.errors import Cancelled

__all__ = ["STOPPING", "Heard", "heard_signals"]

STOPPING = (signal.SIGINT, signal.SIGTERM)

SAME_SECONDS = 0.05
"""Two signals this close are one: timeout(1) signals its child, then its group."""


class Heard:
    """What was heard.

    Attributes:
        first: the signal that stopped the server; None while there was none.
    """

    def __init__(
        self,
        stop: Callable[[], None],
        kill: Callable[[], None],
        *,
        grace: float,
        is_inline: Callable[[], bool],
    ) -> None:
        self.first: int | None = None
        self._stop = stop
        self._kill = kill
        self._grace = grace
        self._is_inline = is_inline
        self._first_at = 0.0

    def note(self, number: int, frame: FrameType | None) -> None:
        """Take a note of the first, leave at the second."""
        if self.first is not None:
            if now() - self._first_at < SAME_SECONDS:
                return
            self._kill()
            with contextlib.suppress(OSError):
                os.write(2, b"portside: second signal, leaving at once\n")
            os._exit(128 + number)
        self.first, self._first_at = number, now()
        if self._is_inline():
            # At least a moment: zero would switch the timer off.
            signal.setitimer(signal.ITIMER_REAL, max(self._grace, 0.001))

    def alarm(self, number: int, frame: FrameType | None) -> None:
        """Cut the handler that this thread is in."""
        if self._is_inline():
            raise Cancelled

    def look(self, fd: int) -> None:
        """Stop the server if a signal that stops it has come."""
        with contextlib.suppress(BlockingIOError):
            os.read(fd, 512)
        if self.first is not None:
            self._stop()


@contextlib.contextmanager
def heard_signals(heard: Heard) -> Iterator[None]:
    """Hear the signals inside, and put everything back afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    handlers = dict.fromkeys(STOPPING, heard.note) | {signal.SIGALRM: heard.alarm}
    before = {number: signal.signal(number, to) for number, to in handlers.items()}
    woken = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    watch(reader, lambda: heard.look(reader))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        unwatch(reader)
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        os.close(reader)
        os.close(writer)
