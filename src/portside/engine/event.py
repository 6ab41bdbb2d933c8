"""Something that happens once, and that tasks can wait for.

In       set, from any thread
Out      wait returns, at once if it was set before
Holds    whether it is set, and who waits
Fails    DeadlineError, Cancelled: from wait
"""

from portside.engine.task import Task
from portside.engine.waist import checkpoint, current, park

__all__ = ["Event"]


class Event:
    """A flag that goes up once and wakes whoever waits for it.

    Attributes:
        is_set: whether it has happened.

    >>> event = Event()
    >>> event.set()
    >>> event.is_set
    True
    """

    def __init__(self) -> None:
        self.is_set = False
        self._waiting: list[Task] = []

    def __bool__(self) -> bool:
        return self.is_set

    def set(self) -> None:
        """Say that it has happened; again is silent. From any thread."""
        self.is_set = True
        for task in tuple(self._waiting):
            task.wake()

    def wait(self) -> None:
        """Return when it has happened; at once, if it has.

        Raises:
            DeadlineError: the bound of a block around came first.
            Cancelled: this task is told to end.
        """
        if self.is_set:
            return
        checkpoint()
        task = current()
        self._waiting.append(task)  # first, so that a set from now on wakes us
        try:
            while not self.is_set:
                park()
        finally:
            self._waiting.remove(task)
