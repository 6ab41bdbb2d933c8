"""The moments at which a hub wakes tasks.

In       a task and the moment when it wants to look at the clock again
Out      the tasks whose moment has come; how long there is to sleep
Holds    a heap; at most one entry that counts for each task
Fails    never

A conn that is bounded by the same timeout at each message would push and take back an
entry for each. So an entry stays where it is while the task's new moment is later: it
wakes the task once for nothing, which then asks for the true one. What is left of tasks
that ended is swept out when it is more than half.
"""

import heapq
from itertools import count

from portside.engine.scope import now
from portside.engine.task import Task

__all__ = ["Timers"]

LONGEST_SECONDS = 1e6
"""A sleep is at most so long, also for ever: what epoll_wait and time_t can be told."""

SWEEP_OVER = 64
"""Fewer dead entries than this are not worth a sweep."""


class Timers:
    """When to wake whom.

    Attributes:
        heap: the moments; empty if there is none.
    """

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, Task]] = []
        self._numbers = count()  # entries of one moment are ordered by it, not by task
        self._dead = 0

    def set(self, task: Task, at: float) -> None:
        """Wake task at this moment or before."""
        if task.timer is not None:
            if task.timer[0] <= at:
                return
            self._forget_one()
        task.timer = (at, next(self._numbers))
        heapq.heappush(self.heap, (*task.timer, task))

    def drop(self, task: Task) -> None:
        """Forget a task that has ended."""
        if task.timer is not None:
            task.timer = None
            self._forget_one()

    def seconds_to_next(self) -> float | None:
        """Return how long nobody's moment comes; None for ever."""
        if not self.heap:
            return None
        return min(max(self.heap[0][0] - now(), 0.0), LONGEST_SECONDS)

    def take_due(self) -> list[Task]:
        """Return the tasks whose moment has come, earliest first."""
        due: list[Task] = []
        present = now()
        while self.heap and self.heap[0][0] <= present:
            at, number, task = heapq.heappop(self.heap)
            if task.timer == (at, number):
                task.timer = None
                due.append(task)
            else:
                self._dead -= 1
        return due

    def _forget_one(self) -> None:
        self._dead += 1
        if self._dead > SWEEP_OVER and 2 * self._dead > len(self.heap):
            self.heap = [each for each in self.heap if each[2].timer == each[:2]]
            heapq.heapify(self.heap)
            self._dead = 0
