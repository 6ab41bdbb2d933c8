"""A greenlet per connection, one event loop.

All handlers share one thread. Each runs until it waits, and then another one does; so
tens of thousands of connections cost no more than their memory. Nothing is run at the
same moment as anything else: between two waits a handler has all that is shared to
itself. The price: one that computes, or blocks in a library that knows nothing of us,
holds up all the others. The watchdog names it in the log; `offload` is what it wants.
"""

from collections.abc import Callable
from typing import TypeVar

from portside.engine import spawn
from portside.engine.hub import Hub
from portside.models.model import Work

__all__ = ["Nonblocking"]

Result = TypeVar("Result")


class Nonblocking:
    """Each handler runs on a greenlet of its own, in one hub."""

    name = "nonblocking"
    needs_process = False
    runs_inline = True
    max_connections: int | None = None
    descriptors_per_connection = 1
    workers: int | None = None

    packet_lines = 1
    """Packets are answered inline; while a handler waits, another line takes over."""

    def call(self, function: Callable[[], Result]) -> Result:
        """Call the server's main line as the first task of a hub."""
        result: Result = Hub().run(function)
        return result

    def run(self, work: Work) -> None:
        """Start a greenlet for each conversation; who stops the server waits."""
        while (conversation := work.accept()) is not None:
            spawn(work.converse, conversation, name=conversation)
            del conversation  # or the last one would be kept until the next comes

    def kill(self) -> None:
        """Nothing runs elsewhere."""
