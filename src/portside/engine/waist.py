"""The verbs of the waist, asked of the engine of this thread.

In       what `portside.engine.verbs` lists
Out      the same, bound by the blocks around the caller (`timeout`, `deadline`)
Holds    nothing
Fails    Cancelled, DeadlineError: from each verb that waits, before it does
"""

import contextlib
import contextvars
from collections.abc import Callable, Collection, Iterator
from typing import Any

from portside.engine.blocking import here, spawn_thread
from portside.engine.hubs import hubs
from portside.engine.scope import earliest, now, scope_deadline, unbounded
from portside.engine.task import Task
from portside.errors import DeadlineError

__all__ = [
    "call_as_task",
    "cancel",
    "checkpoint",
    "closing",
    "current",
    "may_block",
    "park",
    "shield",
    "sleep",
    "spawn",
    "spawn_on_thread",
    "unwatch",
    "wait_accept",
    "wait_any",
    "wait_read",
    "wait_write",
    "wake",
    "watch",
]


def current() -> Task:
    """Return the task that asks."""
    return here.engine.task


def checkpoint(deadline: float | None = None) -> float | None:
    """Raise what a wait until deadline would raise now; else return the true bound.

    Returns:
        The earlier of deadline and what the blocks around are bound by.

    Raises:
        Cancelled: this task is told to end.
        DeadlineError: the bound has passed.
    """
    engine = here.engine
    if engine.is_shared:
        engine.count()
    return _bound(deadline)


def _bound(deadline: float | None) -> float | None:
    """Do what `checkpoint` does, but never give way to another task.

    That one might close the descriptor that is to be waited for; and the wait itself
    gives way.
    """
    task = here.engine.task
    if task.reasons or task.cancel_at is not None:
        task.raise_if_cancelled()
    if (bound := scope_deadline()) is not None:
        deadline = earliest(deadline, bound)
    if deadline is not None and now() >= deadline:
        raise DeadlineError
    return deadline


def wait_read(fd: int, deadline: float | None = None) -> None:
    """Return when fd has bytes, an end, or an error to report; or early."""
    here.engine.wait_read(fd, _bound(deadline))


def wait_write(fd: int, deadline: float | None = None) -> None:
    """Return when fd takes bytes, or has an error to report; or early."""
    here.engine.wait_write(fd, _bound(deadline))


def wait_any(
    reads: Collection[int],
    writes: Collection[int] = (),
    deadline: float | None = None,
) -> set[int]:
    """Return those that are ready; none when it returns early."""
    return here.engine.wait_any(reads, writes, _bound(deadline))


def wait_accept(fds: Collection[int], deadline: float | None = None) -> set[int]:
    """Return those of the listeners that have a client; none when it returns early.

    Where several processes wait at the same listener, a client wakes one of them, and
    each has its turn.
    """
    return here.engine.wait_accept(fds, _bound(deadline))


def watch(fd: int, callback: Callable[[], None]) -> None:
    """Call back from inside any wait of this thread while fd is readable.

    The callback takes what is there, or ends the watch: it is called again otherwise.
    It must not wait, and in a hub nobody else waits for fd meanwhile.

    Raises:
        RuntimeError: a task of this hub waits for fd.
    """
    here.engine.watch(fd, callback)


def unwatch(fd: int) -> None:
    """Watch fd no more; silent if it was not watched."""
    here.engine.unwatch(fd)


def closing(fd: int) -> None:
    """Let every engine forget fd, which the caller closes next; from any thread."""
    for hub in hubs.copy():
        hub.closing(fd)


def may_block() -> bool:
    """Whether a call that blocks here holds up no other task than this one."""
    return not here.engine.is_shared


def park(deadline: float | None = None) -> None:
    """Sleep until this task is woken, or for no reason: ask again what you wait for."""
    here.engine.park(checkpoint(deadline))


def wake(task: Task) -> None:
    """Make the task's present or next park return; from any thread."""
    task.wake()


def cancel(task: Task, at: float | None = None) -> None:
    """Tell the task to end, now or at a moment: each wait then raises `Cancelled`."""
    task.cancel(at=at)


def sleep(seconds: float) -> None:
    """Let this task alone wait.

    Raises:
        DeadlineError: the bound of a block around comes first.
        Cancelled: this task is told to end.
    """
    until = now() + seconds
    bound = checkpoint()
    while now() < until:
        try:
            park(until)
        except DeadlineError:
            if bound is not None and bound <= until:
                raise


def spawn(function: Callable[..., Any], *args: Any, name: object = "") -> Task:
    """Start a task that calls function; it has a copy of this one's context."""
    name = name or getattr(function, "__name__", "task")
    task = Task(name, function, args, contextvars.copy_context())
    here.engine.spawn(task)
    return task


def spawn_on_thread(
    function: Callable[..., Any], *args: Any, name: object = ""
) -> Task:
    """Start a task on a thread of its own, also from a hub.

    Raises:
        RuntimeError: the system gives no more threads.
    """
    name = name or getattr(function, "__name__", "task")
    task = Task(name, function, args, contextvars.copy_context())
    spawn_thread(task)
    return task


def call_as_task(function: Callable[..., Any], *args: Any, name: object = "") -> Any:
    """Call function on this very line of execution, but as a task of its own.

    What is said to that task (a cancellation) ends with it. Its bounds are its own too.
    """
    name = name or getattr(function, "__name__", "task")
    with unbounded():
        context = contextvars.copy_context()
    task = Task(name, function, args, context)
    here.engine.run_here(task)
    return task.value


@contextlib.contextmanager
def shield() -> Iterator[None]:
    """Let the waits inside be neither cancelled nor bound from outside.

    For what must be waited for to the end: a group's tasks, a lock to be given back.
    """
    task = current()
    task.shields += 1
    try:
        with unbounded():
            yield
    finally:
        task.shields -= 1
