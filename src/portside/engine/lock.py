"""One task at a time.

In       acquire and release, from any task of any thread
Out      acquire returns when it is this task's turn; the turns go in order
Holds    the task whose turn it is, and those who wait
Fails    RuntimeError when a task releases what it does not hold, or acquires twice
"""

from types import TracebackType
from typing import Self

from portside.engine.slots import Slots
from portside.engine.task import Task
from portside.engine.waist import current

__all__ = ["Lock"]


class Lock:
    """What one task holds at a time, among threads, greenlets and both.

    >>> lock = Lock()
    >>> with lock:
    ...     lock.locked
    True
    """

    def __init__(self) -> None:
        self._slots = Slots(1)
        self._owner: Task | None = None

    @property
    def locked(self) -> bool:
        """Whether a task holds it."""
        return self._owner is not None

    def acquire(self) -> None:
        """Wait for this task's turn.

        Raises:
            RuntimeError: this task holds it already.
            DeadlineError: the bound of a block around came first.
            Cancelled: this task is told to end.
        """
        if self._owner is current():
            raise RuntimeError("this task holds the lock already")
        self._slots.take()
        self._owner = current()

    def release(self) -> None:
        """Let the next one have it.

        Raises:
            RuntimeError: this task does not hold it.
        """
        if self._owner is not current():
            raise RuntimeError("this task does not hold the lock")
        self._owner = None
        self._slots.give_back()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
