"""The conversations of a server, from accept until each has ended.

In       conversations that begin and end, on any thread
Out      the stop of all of them, bounded; a report of how they ended
Holds    those that have not ended, and the moment when the rest is cut
Fails    never
"""

import threading
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from portside.engine import Event, Task, current, park
from portside.errors import DeadlineError

__all__ = ["Live", "Report", "State"]


class State(Enum):
    """What a server does: each state leads to the next and never back."""

    NEW = "new"
    RUNNING = "running"
    DRAINING = "draining"
    CLOSED = "closed"


@dataclass(frozen=True)
class Report:
    """How the conversations ended that were open when the server began to stop.

    Attributes:
        finished: their handlers came to an end by themselves.
        cut: they were ended when the grace was over.
        abandoned: they never waited, so nothing could end them; their threads are left.
    """

    finished: int = 0
    cut: int = 0
    abandoned: int = 0

    def __str__(self) -> str:
        return f"{self.finished} finished, {self.cut} cut, {self.abandoned} abandoned"


class _Conversation(Protocol):
    was_cut: bool
    has_returned: bool

    @property
    def is_counted(self) -> bool:
        """Whether it is a client's."""

    @property
    def is_given_away(self) -> bool:
        """Whether its handler has left it to somebody else."""

    def serve_as(self, draining: Event) -> None:
        """Let it know when the server stops."""

    def drain(self, cut_at: float) -> None:
        """Tell it that the server stops, and when it will be cut."""

    def cut(self) -> None:
        """End what its handler gave away."""

    def abandon(self) -> None:
        """Leave its handler where it is, and end what that has of a client."""

    def leave(self) -> None:
        """Let the end of the process do the same."""

    def runs_on(self, task: Task) -> bool:
        """Whether task is in its handler now."""


class Live:
    """The conversations that have not ended."""

    def __init__(self) -> None:
        self.draining = Event()
        self.cut_at: float | None = None
        self.is_cutting = False  # by a signal, before the drain could begin
        self._mutex = threading.Lock()  # guards all below
        self._open: set[_Conversation] = set()
        self._finished = 0
        self._cut = 0
        self._abandoned = 0
        self._waiter: Task | None = None

    def __len__(self) -> int:
        return len(self._open)

    def add(self, conversation: _Conversation) -> None:
        """Begin: it shares our draining event, also if that is set already."""
        conversation.serve_as(self.draining)
        with self._mutex:
            self._open.add(conversation)
            cut_at = self.cut_at
        if cut_at is not None:
            conversation.drain(cut_at)

    def remove(self, conversation: _Conversation) -> None:
        """End: counted, if the server is stopping."""
        with self._mutex:
            self._open.discard(conversation)
            is_stopping = self.cut_at is not None or self.is_cutting
            if is_stopping and conversation.was_cut:
                self._cut += 1
            elif is_stopping and conversation.is_counted:
                self._finished += 1
            waiter = self._waiter
        if waiter is not None:
            waiter.wake()

    def count(self, report: Report) -> None:
        """Add what ended elsewhere."""
        with self._mutex:
            self._finished += report.finished
            self._cut += report.cut
            self._abandoned += report.abandoned

    def drain(self, cut_at: float) -> None:
        """Tell all of them that the server stops, and when the rest is cut."""
        with self._mutex:
            self.cut_at = cut_at
            conversations = tuple(self._open)
        self.draining.set()
        for conversation in conversations:
            conversation.drain(cut_at)

    def cut_detached(self) -> None:
        """End the conns that were given away by their handlers."""
        for conversation in tuple(self._open):
            if conversation.is_given_away:
                conversation.cut()

    def abandon(self) -> None:
        """Leave those whose handlers never waited: half a reply must not look whole."""
        for conversation in tuple(self._open):
            if not conversation.has_returned:
                conversation.abandon()

    def leave(self) -> None:
        """Do the same where the process is about to end; also in a signal handler."""
        for conversation in tuple(self._open):
            if not conversation.has_returned:
                conversation.leave()

    def wait(self, until: float | None) -> None:
        """Return when all have ended, or at a moment."""
        self._waiter = current()
        try:
            while self._open:
                park(until)
        except DeadlineError:
            pass
        finally:
            self._waiter = None

    def running_on(self, task: Task) -> bool:
        """Whether task is in a handler now; may be asked from a signal handler."""
        return any(each.runs_on(task) for each in tuple(self._open))

    def report(self) -> Report:
        """Return how those ended that were open when the stop began."""
        with self._mutex:
            abandoned = sum(not each.has_returned for each in self._open)
            lingering = sum(  # handled, and on their way
                each.has_returned and each.is_counted for each in self._open
            )
            return Report(
                self._finished + lingering, self._cut, self._abandoned + abandoned
            )
