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
"""

import threading
from collections import deque
from collections.abc import Callable

from portside.engine.task import Task
from portside.engine.waist import checkpoint, current, park
from portside.errors import ClosedError

__all__ = ["Gate"]


class Gate:
    """A turnstile for the tasks that use one direction of a stream.

    Attributes:
        deadline: until when each of them may take; None is for ever.
        bound: the same for the task inside, with the bounds of the blocks around it; as
            it was at its last `check`.
        closed: nobody comes in any more.
        ends_when_draining: the task inside said that it may be ended here (`idle`).
        draining: the server stops; a read that may be ended here sees the end.
    """

    __slots__ = (
        "_holder",
        "_mutex",
        "_on_empty",
        "_queue",
        "bound",
        "closed",
        "deadline",
        "draining",
        "ends_when_draining",
    )

    def __init__(self, on_empty: Callable[[], None]) -> None:
        self.deadline: float | None = None
        self.bound: float | None = None
        self.closed = False
        self.ends_when_draining = False
        self.draining = False
        self._on_empty = on_empty
        # Guards holder, queue, closed; never held over a wait.
        self._mutex = threading.Lock()
        self._holder: Task | None = None
        self._queue: deque[Task] = deque()

    @property
    def is_empty(self) -> bool:
        """Whether it is closed and nobody is inside any more."""
        return self.closed and self._holder is None

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
        """Wait for this task's turn; raises what `check` does."""
        task = current()
        with self._mutex:
            if self.closed:
                raise ClosedError
            if self._holder is None:
                self._holder = task
            else:
                self._queue.append(task)
        try:
            while self._holder is not task:
                park(self.deadline)
                if self.closed:
                    raise ClosedError
            # Not before: who moves the deadline wakes only those who are inside or in
            # line, and the bound is that of the one inside.
            self.check()
        except BaseException:
            with self._mutex:
                if self._holder is not task:
                    self._queue.remove(task)
                    raise
            self.leave()  # the turn came in the same moment: pass it on
            raise

    def leave(self) -> None:
        """Let the next one in; the last one out of a closed gate calls `on_empty`."""
        with self._mutex:
            task = None
            if self._queue and not self.closed:
                task = self._queue.popleft()
            self._holder = task
            is_empty = self.is_empty
        if task is not None:
            task.wake()
        if is_empty:
            self._on_empty()

    def close(self) -> None:
        """Let nobody in any more, and tell those inside. The caller asks `is_empty`."""
        with self._mutex:
            self.closed = True
        self._wake_all()

    def set_deadline(self, at: float | None) -> None:
        """Move the deadline, also of the calls that wait now."""
        self.deadline = at
        self._wake_all()

    def drain(self) -> None:
        """Say that the server stops: a read that may be ended here sees the end."""
        self.draining = True
        self._wake_all()

    @property
    def is_over(self) -> bool:
        """Whether a read that would have to wait is to see the end instead."""
        return self.draining and self.ends_when_draining

    def _wake_all(self) -> None:
        with self._mutex:
            inside = (self._holder, *self._queue)
        for task in inside:
            if task is not None:
                task.wake()
