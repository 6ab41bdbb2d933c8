"""What a model is, and what it is given.

In       from the server: where conversations come from, and what to do with each
Out      each conversation runs to its end, at the model's own choice of place
Holds    nothing
Fails    never: what a handler raises stays in `Work.converse`
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

__all__ = ["Model", "Work"]

Result = TypeVar("Result")


class Work(Protocol):
    """What a server gives its model. A conversation is opaque to the model."""

    @property
    def grace(self) -> float:
        """How long conversations may go on when the server stops, in seconds."""

    def accept(self) -> Any:
        """Wait for the next conversation; None when the server stops."""

    def converse(self, conversation: Any) -> None:
        """Run the handler on it, close it and say that it ended; never raises."""

    def cut_at(self) -> float | None:
        """Return when those that still run are to be cut; None while nothing stops."""

    def enter_child(self, conversation: Any) -> None:
        """Close, in a forked child, all that belongs to the parent alone."""

    def drain_child(self, conversation: Any) -> None:
        """Begin to stop, in a forked child whose parent stops or is gone."""

    def was_cut(self, conversation: Any) -> bool:
        """Whether the conversation was cut before its handler had ended."""

    def hand_over(self, conversation: Any) -> None:
        """Close, in the parent, the copy of what a child serves now."""

    def ended(self, conversation: Any, *, cut: bool) -> None:
        """Say that a conversation served elsewhere has ended."""

    def failed(self, conversation: Any, reason: str) -> None:
        """Say that a conversation died while it was served elsewhere."""

    def refused(self, conversation: Any, error: Exception) -> None:
        """Say that the system has no place for one more; accepting pauses."""

    def wait_for_stop(self, until: float | None) -> None:
        """Return when the server stops, at a moment, or early: for a supervisor."""

    def serve_as_worker(self, number: int, model: "Model", lifeline: int) -> None:
        """Serve by model, in a forked child, until told to stop; inside a hub."""

    def has_begun(self, number: int) -> bool:
        """Whether a worker has come so far as to accept."""

    def worker_ended(self, number: int) -> int:
        """Give the places of a dead worker back; return how many it had."""


class Model(Protocol):
    """Where handlers run.

    Attributes:
        name: what it is called everywhere.
        needs_process: it must run in a process that has no second thread.
        runs_inline: handlers run on the very thread that accepts, so that one which
            computes keeps everything else from running.
        max_connections: at once, if nobody says otherwise; None for what the
            descriptors allow.
        descriptors_per_connection: what a connection costs the accepting process.
        packet_lines: on how many lines of execution the packets of one socket are
            answered, as long as the server runs; 0 where who accepts does it.
        workers: how many processes accept, each with as many connections as it can
            bear; None where the server's own process does.
    """

    name: str
    needs_process: bool
    runs_inline: bool
    max_connections: int | None
    descriptors_per_connection: int
    packet_lines: int
    workers: int | None

    def call(self, function: Callable[[], Result]) -> Result:
        """Call the server's main line on the engine of this model; `run` is inside."""

    def run(self, work: Work) -> None:
        """Serve until there is nothing more to accept; see to what is still running."""

    def kill(self) -> None:
        """End what runs in other processes, now; called from a signal handler."""
