"""See that nothing is left behind: no descriptor, no thread, no child.

In       a block of code
Out      a return once all that it opened is gone
Source   /proc/self/fd, /proc/self/task/*/children (proc(5)); Linux only
Holds    what there was before the block
Fails    AssertionError: with the names of what was left
"""

import contextlib
import os
import threading
from collections.abc import Iterator

from portside.engine import current, now, park
from portside.engine.threads import pool
from portside.errors import DeadlineError

__all__ = ["no_leaks"]

WAIT_SECONDS = 5.0
"""What threads and children get to leave after the block: a guess."""


@contextlib.contextmanager
def no_leaks() -> Iterator[None]:
    """Wait after the block until all that it opened is gone.

    Raises:
        AssertionError: something is still there after 5 seconds.
    """
    # This thread's own bell is made at its first wait, and stays. No deadline: it could
    # be over before the wait begins.
    current().wake()
    park()
    before = _present()
    yield
    pool.trim()
    until = now() + WAIT_SECONDS
    while left := _present() - before:
        if now() >= until:
            raise AssertionError(f"left behind: {', '.join(sorted(left))}")
        with contextlib.suppress(DeadlineError):
            park(now() + 0.01)


def _present() -> set[str]:
    found = {f"thread {each.name} ({each.ident})" for each in threading.enumerate()}
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself is gone
            found.add(f"descriptor {number} ({os.readlink(f'/proc/self/fd/{number}')})")
    for task in os.listdir("/proc/self/task"):
        with (
            contextlib.suppress(OSError),
            open(f"/proc/self/task/{task}/children") as file,
        ):
            found.update(f"child {pid}" for pid in file.read().split())
    return {each for each in found if "/proc/" not in each}
