"""One handler with one conn, from accept to the last byte.

In       a conn and its handler
Out      the conn closed as it should be, the failure logged, the end told, all once
Source   design of the conn's end: return is FIN, a failure after a write is RST
Holds    the task that runs it, and whether it was cut
Fails    never
"""

import contextlib
import logging
import threading
from collections.abc import Callable

from portside.engine import Event, Task, call_unless_forked, current
from portside.errors import (
    AbortedError,
    BrokenError,
    Cancelled,
    ClosedError,
    EndOfStreamError,
    Error,
    ResetError,
    TimedOutError,
)
from portside.names import Address
from portside.net import Conn
from portside.server.handlers import handler_name
from portside.server.service import Handler

__all__ = ["Conversation"]

_log = logging.getLogger("portside.server")

CLOSE_SECONDS = 1.0
"""How long a handler's own close lingers: as long as the one after its return."""

# The last one: somebody else's task closed the conn, as a chat puts a member out.
_CONN_WENT = (
    ResetError,
    BrokenError,
    AbortedError,
    EndOfStreamError,
    TimedOutError,
    ClosedError,
)


class Conversation:
    """A conn, its handler, and what became of them."""

    is_counted = True
    """It is a client's: the report counts it."""

    def __init__(
        self,
        conn: Conn,
        handler: Handler,
        on_end: Callable[["Conversation"], None],
        close_beside: Callable[[Conn], None],
    ) -> None:
        self.conn = conn
        self.was_cut = False
        self.is_running = False
        self.has_returned = False
        self._handler = handler
        self._on_end = on_end
        self._close_beside = close_beside
        self._was_closed = False
        self._task: Task | None = None
        self._cut_at: float | None = None
        self._end = threading.Lock()  # taken for good by the one who ends it

    def __str__(self) -> str:
        conn = self.conn
        return f"{conn.network} {conn.local_address}->{conn.remote_address}"

    @property
    def remote(self) -> Address | None:
        """The client's address."""
        return self.conn.remote_address

    def converse(self) -> None:
        """Run the handler; abort the conn if it failed, or was cut."""
        self._task = task = current()
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("%s: handler %s begins", self, handler_name(self._handler))
        if self._cut_at is not None:
            task.cancel(at=self._cut_at)
        self.is_running = True
        try:
            try:
                call_unless_forked(self._handler, self.conn)
            finally:
                self.is_running = False  # a signal cuts handlers, not what follows
        except Cancelled:
            self.was_cut = True
            self.conn.abort()
        except SystemExit:
            pass  # as in a forked child of the textbook: this conversation is over
        except BaseException as error:  # noqa: BLE001  another library's cancellation too
            self._log_failure(error)
            if self.conn.has_written and not self.conn.detached:
                self.conn.abort()  # so that half a reply does not look whole
        finally:
            self.is_running = False  # where the signal came in between
            if task.reasons and not self.was_cut:  # the handler swallowed it
                self.was_cut = True
                self.conn.abort()
            self.has_returned = True  # from here on, who closes the conn ends this ...
        # ... and before here it has said that it was closed: one of the two is seen.
        if self._was_closed:
            self.end()

    def drain(self, cut_at: float) -> None:
        """Tell it that the server stops, and when it will be cut; from any thread."""
        self._cut_at = cut_at
        self.conn.drain()
        if (task := self._task) is not None:
            task.cancel(at=cut_at)

    def descriptors(self) -> set[int]:
        """Return what it needs in a process of its own."""
        return {self.conn.fileno()}

    def hand_over(self) -> None:
        """Close this process's copy of the conn: a child serves it."""
        self.conn.abandon()

    def refuse(self) -> None:
        """Turn the client away: there is nobody to serve it."""
        self.conn.abort()

    @property
    def is_given_away(self) -> bool:
        """Whether its handler has returned and left the conn to somebody else."""
        return self.has_returned and self.conn.detached

    def cut(self) -> None:
        """End a conn that its handler gave away."""
        self.was_cut = True
        self.conn.abort()

    def abandon(self) -> None:
        """Reset the conn of a handler that never waits."""
        self.conn.abort()

    def leave(self) -> None:
        """Let the end of the process reset the conn; takes no lock."""
        with contextlib.suppress(Error):  # it has no socket, or none any more
            self.conn.set_linger(0)

    def runs_on(self, task: Task) -> bool:
        """Whether task is in this handler now."""
        return self.is_running and self._task is task

    def end(self) -> None:
        """Say that it is over; again is silent."""
        if self._end.acquire(blocking=False):  # once, from whatever thread
            was_here = self._task is not None  # or in a forked child, which tells of it
            self._task = None  # which has its name from us: that would be a ring
            if was_here and _log.isEnabledFor(logging.DEBUG):
                _log.debug("%s: over%s", self, ", cut" if self.was_cut else "")
            self._on_end(self)

    def serve_as(self, draining: Event) -> None:
        """Let the conn know the server: its draining, and who hears of the close."""
        self.conn.serve_as(
            draining, self._conn_closed, CLOSE_SECONDS, self._take_over_close
        )

    def _conn_closed(self) -> None:
        self._was_closed = True
        if self.has_returned:
            self.end()

    def _take_over_close(self) -> bool:
        """Close the conn for another task than its own, which is not to wait for it."""
        if self.conn.detached or self._task is current():
            return False
        self._close_beside(self.conn)
        return True

    def _log_failure(self, error: BaseException) -> None:
        name = handler_name(self._handler)
        if self._is_its_end(error):
            if _log.isEnabledFor(logging.DEBUG):
                _log.debug("%s: handler %s ended: %s", self, name, _told(error))
        else:
            _log.error("%s: handler %s failed", self, name, exc_info=error)

    def _is_its_end(self, error: BaseException) -> bool:
        if isinstance(error, BaseExceptionGroup):
            return all(self._is_its_end(each) for each in error.exceptions)
        if not isinstance(error, Error) or error.op not in ("read", "write"):
            return False
        return isinstance(error, _CONN_WENT) and error.remote == self.remote


def _told(error: BaseException) -> str:
    """Return what the error says; of a group also what the first one inside it says."""
    first = error
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return str(error) if first is error else f"{error}: {first}"
