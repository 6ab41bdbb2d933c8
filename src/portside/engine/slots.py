"""A number of places, taken and given back.

In       take and give_back, from any task of any thread
Out      take returns once there is a place
Holds    how many are free, and who waits, in order
Fails    DeadlineError, Cancelled: from take, which then has taken nothing
"""

import threading
from collections import deque

from portside.engine.task import Task
from portside.engine.waist import current, park

__all__ = ["Slots"]


class Slots:
    """Places that tasks take, in the order in which they came."""

    def __init__(self, free: int) -> None:
        self._mutex = threading.Lock()  # guards both fields; never held over a wait
        self._free = free
        self._waiting: deque[Task] = deque()

    @property
    def free(self) -> int:
        """How many places are free now."""
        return self._free

    def take(self) -> None:
        """Take a place, waiting for one if need be.

        A free one is taken without looking whether this task is told to end: so a task
        that cleans up can still take a lock.
        """
        task = current()
        with self._mutex:
            if self._free > 0 and not self._waiting:
                self._free -= 1
                return
            self._waiting.append(task)
        try:
            while task in self._waiting:
                park()
        except BaseException:
            with self._mutex:
                if task in self._waiting:
                    self._waiting.remove(task)
                    raise
            self.give_back()  # it was handed to us on the way out
            raise

    def give_back(self) -> None:
        """Give a place back, to the first who waits."""
        with self._mutex:
            task = self._waiting.popleft() if self._waiting else None
            if task is None:
                self._free += 1
        if task is not None:
            task.wake()
