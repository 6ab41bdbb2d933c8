"""The waist: what an engine must give, and all that anybody else may ask of it.

::

    wait_read(fd, deadline)      return when fd has bytes, an end, or an error
    wait_write(fd, deadline)     return when fd takes bytes, or has an error
    wait_any(reads, writes, deadline)   the same for many; returns those that are ready
    wait_accept(fds, deadline)   the same for listeners; one process of many wakes
    watch(fd, callback)          call back in whatever wait comes, when fd is readable
    unwatch(fd)                  no more
    closing(fd)                  fd is about to be closed
    abandon()                    this is a forked child: keep nothing of the parent's
    spawn(function, *args)       start a task
    run_here(task)               run a task on this very line of execution
    current()                    the task that asks
    park(deadline)               sleep until somebody wakes this task
    wake(task)                   from any thread
    cancel(task)                 from any thread: each of its waits raises Cancelled
    checkpoint(deadline)         raise what a wait would raise now, without waiting
    count()                      an operation was done: give way now and then
    sleep(seconds), now(), offload(function, *args)     made of the others

Rules that hold for all of them:

1. A wait may return early. The caller tries its call again, and waits again.
2. `Cancelled` comes before `DeadlineError`, and both before the wait: the waist sees to
   that with `checkpoint`, and an engine raises them for what happens while it waits.
   What is there already (a free lock, an event that is set) is no wait.
3. A deadline is a moment on the clock of `now`; None is for ever.
4. `wake` and `cancel` may come from any thread; everything else is asked by the task
   that it concerns.

An engine is one object for each thread that waits. `portside.engine.waist` finds the
one of this thread and adds the bounds of the blocks around (`timeout`), so that an
engine knows moments only.
"""

from collections.abc import Callable, Collection
from typing import Protocol

from portside.engine.task import Task

__all__ = ["Engine", "Owner"]


class Owner(Protocol):
    """Whom a descriptor belongs to once it was used."""

    @property
    def gone(self) -> bool:
        """Whether it stayed behind in the process that forked this one."""


class Engine(Protocol):
    """How a wait is done on one thread."""

    task: Task
    """The task that runs on it now."""

    @property
    def is_shared(self) -> bool:
        """Whether other tasks run on this thread, so that none may block it."""

    @property
    def owner(self) -> Owner:
        """Whom the descriptors that are used on this engine belong to."""

    def wait_read(self, fd: int, deadline: float | None) -> None:
        """Return when fd has bytes, an end, or an error to report; or early."""

    def wait_write(self, fd: int, deadline: float | None) -> None:
        """Return when fd takes bytes, or has an error to report; or early."""

    def wait_any(
        self, reads: Collection[int], writes: Collection[int], deadline: float | None
    ) -> set[int]:
        """Return those that are ready; none when it returns early."""

    def wait_accept(self, fds: Collection[int], deadline: float | None) -> set[int]:
        """Return those of the listeners that have a client; none when it is early.

        Where several processes wait at the same listener, a client wakes one of them,
        and each has its turn.
        """

    def count(self) -> None:
        """Count an operation of the present task: it gives way after so many."""

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        """Call back from inside any wait of this engine while fd is readable."""

    def unwatch(self, fd: int) -> None:
        """Watch fd no more; silent if it was not watched."""

    def abandon(self) -> None:
        """Drop what was inherited by a fork, without touching what the parent uses."""

    def spawn(self, task: Task) -> None:
        """Start running task beside the present one."""

    def run_here(self, task: Task) -> None:
        """Run task to its end in place of the present one."""

    def park(self, deadline: float | None) -> None:
        """Sleep until the present task is woken, or for no reason."""
