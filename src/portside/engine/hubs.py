"""The hubs that run in this process, and what becomes of them in a forked child.

In       a hub that begins or ends
Out      all of them, to be told of a descriptor that is closed
Holds    them, while they run
Fails    never
"""

import atexit
import contextlib
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import NoReturn, Protocol, TypeVar

__all__ = ["call_unless_forked", "hubs", "leave_fork"]

EXIT_SECONDS = 1.0
"""How long the exit of the process waits for loops that a task holds up: a guess."""

Argument = TypeVar("Argument")


class _Hub(Protocol):
    has_ended: bool

    def closing(self, fd: int) -> None:
        """Forget fd, which is closed next."""

    def leave_to_parent(self) -> None:
        """Be the parent's alone, in a forked child."""

    def leave_loop(self) -> None:
        """End the loop, whatever its tasks do; from another thread."""


hubs: set[_Hub] = set()
"""Whoever keeps a memory of descriptors between two waits. Other threads add theirs
meanwhile: walk over a `copy`, which is made in one step."""


_forks: list[None] = []
"""One for each fork that lies between the first process of all and this one."""


def _leave_all_to_parent() -> None:
    _forks.append(None)
    for hub in hubs.copy():  # also those of threads that are not in this process
        hub.leave_to_parent()
    hubs.clear()


os.register_at_fork(after_in_child=_leave_all_to_parent)


def _end_all_loops() -> None:
    """End the loops of other threads before the interpreter is taken down.

    A thread that asks for the interpreter's lock after that is ended where it stands.
    In a task's greenlet it stands on a stack that has no beginning, and crashes.
    """
    until = time.monotonic() + EXIT_SECONDS
    running = hubs.copy()
    for hub in running:
        hub.leave_loop()
    while not all(hub.has_ended for hub in running) and time.monotonic() < until:
        time.sleep(0.001)


atexit.register(_end_all_loops)


def call_unless_forked(
    function: Callable[[Argument], object], argument: Argument
) -> None:
    """Call a function; where it returns, or fails, in a fork that it made, end that.

    What follows the call is the business of the process that began it.
    """
    before = len(_forks)
    try:
        function(argument)
    except BaseException as error:
        if len(_forks) != before:
            leave_fork(error)
        raise
    if len(_forks) != before:
        leave_fork(None)


def leave_fork(error: BaseException | None) -> NoReturn:
    """End a forked child whose task came to its end: the rest is its parent's.

    Args:
        error: what the task has raised; of a SystemExit the status is taken.
    """
    status = 0
    if isinstance(error, SystemExit) and isinstance(error.code, int | None):
        status = error.code or 0
    elif error is not None:
        status = 1
        with contextlib.suppress(Exception):
            traceback.print_exception(error)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status & 0xFF)
