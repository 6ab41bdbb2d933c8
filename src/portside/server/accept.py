"""Accept the conns of all listeners of a server, whatever goes wrong.

In       listeners, each with its handler; a capacity
Out      the next conversation, or None once the server stops
Source   accept(2), "Error handling"; field experience of nginx, Go, libuv
Holds    one spare descriptor, and how long to pause
Fails    Error: an errno of accept that no pause can cure

What is over capacity is not accepted: it waits in the kernel's queue and costs nothing.

A descriptor that cannot be had (EMFILE, ENFILE) leaves the listener readable, so a loop
that only tries again burns a core. Here the spare descriptor is given up for a moment
to accept one client and turn it away, so that it learns of it, and then accepting
pauses: 5 ms, doubled each time up to 1 s, and from the beginning when it has gone well
for 1 s. No memory (ENOBUFS, ENOMEM) pauses in the same way. A conversation that ends
frees what was missing, and ends the pause.
"""

import contextlib
import errno
import logging
import os

from portside.engine import Task, current, now, park, wait_accept
from portside.errors import ClosedError, DeadlineError, Error, WouldBlockError
from portside.net import Conn, Listener
from portside.net.listener import PASSED_OVER
from portside.server.capacity import Capacity
from portside.server.handlers import Handler

__all__ = ["Acceptor"]

_log = logging.getLogger("portside.server")

FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 1.0
"""As Go's http.Server."""

LOG_SECONDS = 1.0
"""Troubles of one kind are told once in this time, with their number."""

_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)
_NO_MEMORY = (errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """The door of a server: one task stands there."""

    def __init__(
        self,
        doors: list[tuple[Listener, Handler]],
        capacity: Capacity,
        *,
        refuse: bool,
    ) -> None:
        self._doors = doors
        self._capacity = capacity
        self._refuse = refuse
        self._is_stopping = False
        self._task: Task | None = None
        self._pause = FIRST_PAUSE_SECONDS
        self._paused_until = 0.0
        self._spare: int | None = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        # By what was done: how many were not told, and when the next one is.
        self._told: dict[str, tuple[int, float]] = {}

    def accept(self) -> tuple[Conn, Handler] | None:
        """Wait for a client for whom there is a place; None once it stops.

        Raises:
            Error: accept fails in a way that waiting does not cure.
        """
        self._task = current()
        try:
            return self._wait_for_one()
        finally:
            self._task = None

    def wait_for_stop(self, until: float | None) -> None:
        """Return when it stops, at a moment, or early: for who lets others accept."""
        self._task = current()
        try:
            if not self._is_stopping:
                park(until)
        except DeadlineError:
            pass
        finally:
            self._task = None

    def stop(self) -> None:
        """Let nobody in any more, and listen no more; from any thread."""
        self._is_stopping = True
        self.look_again()
        for listener, _ in tuple(self._doors):
            listener.close()

    def look_again(self) -> None:
        """End a pause, or a wait for a place; from any thread."""
        if (task := self._task) is not None:
            task.wake()

    def pause(self, why: str) -> None:
        """Accept nobody for a moment, longer each time until somebody was accepted."""
        # When the last one is long over, this is a new trouble: begin with a short one.
        is_new = now() > self._paused_until + LONGEST_PAUSE_SECONDS
        wanted = FIRST_PAUSE_SECONDS if is_new else 2 * self._pause
        self._pause = min(wanted, LONGEST_PAUSE_SECONDS)
        self._paused_until = now() + self._pause
        self._tell(why, "accepting pauses")
        with contextlib.suppress(DeadlineError):
            park(self._paused_until)

    def close(self) -> None:
        """Give the spare descriptor back."""
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    def _may_admit(self) -> bool:
        has_place = self._refuse or not self._capacity.is_full
        return has_place and not self._is_stopping

    def _wait_for_one(self) -> tuple[Conn, Handler] | None:
        while not self._is_stopping:
            if not self._may_admit():
                park()
                continue
            try:
                ready = wait_accept(
                    [n for door, _ in self._doors for n in door.filenos()]
                )
                # Another worker may have taken the last place meanwhile.
                if ready and self._may_admit():
                    admitted = self._look(ready)
                    if admitted is not None:
                        return admitted
            except ClosedError:  # by a stop, or by somebody else
                self._doors = [door for door in self._doors if not door[0].closed]
                if not self._doors:
                    break
        return None

    def _look(self, ready: set[int]) -> tuple[Conn, Handler] | None:
        # Who was served goes to the end of the line, so that one busy listener does not
        # keep the others waiting.
        for door in tuple(self._doors):
            listener, handler = door
            if not ready.intersection(listener.filenos()):
                continue
            try:
                conn = listener.accept_nowait()
            except WouldBlockError:
                continue
            except Error as error:
                self._recover(listener, error)
                return None
            self._doors.remove(door)
            self._doors.append(door)
            if self._capacity.is_full and self._refuse:
                conn.abort()
                most = self._capacity.max_connections
                self._tell(_ends(conn), f"refused, at max_connections={most}")
            elif not self._capacity.take(conn.remote_address):
                conn.close()
                share = self._capacity.max_connections_per_ip
                self._tell(
                    _ends(conn), f"turned away, at max_connections_per_ip={share}"
                )
            else:
                return conn, handler
        return None

    def _recover(self, listener: Listener, error: Error) -> None:
        if error.errno in _NO_DESCRIPTOR:
            self._turn_one_away(listener)
        elif error.errno not in _NO_MEMORY and error.errno not in PASSED_OVER:
            raise error
        self.pause(str(error))

    def _turn_one_away(self, listener: Listener) -> None:
        self.close()
        with contextlib.suppress(Error):
            listener.accept_nowait().abort()
        with contextlib.suppress(OSError):
            self._spare = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)

    def _tell(self, where: str, then: str) -> None:
        untold, log_from = self._told.get(then, (0, 0.0))
        if now() < log_from:
            self._told[then] = (untold + 1, log_from)
            return
        more = f" ({untold} more like this before)" if untold else ""
        _log.warning("%s: %s%s", where, then, more)
        self._told[then] = (0, now() + LOG_SECONDS)


def _ends(conn: Conn) -> str:
    return f"{conn.network} {conn.local_address}->{conn.remote_address}"
