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

A handler that computes on the main thread, under ``serial`` or in a hub, never waits.
It gets what Ctrl-C would give a script: at the end of the grace the alarm raises in it.

A worker hears SIGTERM alone, and the second one is as the first: when to leave at once
is its supervisor's decision.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from portside.engine import now, unwatch, watch
from portside.errors import Cancelled

__all__ = ["STOPPING", "UNWIND_SECONDS", "Heard", "heard_signals"]

STOPPING = (signal.SIGINT, signal.SIGTERM)

UNWIND_SECONDS = 1.0
"""What a handler that was cut gets to clean up, before it is abandoned."""

SAME_SECONDS = 0.05
"""Two signals this close are one: timeout(1) signals its child, then its group."""


class Heard:
    """What was heard.

    Args:
        stop: tells the server to stop.
        kill: ends what runs in other processes, before the second signal ends this one;
            None where a second signal is none.
        cut_at: the moment when a handler on the main thread is cut, if the stop begins
            now.
        cut: whether this thread is in such a handler; None where there are none.
        leave: called before this process ends from inside a signal handler, where no
            lock may be taken: lets its end reset the conns that handlers still have.
        numbers: the signals that stop the server.

    Attributes:
        first: the signal that stopped the server; None while there was none.
    """

    def __init__(
        self,
        stop: Callable[[], None],
        kill: Callable[[], None] | None,
        *,
        cut_at: Callable[[], float],
        cut: Callable[[], bool] | None,
        leave: Callable[[], None],
        numbers: tuple[signal.Signals, ...] = STOPPING,
    ) -> None:
        self.first: int | None = None
        self._stop = stop
        self._kill = kill
        self._cut_at = cut_at
        self._cut = cut
        self._leave = leave
        self._numbers = numbers
        self._descriptors: tuple[int, ...] = ()
        self._first_at = 0.0
        self._has_cut = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """Take a note of the first, leave at the second."""
        if self.first is not None:
            if self._kill is None or now() - self._first_at < SAME_SECONDS:
                return
            self._kill()
            self._leave()
            with contextlib.suppress(OSError):
                os.write(2, b"portside: second signal, leaving at once\n")
            os._exit(128 + number)
        self.first, self._first_at = number, now()
        if self._cut is not None:
            # At least a moment: zero would switch the timer off. Once more after it,
            # for a handler that does not let itself be cut.
            before = max(self._cut_at() - now(), 0.001)
            signal.setitimer(signal.ITIMER_REAL, before, UNWIND_SECONDS)

    def alarm(self, number: int, frame: FrameType | None) -> None:
        """Cut the handler that this thread is in; the second time, leave it."""
        if self._cut is None or not self._cut():
            return
        if self._has_cut:
            self._leave()
            with contextlib.suppress(OSError):
                os.write(2, b"portside: a handler does not end: abandoned\n")
            os._exit(0)
        self._has_cut = True
        raise Cancelled

    def handlers(self) -> list[tuple[int, Callable[[int, FrameType | None], None]]]:
        """Return the signals to hear, and what hears each."""
        alarms = [] if self._cut is None else [(signal.SIGALRM, self.alarm)]
        return [*((number, self.note) for number in self._numbers), *alarms]

    def hears_with(self, *descriptors: int) -> None:
        """Keep the wake-up pipe, to be closed by `abandon`."""
        self._descriptors = descriptors

    def abandon(self) -> None:
        """Close our copy of the wake-up pipe: for forks."""
        for fd in self._descriptors:
            os.close(fd)
        self._descriptors = ()

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
    heard.hears_with(reader, writer)
    woken = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    watch(reader, lambda: heard.look(reader))
    before = {number: signal.signal(number, to) for number, to in heard.handlers()}
    try:
        yield
    finally:
        if signal.SIGALRM in before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        unwatch(reader)
        signal.set_wakeup_fd(woken)
        heard.abandon()
