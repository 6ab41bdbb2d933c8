"""Deliver packets later, without holding up who sends them.

In       a packet's delivery, as a function, and its moment
Out      the function is called then, the earliest first
Holds    at most `MAX_PACKETS` deliveries; a task while there are any
Fails    never: a packet that cannot be delivered, or is one too many, is lost
"""

import heapq
import threading
from collections.abc import Callable

from portside.engine import Task, current, now, park, spawn, unbounded
from portside.errors import DeadlineError, Error

__all__ = ["MAX_PACKETS", "Courier"]

MAX_PACKETS = 4096
"""On their way at once; as many as the link of `portside.testing` holds."""


class Courier:
    """What has all packets of one socket that are on their way."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()  # guards all below; never held over a wait
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0  # so that those that are due together keep their order
        self._is_running = False
        self._has_stopped = False
        self._task: Task | None = None

    def send(self, due: float, deliver: Callable[[], None]) -> None:
        """Call deliver at a moment; at once if that is now, and nothing is before it.

        Args:
            due: seconds on the engine's clock.
            deliver: may wait; an Error means that the packet is lost.
        """
        if self._is_now(due, deliver):
            _deliver(deliver)
            return
        if self._starts():
            try:
                with unbounded():  # it outlives who happened to send the first
                    spawn(self._run, name="courier")
            except BaseException:
                self._is_running = False  # the next one tries again
                raise
        elif (task := self._task) is not None:
            task.wake()  # it may be due before the one that is waited for

    def stop(self) -> None:
        """Lose what is on its way, and take nothing more; from any thread."""
        with self._mutex:
            self._has_stopped = True
            self._heap.clear()
            task = self._task
        if task is not None:
            task.wake()

    def _is_now(self, due: float, deliver: Callable[[], None]) -> bool:
        """Whether to deliver at once; else it is kept, or lost."""
        with self._mutex:
            if not self._heap and not self._has_stopped and due <= now():
                return True
            if not self._has_stopped and len(self._heap) < MAX_PACKETS:
                self._number += 1
                heapq.heappush(self._heap, (due, self._number, deliver))
            return False

    def _starts(self) -> bool:
        """Whether a task is needed that is not there; from now on there is one."""
        with self._mutex:
            starts = bool(self._heap) and not self._is_running
            self._is_running = self._is_running or starts
            return starts

    def _run(self) -> None:
        self._task = current()
        while (due := self._deliver_due()) is not None:
            try:
                park(due)
            except DeadlineError:
                pass

    def _deliver_due(self) -> float | None:
        """Deliver all that is due; return when the next is, or None for the end."""
        while True:
            with self._mutex:
                if not self._heap:
                    self._is_running = False
                    self._task = None
                    return None
                if self._heap[0][0] > now():
                    return self._heap[0][0]
                deliver = heapq.heappop(self._heap)[2]
            _deliver(deliver)


def _deliver(deliver: Callable[[], None]) -> None:
    try:
        deliver()
    except Error:
        pass  # it is lost, as packets may be
