"""Pass things from task to task, in order.

In       put, from any task of any thread
Out      get, in the order of the puts
Holds    the things, at most `max_items` of them, so that a slow getter slows the
         putters instead of filling the memory
Fails    WouldBlockError from the ``_nowait`` calls; ClosedError once it is closed (and,
         for get, empty); DeadlineError, Cancelled from the calls that wait
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from portside.engine.task import Task
from portside.engine.waist import checkpoint, current, park
from portside.errors import ClosedError, WouldBlockError

__all__ = ["Queue"]

Item = TypeVar("Item")


class Queue(Generic[Item]):
    """A line of things between tasks, be they threads, greenlets or both.

    >>> queue = Queue[str](max_items=10)
    >>> queue.put("a")
    >>> queue.get()
    'a'

    Args:
        max_items: put waits while so many are inside; None is no bound.
    """

    def __init__(self, max_items: int | None = None) -> None:
        if max_items is not None and max_items < 1:
            raise ValueError(f"max_items must be at least 1, not {max_items}")
        self._max_items = max_items
        self._mutex = threading.Lock()  # guards all below; never held over a wait
        self._items: deque[Item] = deque()
        self._getters: deque[Task] = deque()
        self._putters: deque[Task] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._items)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be put."""
        return self._closed

    def put_nowait(self, item: Item) -> None:
        """Put item at the end.

        Raises:
            WouldBlockError: the queue is full.
            ClosedError: the queue is closed.
        """
        with self._mutex:
            if self._closed:
                raise ClosedError("the queue is closed", op="put")
            if self._max_items is not None and len(self._items) >= self._max_items:
                raise WouldBlockError(
                    f"the queue holds max_items={self._max_items}", op="put"
                )
            self._items.append(item)
            self._wake_first(self._getters)

    def get_nowait(self) -> Item:
        """Take the first item.

        Raises:
            WouldBlockError: the queue is empty.
            ClosedError: the queue is closed, and empty.
        """
        with self._mutex:
            if not self._items:
                if self._closed:
                    raise ClosedError("the queue is closed", op="get")
                raise WouldBlockError("the queue is empty", op="get")
            item = self._items.popleft()
            self._wake_first(self._putters)
            return item

    def put(self, item: Item) -> None:
        """Put item at the end, when there is room.

        Raises:
            ClosedError: the queue is closed, or was while this waited.
        """
        checkpoint()
        while True:
            try:
                return self.put_nowait(item)
            except WouldBlockError:
                self._wait_in(self._putters, self._is_full)

    def get(self) -> Item:
        """Take the first item, when there is one.

        Raises:
            ClosedError: the queue is closed, and empty.
        """
        checkpoint()
        while True:
            try:
                return self.get_nowait()
            except WouldBlockError:
                self._wait_in(self._getters, lambda: not self._items)

    def close(self) -> None:
        """Take nothing more in; what is inside can still be got. Again is silent."""
        with self._mutex:
            self._closed = True
            waiting = (*self._getters, *self._putters)
        for task in waiting:
            task.wake()

    def __iter__(self) -> Iterator[Item]:
        """Get each item until the queue is closed and empty."""
        while True:
            try:
                item = self.get()
            except ClosedError:
                return
            yield item

    def _is_full(self) -> bool:
        return self._max_items is not None and len(self._items) >= self._max_items

    def _wait_in(self, line: deque[Task], must_wait: Callable[[], bool]) -> None:
        task = current()
        with self._mutex:
            line.append(task)
        try:
            while must_wait() and not self._closed and task in line:
                park()
        except BaseException:
            with self._mutex:
                if task in line:
                    line.remove(task)
                else:
                    self._wake_first(line)  # we were woken for a thing we do not take
            raise
        with self._mutex:
            if task in line:
                line.remove(task)

    def _wake_first(self, line: deque[Task]) -> None:
        if line:
            line.popleft().wake()
