"""Run a call that blocks where it holds up nobody.

In       a function that may block, and its arguments
Out      its result or its error, to the task that asked
Holds    at most `MAX_OFFLOADED` calls at once; the others wait for their turn
Fails    as the function does; DeadlineError and Cancelled leave the call running
         and nobody listening to it
"""

import contextvars
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from portside.engine.blocking import here
from portside.engine.slots import Slots
from portside.engine.task import Task
from portside.engine.threads import pool
from portside.engine.waist import checkpoint, current, park

__all__ = ["MAX_OFFLOADED", "Offloader", "offload"]

MAX_OFFLOADED = 32
"""Calls at once, as many as CPython gives a thread pool at the most by default."""

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Offloader:
    """A bounded number of threads for calls of one kind."""

    def __init__(self, max_calls: int) -> None:
        self._slots = Slots(max_calls)

    def __call__(
        self,
        function: Callable[Given, Result],
        *args: Given.args,
        **kwargs: Given.kwargs,
    ) -> Result:
        """Run a call that blocks in a thread, and let this task alone wait for it.

        It sees this task's context variables, so it is bound by the blocks around too.

        Raises:
            DeadlineError: the bound of a block around came first.
            Cancelled: this task is told to end.
        """
        checkpoint()  # or a call would begin for a task that is told to end
        self._slots.take()
        task = Task(
            getattr(function, "__name__", "offload"),
            lambda: function(*args, **kwargs),
            context=contextvars.copy_context(),
        )
        waiter = current()
        task.add_joiner(waiter)

        def run() -> None:
            here.engine.run_here(task)
            self._slots.give_back()

        try:
            pool.run(run)
        except BaseException:
            self._slots.give_back()
            raise
        while not task.done:
            park()
        result: Result = task.value
        return result


offload = Offloader(MAX_OFFLOADED)
"""Run a call that blocks in a thread: ``offload(open, path, "rb")``."""
