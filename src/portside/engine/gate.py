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

The turn is the one entry of a dict, since every message passes here twice: to set it
where there is none is one step, as taking a lock is, and costs a quarter. Nobody
blocks on it: who does not get it stands in line and parks. Who leaves gives it back and
then looks whether it is wanted; who stands in line says that it is, and tries again
after that. So one of them sees the other, and the same holds for the closed mark.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn

from portside.engine.blocking import here
from portside.engine.scope import earliest, now, scope_deadline
from portside.engine.task import Task
from portside.engine.verbs import Engine
from portside.engine.waist import park
from portside.errors import ClosedError, DeadlineError, Error

__all__ = ["Gate"]

_NOBODY: Any = None
_NEVER = float("-inf")  # until when a closed gate may be used


def _nothing() -> None:
    pass


class Gate:
    """A turnstile for the tasks that use one direction of a stream.

    ``with gate:`` is a turn. An OSError that leaves the block, or keeps a task from
    entering it, goes through `locate` on its way.

    Attributes:
        deadline: until when each of them may take; None is for ever. Once it was
            closed it is a moment before all others.
        bound: the same for the task inside, with the bounds of the blocks around it; as
            it was when it entered, or at its last `check`.
        engine: the engine of the task inside; nothing while nobody is, or a conn would
            keep what belongs to a thread that has ended.
        closed: nobody comes in any more.
        is_counted: each turn is an operation after which others may have theirs. Of a
            reader only one that does not wait is: it calls `check`, which counts.
        ends_when_draining: the task inside said that it may be ended here (`idle`).
        draining: the server stops; a read that may be ended here sees the end.
        locate: gives an error its place; None leaves it as it is.
        waited: seconds that those inside have waited for the peer.
    """

    __slots__ = (
        "_inside",
        "_line",
        "_on_empty",
        "_wanted",
        "bound",
        "closed",
        "deadline",
        "draining",
        "ends_when_draining",
        "engine",
        "is_counted",
        "locate",
        "waited",
    )

    def __init__(
        self, on_empty: Callable[[], None], *, is_counted: bool = True
    ) -> None:
        self.deadline: float | None = None
        self.bound: float | None = None
        self.engine: Engine = _NOBODY
        self.closed = False
        self.is_counted = is_counted
        self.ends_when_draining = False
        self.draining = False
        self.locate: Callable[[OSError], Error] | None = None
        self.waited = 0.0
        self._on_empty = on_empty
        self._inside: dict[int, Task] = {}
        self._wanted = False  # somebody stands in line, or it was closed
        self._line: list[Task] = []

    @property
    def is_empty(self) -> bool:
        """Whether it is closed and nobody is inside any more."""
        return self.closed and not self._inside

    def check(self) -> None:
        """Count an operation; raise what ends a call inside now; else note its bound.

        Raises:
            Cancelled: this task is told to end.
            ClosedError: it was closed.
            DeadlineError: the deadline, or the bound of a block around, has passed.
        """
        engine = here.engine
        engine.count()  # first: others may have their turn, and move the deadline
        self._look(engine.task)

    def enter(self) -> None:
        """Wait for this task's turn; raises what `check` does, located."""
        engine = here.engine
        if self.is_counted and engine.is_shared:
            engine.count()  # before it has the turn: others would queue for it
        task = engine.task
        # From here on who moves the deadline, or closes, wakes us: so both are read
        # after this.
        inside = self._inside
        if self._wanted or inside or inside.setdefault(0, task) is not task:
            self._wait_for_turn(task)
        self.engine = engine
        if task.was_told or scope_deadline() is not None:
            self._enter_bounded(task)
        elif (at := self.deadline) is None or now() < at:
            self.bound = at  # nearly always: every message passes here twice
        else:
            self._enter_bounded(task)

    def leave(self) -> None:
        """Let the next one in; the last one out of a closed gate calls `on_empty`."""
        self.engine = _NOBODY
        del self._inside[0]
        if self._wanted:
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

    def __enter__(self) -> None:
        if not self.is_counted:
            here.engine.count()
        self.enter()

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
        self.deadline = _NEVER  # in one place with the mark: `enter` looks at this
        self._wanted = True

    def forget(self) -> None:
        """Let go of what `on_empty` belongs to: it has been called, and was the last.

        Or the two would be a ring, and wait for the garbage collector.
        """
        self._on_empty = _nothing

    def set_deadline(self, at: float | None) -> None:
        """Move the deadline, also of the calls that wait now."""
        if not self.closed:
            self.deadline = at  # no thread has its turn between the two: no call is
        if self.closed:
            self.deadline = _NEVER
        self._wake_all()

    def wait(self, how: Callable[..., object], *args: object) -> None:
        """Wait inside, until `bound`, and count how long.

        Args:
            how: takes args, and a deadline.
        """
        began = now()
        try:
            how(*args, self.bound)
        finally:
            self.waited += now() - began

    def drain(self) -> None:
        """Say that the server stops: a read that may be ended here sees the end."""
        self.draining = True
        self._wake_all()

    @property
    def is_over(self) -> bool:
        """Whether a read that would have to wait is to see the end instead."""
        return self.draining and self.ends_when_draining

    def _look(self, task: Task) -> None:
        deadline = self.deadline  # before the mark: closing moves it too
        if self.closed:
            raise ClosedError
        task.raise_if_cancelled()
        self.bound = bound = earliest(deadline, scope_deadline())
        if bound is not None and now() >= bound:
            raise DeadlineError

    def _enter_bounded(self, task: Task) -> None:
        """Look for the one inside, and let it out if that raises."""
        try:
            self._look(task)
        except BaseException as error:
            self.leave()
            if isinstance(error, OSError):
                raise self.located(error) from None
            raise

    def _wait_for_turn(self, task: Task) -> None:
        if self._inside.get(0) is task:
            raise RuntimeError(
                f"{task} is in the middle of such a call already: a signal handler "
                f"that runs inside it cannot make another"
            )
        line = self._line
        line.append(task)
        self._wanted = True
        try:
            while line[0] is not task or self._inside.setdefault(0, task) is not task:
                deadline = self.deadline
                if self.closed:
                    raise ClosedError
                park(deadline)
        except BaseException as error:
            line.remove(task)
            self._wake_first()  # the turn may have been left to us
            if isinstance(error, OSError):
                raise self.located(error) from None
            raise
        line.remove(task)
        # By the one inside, so nobody leaves between the two.
        self._wanted = False
        if line or self.closed:
            self._wanted = True

    def _wake_first(self) -> None:
        for task in self._line[:1]:
            task.wake()

    def _wake_all(self) -> None:
        for task in (self._inside.get(0), *self._line):
            if task is not None:
                task.wake()
