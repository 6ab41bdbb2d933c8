"""A thread per connection.

The operating system shares out the time: a handler that waits, even in a library that
knows nothing of us, holds up nobody. The threads are used again, and there are as many
as there are connections at once: `Thread.max_connections` bounds both. Under the GIL
they share one core when they compute.
"""

from portside.engine import spawn
from portside.models.model import Work

__all__ = ["Thread"]


class Thread:
    """Each handler runs on a thread of its own."""

    name = "thread"
    needs_process = False
    runs_inline = False
    max_connections: int | None = 4096
    """A guess at what a machine bears: each has a stack, some 100 KiB of it touched."""
    descriptors_per_connection = 2
    """The connection, and the eventfd that can wake its thread."""

    def run(self, work: Work) -> None:
        """Start a thread for each conversation; who stops the server waits for them."""
        while (conversation := work.accept()) is not None:
            try:
                spawn(work.converse, conversation, name="conversation")
            except RuntimeError as error:  # the system has no more threads
                work.refused(conversation, error)

    def kill(self) -> None:
        """Nothing runs elsewhere."""
