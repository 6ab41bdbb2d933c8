"""One direction of a stream: whose turn it is, until when, and whether it is over.

In       tasks that want to read (or write), deadlines, a close: from any thread
Out      one task at a time is inside; whoever is inside or waits learns of a moved
         deadline and of a close at once
Source   Go's internal/poll.FDMutex; `design` of the conn: deadlines cover the turn
Holds    the task inside, those who wait in order, the deadline, the closed mark
Fails    ClosedError, DeadlineError, Cancelled: from enter and check

A reader keeps its turn over a whole ``read_until``, a writer over a whole ``write``: so
the bytes of two calls never mix. Whoever closes does not wait for the one inside: it
marks, wakes, and the last one out calls `on_empty`, where the descriptor is given back.
Only so can its number not be reused under somebody's feet.

The turn is a lock that nobody blocks on, since every message passes here twice: who
does not get it stands in line and parks. Who leaves gives the lock back and then looks
at the line; who stands in line tries the lock after it has lined up. So one of them
sees the other, and the same holds for the closed mark.
"""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn

from portside.engine.blocking import here
from portside.engine.scope import earliest, now, scope_deadline
from portside.engine.task import Task
from portside.engine.verbs import Engine
from portside.engine.waist import checkpoint, park
from portside.errors import ClosedError, DeadlineError, Error

__all__ = ["Gate"]

_NOBODY: Any = None


class Gate:
    """A turnstile for the tasks that use one direction of a stream.

    ``with gate:`` is a turn. An OSError that leaves the block, or keeps a task from
    entering it, goes through `locate` on its way.

    Attributes:
        deadline: until when each of them may take; None is for ever.
        bound: the same for the task inside, with the bounds of the blocks around it; as
            it was when it entered, or at its last `check`.
        engine: the engine of the task inside; nothing while nobody is, or a conn would
            keep what belongs to a thread that has ended.
        closed: nobody comes in any more.
        is_plain: it is open and has no deadline.
        ends_when_draining: the task inside said that it may be ended here (`idle`).
        draining: the server stops; a read that may be ended here sees the end.
        locate: gives an error its place; None leaves it as it is.
    """

    __slots__ = (
        "_holder",
        "_line",
        "_on_empty",
        "_take",
        "_turn",
        "bound",
        "closed",
        "deadline",
        "draining",
        "ends_when_draining",
        "engine",
        "is_plain",
        "locate",
    )

    def __init__(self, on_empty: Callable[[], None]) -> None:
        self.deadline: float | None = None
        self.bound: float | None = None
        self.engine: Engine = _NOBODY
        self.closed = False
        self.is_plain = True
        self.ends_when_draining = False
        self.draining = False
        self.locate: Callable[[OSError], Error] | None = None
        self._on_empty = on_empty
        self._turn = threading.Lock()
        self._take = self._turn.acquire
        self._holder: Task | None = None
        self._line: list[Task] = []

    @property
    def is_empty(self) -> bool:
        """Whether it is closed and nobody is inside any more."""
        return self.closed and not self._turn.locked()

    def check(self) -> None:
        """Raise what ends a call inside now; else note its bound.

        Raises:
            Cancelled: this task is told to end.
            ClosedError: it was closed.
            DeadlineError: the deadline, or the bound of a block around, has passed.
        """
        if self.closed:
            raise ClosedError
        self.bound = checkpoint(self.deadline)

    def enter(self) -> None:
        """Wait for this task's turn; raises what `check` does, located."""
        engine = here.engine
        task = engine.task
        if engine.is_shared:
            engine.count()  # before it has the turn: others would queue for it
        if self._line or not self._take(False):
            self._wait_for_turn(task)
        # From here on who moves the deadline, or closes, wakes us: so both are read
        # after this.
        self._holder = task
        self.engine = engine
        if task.was_told or scope_deadline() is not None:
            self._enter_bounded(task)
        elif self.is_plain:
            self.bound = None  # nearly always: every message passes here twice
        elif self.closed or (bound := self.deadline) is None or now() >= bound:
            self._enter_bounded(task)
        else:
            self.bound = bound

    def leave(self) -> None:
        """Let the next one in; the last one out of a closed gate calls `on_empty`."""
        self._holder = None
        self.engine = _NOBODY
        self._turn.release()
        if self._line:
            self._wake_first()
        if self.closed:
            self._on_empty()

    def located(self, error: OSError) -> OSError:
        """Return the error with its place, or as it is where none is known."""
        return error if self.locate is None else self.locate(error)

    def raise_located(self, error: OSError) -> NoReturn:
        """Raise the error that is being handled, with its place."""
        located = self.located(error)
        if located is error:
            raise error
        raise located from error

    __enter__ = enter

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()
        if error is not None and isinstance(error, OSError):
            located = self.located(error)
            if located is not error:
                raise located from error

    def close(self) -> None:
        """Let nobody in any more, and tell those inside. The caller asks `is_empty`."""
        self.abandon()
        self._wake_all()

    def abandon(self) -> None:
        """Let nobody in any more, and tell nobody: in a fork they are not here."""
        self.closed = True
        self.is_plain = False

    def set_deadline(self, at: float | None) -> None:
        """Move the deadline, also of the calls that wait now."""
        self.deadline = at
        # Said, and then looked at again: others may set, or close, in this moment.
        self.is_plain = at is None
        if self.deadline is not None or self.closed:
            self.is_plain = False
        self._wake_all()

    def drain(self) -> None:
        """Say that the server stops: a read that may be ended here sees the end."""
        self.draining = True
        self._wake_all()

    @property
    def is_over(self) -> bool:
        """Whether a read that would have to wait is to see the end instead."""
        return self.draining and self.ends_when_draining

    def _enter_bounded(self, task: Task) -> None:
        """Do for the one inside what `check` does, and let it out if that raises."""
        try:
            if self.closed:
                raise ClosedError
            task.raise_if_cancelled()
            self.bound = bound = earliest(self.deadline, scope_deadline())
            if bound is not None and now() >= bound:
                raise DeadlineError
        except BaseException as error:
            self.leave()
            if isinstance(error, OSError):
                raise self.located(error) from None
            raise

    def _wait_for_turn(self, task: Task) -> None:
        line = self._line
        line.append(task)
        try:
            while line[0] is not task or not self._turn.acquire(False):
                if self.closed:
                    raise ClosedError
                park(self.deadline)
        except BaseException as error:
            line.remove(task)
            self._wake_first()  # the turn may have been left to us
            if isinstance(error, OSError):
                raise self.located(error) from None
            raise
        line.remove(task)

    def _wake_first(self) -> None:
        for task in self._line[:1]:
            task.wake()

    def _wake_all(self) -> None:
        for task in (self._holder, *self._line):
            if task is not None:
                task.wake()
