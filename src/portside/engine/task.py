"""A task: one straight line of execution.

In       a function to run, or the thread that is running already
Out      its result or its error; wake-ups and cancellation reach it here
Holds    whether it sleeps, whether it was woken, and why it is to end
Fails    never

The whole of synchronisation between tasks is two words, `park` and `wake`, with one
permit between them. `wake` leaves the permit and rings if the task sleeps; `park`
takes the permit, or says that it sleeps and looks again before it does. Whichever of
the two comes first, the other one sees it, so no wake-up is lost. A permit may be left
over from an earlier wait: a park may return for no reason, and every caller asks its
own condition again.
"""

import contextvars
import time
from collections.abc import Callable
from typing import Any, Protocol

from portside.errors import Cancelled

__all__ = ["Ringable", "Task"]


class Ringable(Protocol):
    """What ends a sleep: a bell, or a hub.

    Not the engine: that would be a ring of two, and its descriptors would wait for the
    garbage collector when a thread ends.
    """

    def ring(self, task: "Task") -> None:
        """Make the sleep of task return; from any thread."""


class Task:
    """One straight line of execution: a thread, or a stretch of one.

    Attributes:
        name: what logs and errors call it: its text, made when it is asked for.
        ringer: what ends its sleep; set by its own engine before it sleeps.
        sleeping: it is about to sleep, or does; set by its own engine alone.
        woken: the permit; set by anybody, taken by its own engine.
        reasons: why it is to end, if it is; at each wait it raises `Cancelled` while
            this is not empty. The task itself for the whole of it, a `TaskGroup` for
            what is inside that group.
        cancel_at: when it will be told to end, in seconds on the engine's clock.
        was_told: somebody has told it to end, or when; it stays so, also when that was
            taken back. Where it is false there are no reasons and no moment.
        shields: how many of its blocks are not to be disturbed.
        gives_way: it lets others have their turn, and waits for nothing.
        line: the greenlet that it runs on, in a hub.
        timer: when its hub wakes it to look at the clock, and which of the hub's
            entries that is; None for never.
    """

    __slots__ = (
        "_args",
        "_context",
        "_error",
        "_function",
        "_joiners",
        "_value",
        "cancel_at",
        "done",
        "gives_way",
        "line",
        "name",
        "reasons",
        "ringer",
        "shields",
        "sleeping",
        "timer",
        "was_told",
        "woken",
    )

    def __init__(
        self,
        name: object = "",
        function: Callable[..., Any] | None = None,
        args: tuple[Any, ...] = (),
        context: contextvars.Context | None = None,
    ) -> None:
        self.name = name
        self.ringer: Ringable | None = None
        self.sleeping = False
        self.woken = False
        self.reasons: set[object] = set()
        self.cancel_at: float | None = None
        self.was_told = False
        self.shields = 0
        self.gives_way = False
        self.line: Any = None
        self.timer: tuple[float, int] | None = None
        self.done = False
        self._function = function
        self._args = args
        self._context = context
        self._value: Any = None
        self._error: BaseException | None = None
        self._joiners: list[Task] = []

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def wake(self) -> None:
        """Make its present or next park return; from any thread."""
        if self.woken:
            return  # it was rung for, or will see the permit before it sleeps
        self.woken = True
        if self.sleeping and (ringer := self.ringer) is not None:
            ringer.ring(self)

    def cancel(self, reason: object = None, at: float | None = None) -> None:
        """Tell it to end: now, or at a moment; from any thread.

        Args:
            reason: what it is said for, so that it can be taken back.
            at: seconds on the engine's clock; None for now. An earlier moment that was
                said before stays.
        """
        if at is None:
            self.reasons.add(self if reason is None else reason)
        elif self.cancel_at is None or at < self.cancel_at:
            self.cancel_at = at
        self.was_told = True  # before it wakes, and looks
        self.wake()

    def forgive(self, reason: object) -> None:
        """Take back a cancellation that was said for this reason."""
        self.reasons.discard(reason)

    def raise_if_cancelled(self) -> None:
        """Raise `Cancelled` if it is told to end and not shielded."""
        if self.shields:
            return
        if self.reasons:
            raise Cancelled
        if self.cancel_at is not None and time.monotonic() >= self.cancel_at:
            self.reasons.add(self)
            raise Cancelled

    def run(self) -> None:
        """Call the function and keep what comes of it; never raises."""
        assert self._function is not None
        context = self._context
        if context is None:
            context = contextvars.copy_context()
        try:
            self._value = context.run(self._function, *self._args)
        except BaseException as error:  # noqa: BLE001  it is handed to who asks for it
            self._error = error
        self._function, self._args, self._context = None, (), None
        self.done = True
        for joiner in tuple(self._joiners):
            joiner.wake()

    def add_joiner(self, joiner: "Task") -> None:
        """Wake joiner when this task is done; it asks `done` after adding itself."""
        self._joiners.append(joiner)

    def remove_joiner(self, joiner: "Task") -> None:
        """Do not wake joiner any more."""
        self._joiners.remove(joiner)

    @property
    def error(self) -> BaseException | None:
        """What the function raised, once it is done."""
        return self._error

    @property
    def value(self) -> Any:
        """What the function returned, once it is done; its error is raised."""
        if self._error is not None:
            raise self._error
        return self._value
