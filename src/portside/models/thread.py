"""A thread per connection.

The operating system shares out the time: a handler that waits, even in a library that
knows nothing of us, holds up nobody. The threads are used again, and there are as many
as there are connections at once: `Thread.max_connections` bounds both. Under the GIL
they share one core when they compute.
"""

from collections.abc import Callable
from typing import TypeVar

from portside.engine import spawn_on_thread
from portside.models.model import Work

__all__ = ["Thread"]

Result = TypeVar("Result")


class Thread:
    """Each handler runs on a thread of its own."""

    name = "thread"
    needs_process = False
    runs_inline = False
    max_connections: int | None = 4096
    """A guess at what a machine bears: each has a stack, some 100 KiB of it touched."""
    descriptors_per_connection = 2
    """The connection, and the eventfd that can wake its thread."""
    workers: int | None = None

    packet_lines = 8
    """How many threads answer the packets of one socket: a guess, never measured."""

    def call(self, function: Callable[[], Result]) -> Result:
        """Call the server's main line as it is: waiting blocks the thread."""
        return function()

    def run(self, work: Work) -> None:
        """Start a thread for each conversation; who stops the server waits for them."""
        while (conversation := work.accept()) is not None:
            try:
                spawn_on_thread(work.converse, conversation, name="conversation")
            except RuntimeError as error:  # the system has no more threads
                work.refused(conversation, error)
            del conversation  # or the last one would be kept until the next comes

    def kill(self) -> None:
        """Nothing runs elsewhere."""
