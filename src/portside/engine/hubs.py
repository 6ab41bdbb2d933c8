"""The hubs that run in this process, and what becomes of them in a forked child.

In       a hub that begins or ends
Out      all of them, to be told of a descriptor that is closed
Holds    them, while they run
Fails    never
"""

import contextlib
import os
import sys
import traceback
from typing import NoReturn, Protocol

from portside.engine.task import Task

__all__ = ["hubs", "leave_fork"]


class _Hub(Protocol):
    def closing(self, fd: int) -> None:
        """Forget fd, which is closed next."""

    def leave_to_parent(self) -> None:
        """Be the parent's alone, in a forked child."""


hubs: set[_Hub] = set()
"""Whoever keeps a memory of descriptors between two waits. Other threads add theirs
meanwhile: walk over a `copy`, which is made in one step."""


def _leave_all_to_parent() -> None:
    for hub in hubs.copy():  # also those of threads that are not in this process
        hub.leave_to_parent()
    hubs.clear()


os.register_at_fork(after_in_child=_leave_all_to_parent)


def leave_fork(task: Task) -> NoReturn:
    """End a forked child whose task came to its end: the rest is its parent's."""
    status, error = 0, task.error
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
