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

import threading
from collections.abc import Callable

from portside.engine import Task, now, spawn, wait_any
from portside.errors import DeadlineError, Error
from portside.net import Conn

__all__ = ["LINGER_SECONDS", "Lingerer"]

LINGER_SECONDS = 1.0
"""How long a conn lingers at the most."""


class Lingerer:
    """Sees conns to their end, beside everything else."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()  # guards _new and _task
        self._new: list[tuple[Conn, Callable[[], None]]] = []
        self._task: Task | None = None

    def add(self, conn: Conn, on_closed: Callable[[], None]) -> None:
        """Close conn when its peer has ended, or its time is over; returns at once."""
        try:
            conn.begin_linger()
            is_over = conn.drop_available()
        except Error:
            is_over = True  # the peer is gone
        if is_over:
            conn.close()
            on_closed()
            return
        with self._mutex:
            self._new.append((conn, on_closed))
            if self._task is None:
                self._task = spawn(self._run, name="linger")
            else:
                self._task.wake()

    def _run(self) -> None:
        lingering: dict[int, tuple[Conn, Callable[[], None], float]] = {}
        while True:
            with self._mutex:
                if not self._new and not lingering:
                    self._task = None
                    return
                new, self._new = self._new, []
            until = now() + LINGER_SECONDS
            for conn, on_closed in new:
                if conn.closed:
                    on_closed()
                    continue
                lingering[conn.fileno()] = (conn, on_closed, until)
            for number in self._look(lingering) if lingering else ():
                conn, on_closed, _ = lingering.pop(number)
                conn.close()
                on_closed()

    def _look(
        self, lingering: dict[int, tuple[Conn, Callable[[], None], float]]
    ) -> list[int]:
        reads = [
            n for n, (conn, _, _) in lingering.items() if not conn.has_dropped_enough
        ]
        try:
            ready = wait_any(
                reads, (), min(until for _, _, until in lingering.values())
            )
        except DeadlineError:
            ready = set()
        present = now()
        return [
            number
            for number, (conn, _, until) in lingering.items()
            if until <= present or (number in ready and _is_over(conn))
        ]


def _is_over(conn: Conn) -> bool:
    try:
        return conn.drop_available()
    except Error:
        return True
