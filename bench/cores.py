"""Which core the server runs on, and which the load.

Out      two cores, or the same one twice on a machine with one
Source   sched_setaffinity(2): a child has the cores of the thread that started it

A child must find its core when it starts, not a moment later: Go decides by it how many
threads run goroutines. So the starting thread goes there itself, for the moment.
"""

import contextlib
import os
from collections.abc import Iterator

__all__ = ["load_core", "on_core", "server_core"]


def server_core() -> int:
    """Return the core for servers: the first that is ours."""
    return min(os.sched_getaffinity(0))


def load_core() -> int:
    """Return the core for the load: the last that is ours."""
    return max(os.sched_getaffinity(0))


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Run this thread, and what it starts, on one core while the block runs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
