"""Tasks that begin and end together.

In       functions to run beside each other, within one block
Out      the block ends when all of them have; their errors come out of it as one group
Holds    the tasks that have not ended
Fails    ExceptionGroup: one or more tasks failed; DeadlineError: a bound around the
         block came first, and nothing else failed; Cancelled: the block itself was told
         to end; SystemExit and its kind, from wherever: as they are. All of them only
         after its tasks have ended
"""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, ParamSpec, Self, TypeVar, cast

from portside.engine.scope import now, scope_deadline
from portside.engine.task import Task
from portside.engine.waist import current, park, shield, spawn
from portside.errors import Cancelled, DeadlineError

__all__ = ["GroupTask", "TaskGroup"]

Given = ParamSpec("Given")
Result = TypeVar("Result")


class GroupTask(Generic[Result]):
    """A task that was started in a group."""

    def __init__(self, task: Task) -> None:
        self._task = task

    @property
    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._task.done

    def cancel(self) -> None:
        """Tell this one to end; that is no failure of the group."""
        self._task.cancel()

    def result(self) -> Result:
        """Wait until it has ended and return what it returned.

        Raises:
            Exception: what it raised.
            RuntimeError: it was told to end, and has no result.
            Cancelled: this task is told to end.
            DeadlineError: the bound of a block around came first.
        """
        waiter = current()
        self._task.add_joiner(waiter)
        try:
            while not self._task.done:
                park()
        finally:
            self._task.remove_joiner(waiter)
        if isinstance(self._task.error, Cancelled):  # it, and perhaps not who asks
            waiter.raise_if_cancelled()
            raise RuntimeError(f"{self._task!r} was told to end, and has no result")
        return cast("Result", self._task.value)


class TaskGroup:
    """Run tasks beside each other, and end with the last of them.

    If one fails, or the block itself does, the others are cancelled. So nothing that
    was started inside is running after the block.

    What went wrong comes out of the block as an ``ExceptionGroup``, also where it is
    one error alone: around the block ``except Error`` sees nothing, ``except* Error``
    does.

    >>> with TaskGroup() as group:
    ...     task = group.start_soon(sum, [1, 2])
    >>> task.result()
    3
    >>> try:
    ...     with TaskGroup() as group:
    ...         _ = group.start_soon(int, "seven")
    ... except* ValueError as failed:
    ...     print(failed.exceptions[0])
    invalid literal for int() with base 10: 'seven'

    Raises:
        ExceptionGroup: one task or more failed, or the block did.
        DeadlineError: the bound of a block around came first, and nothing else failed.
    """

    def __init__(self) -> None:
        # Guards all below; the same thread may come again, in a signal handler.
        self._mutex = threading.RLock()
        self._tasks: set[Task] = set()
        self._errors: list[BaseException] = []
        self._parent: Task | None = None  # while tasks can be started
        self._ending = False
        self._prune_at = 16

    def start_soon(
        self,
        function: Callable[Given, Result],
        *args: Given.args,
        **kwargs: Given.kwargs,
    ) -> GroupTask[Result]:
        """Start a task that calls function; returns at once.

        Raises:
            RuntimeError: outside of the group's block.
        """
        name = getattr(function, "__name__", "task")
        with self._mutex:
            if (parent := self._parent) is None:
                raise RuntimeError("start_soon belongs inside the group's with block")
            task = spawn(self._run, lambda: function(*args, **kwargs), name=name)
            if (
                len(self._tasks) >= self._prune_at
            ):  # or a long block would keep them all
                self._tasks = {each for each in self._tasks if not each.done}
                self._prune_at = 2 * len(self._tasks) + 16
            self._tasks.add(task)
            ending = self._ending
        task.add_joiner(parent)
        if task.done:  # perhaps before it knew its joiner
            parent.wake()
        if ending:
            task.cancel()
        return GroupTask(task)

    def cancel(self) -> None:
        """Tell every task of the group, and the rest of its block, to end."""
        with self._mutex:  # to the end, or the block may be over before it is told
            self._ending = True
            if self._parent is not None:  # first: it may wait for one of them
                self._parent.cancel(reason=self)
            for task in tuple(self._tasks):
                task.cancel()

    def __enter__(self) -> Self:
        self._parent = current()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        assert self._parent is not None
        parent = self._parent
        if error is not None:
            self.cancel()
        ended_by = self._join(parent)
        parent.forgive(self)
        for each in (error, ended_by, *self._errors):
            if each is not None and not isinstance(each, Exception | Cancelled):
                if each is error:
                    return False
                raise each
        self._raise_errors(error)
        if ended_by is not None and error is None:
            raise ended_by
        return isinstance(error, Cancelled) and not self._is_told_to_end(parent)

    def _raise_errors(self, raised_by_block: BaseException | None) -> None:
        errors = [each for each in self._errors if isinstance(each, Exception)]
        if isinstance(raised_by_block, Exception) and raised_by_block not in errors:
            errors.insert(0, raised_by_block)  # it may be one that `result` gave it
        if not errors:
            return
        group = ExceptionGroup("tasks of a group failed", errors)
        bound = scope_deadline()
        is_bound_over = bound is not None and now() >= bound
        if is_bound_over and group.split(DeadlineError)[1] is None:
            # The bound is around the whole block: which of its waits saw it first is
            # chance, and what comes out must not be.
            raise DeadlineError from group
        raise group from None

    def _join(self, parent: Task) -> BaseException | None:
        """Wait for all, also when told to end; return what told us."""
        ended_by: BaseException | None = None
        while self._is_running():
            try:
                if ended_by is None:
                    park()
                else:
                    with shield():
                        park()
            except BaseException as error:  # noqa: BLE001  raised when all have ended
                ours = isinstance(error, Cancelled) and not self._is_told_to_end(parent)
                ended_by = None if ours else error
                self.cancel()
                parent.forgive(self)
        return ended_by

    def _is_told_to_end(self, task: Task) -> bool:
        return bool(task.reasons - {self})

    def _is_running(self) -> bool:
        with self._mutex:
            self._tasks = {task for task in self._tasks if not task.done}
            if not self._tasks:
                self._parent = None  # from here on nobody starts or cancels anything
            return bool(self._tasks)

    def _run(self, function: Callable[[], Result]) -> Result:
        try:
            return function()
        except Cancelled:
            raise
        except BaseException as error:
            with self._mutex:
                self._errors.append(error)
            self.cancel()
            raise
