"""One connection at a time.

The simplest server there is: accept, serve, close, and then the next. Nothing is shared
and nothing overlaps, so a debugger shows all that happens. Everybody waits for the
slowest: the clients that come meanwhile stay in the kernel's queue.
"""

from collections.abc import Callable
from typing import TypeVar

from portside.engine import call_as_task
from portside.models.model import Work

__all__ = ["Serial"]

Result = TypeVar("Result")


class Serial:
    """Handlers run one after another, on the thread that accepts."""

    name = "serial"
    needs_process = False
    runs_inline = True
    max_connections: int | None = None
    descriptors_per_connection = 1
    workers: int | None = None

    packet_lines = 0
    """Packets are answered by who accepts, between two conversations."""

    def call(self, function: Callable[[], Result]) -> Result:
        """Call the server's main line as it is: waiting blocks the thread."""
        return function()

    def run(self, work: Work) -> None:
        """Serve one conversation after another until there are no more."""
        while (conversation := work.accept()) is not None:
            call_as_task(work.converse, conversation, name="conversation")
            del conversation  # or the last one would be kept until the next comes

    def kill(self) -> None:
        """Nothing runs elsewhere."""
