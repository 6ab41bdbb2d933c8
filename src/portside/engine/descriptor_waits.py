"""Which task of a hub waits for which descriptor.

In       tasks that wait for descriptors; a poller
Out      each sleeps until the kernel tells of its descriptor, or it is woken
Source   the rules of the waist; epoll(7) through `poller`
Holds    the readers and the writers, and who is called back
Fails    RuntimeError: two tasks wait for the same thing; and what the sleep raises

What the kernel tells is a hint. It makes a task try its call again; only the call tells
how things are. So a wake-up too many costs a call, and none can be lost: the kernel is
asked to tell of a descriptor at the latest before its task sleeps, and tells what is
there at every round. It stays asked after the wait, as the task mostly waits for the
same again; what it tells when nobody waits any more is taken back.
"""

from collections.abc import Callable, Collection
from typing import Any

from portside.engine.poller import READ, WRITE, Poller, make_poller
from portside.engine.scope import now
from portside.engine.task import Task
from portside.engine.timers import Timers
from portside.errors import DeadlineError

__all__ = ["NOTHING", "DescriptorWaits"]

NOTHING = -1
"""What a sleep returns that no descriptor has ended."""


class DescriptorWaits:
    """The waits of a hub for descriptors; `Hub` is this and its tasks.

    Attributes:
        task: whose turn it is: the one that waits.
    """

    task: Task
    _switch: Callable[[], Any]
    _timers: Timers

    def __init__(self, poller: Poller | None) -> None:
        self._poller = make_poller() if poller is None else poller
        self._asked, self._asked_reads = self._poller.asked, self._poller.reads
        self._readers: dict[int, Task] = {}
        self._writers: dict[int, Task] = {}
        self._watches: dict[int, Callable[[], None]] = {}
        self._watching = Task("a watch")  # what waits for all that is watched

    def _sleep(self, deadline: float | None) -> int:
        """Let other tasks run until the present one is told of a descriptor, or woken.

        Returns:
            The descriptor; the loop has taken the task off it.
        """
        raise NotImplementedError

    def wait_read(self, fd: int, deadline: float | None) -> None:
        """Return when fd is readable, or early."""
        # As `wait_write` and `_sleep`, without the calls: every message passes here.
        readers, task = self._readers, self.task
        if fd in readers:
            self._join(readers, fd)
        readers[fd] = task
        try:
            if fd not in self._asked_reads:
                self._poller.ask(fd, self._waited_for(fd))
            if task.was_told:
                self._sleep(deadline)
            else:
                if deadline is not None and (
                    (timer := task.timer) is None or timer[0] > deadline
                ):
                    self._timers.set(task, deadline)
                switch = self._switch
                task.sleeping = True
                told = NOTHING if task.woken else switch()
                task.sleeping = False
                if told == fd:
                    return  # the loop has taken the task off
                if task.woken:
                    task.woken = False  # perhaps as the deadline moved
                    task.raise_if_cancelled()
                elif deadline is not None and now() >= deadline:
                    raise DeadlineError
        except BaseException:
            self._leave(readers, fd)
            raise
        self._leave(readers, fd)

    def wait_write(self, fd: int, deadline: float | None) -> None:
        """Return when fd is writable, or early."""
        self._join(self._writers, fd)
        try:
            if not self._asked.get(fd, 0) & WRITE:
                self._poller.ask(fd, self._waited_for(fd))
            self._sleep(deadline)
        finally:
            self._leave(self._writers, fd)

    def wait_any(
        self, reads: Collection[int], writes: Collection[int], deadline: float | None
    ) -> set[int]:
        """Return one that is ready; none when it returns early."""
        joined: list[tuple[dict[int, Task], int]] = []
        try:
            for waiters, fds in ((self._readers, reads), (self._writers, writes)):
                for fd in fds:
                    self._join(waiters, fd)
                    joined.append((waiters, fd))
            for fd in {*reads, *writes}:
                if (mask := self._waited_for(fd)) & ~self._asked.get(fd, 0):
                    self._poller.ask(fd, mask)
            fd = self._sleep(deadline)
        finally:
            for waiters, fd_joined in joined:
                self._leave(waiters, fd_joined)
        return set() if fd == NOTHING else {fd}

    def wait_accept(self, fds: Collection[int], deadline: float | None) -> set[int]:
        """Return one of the listeners that has a client; none when it returns early."""
        joined: list[int] = []
        told = NOTHING
        try:
            for fd in fds:
                self._join(self._readers, fd)
                joined.append(fd)
                self._poller.stand_at(fd)
            told = self._sleep(deadline)
        finally:
            for fd in joined:
                # Unless it was closed meanwhile. The loop took us off what it told.
                if fd == told or self._readers.get(fd) is self.task:
                    self._poller.forget(fd)
                    self._leave(self._readers, fd)
        return set() if told == NOTHING else {told}

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        """Call back from the loop while fd is readable; the callback must not wait."""
        for waiters in (self._readers, self._writers):
            if waiters.get(fd) not in (None, self._watching):
                raise RuntimeError(f"{waiters[fd]} waits for descriptor {fd}")
        self._watches[fd] = callback
        self._readers[fd] = self._writers[fd] = self._watching
        self._poller.ask(fd, READ)

    def unwatch(self, fd: int) -> None:
        """Watch fd no more."""
        if fd in self._watches:
            self.closing(fd)

    def closing(self, fd: int) -> None:
        """Forget fd, and wake who waits for it; from any thread."""
        self._poller.forget(fd)
        self._watches.pop(fd, None)
        for waiters in (self._readers, self._writers):
            if (task := waiters.pop(fd, None)) is not None:
                task.wake()

    def _take_back(self, fd: int) -> None:
        """Ask for no more than somebody waits for, or it would be told for ever."""
        mask = self._waited_for(fd)
        if not mask:
            self._poller.forget(fd)
        elif mask != self._asked.get(fd):
            self._poller.ask(fd, mask)

    def _waited_for(self, fd: int) -> int:
        mask = READ if fd in self._readers else 0
        return mask | WRITE if fd in self._writers else mask

    def _join(self, waiters: dict[int, Task], fd: int) -> None:
        if fd in waiters:
            what = f"descriptor {fd} is waited for by {waiters[fd]} already"
            raise RuntimeError(what)
        waiters[fd] = self.task

    def _leave(self, waiters: dict[int, Task], fd: int) -> None:
        if waiters.get(fd) is self.task:
            del waiters[fd]
