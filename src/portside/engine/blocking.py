"""Wait by blocking the thread.

In       descriptors and deadlines
Out      a return when one is ready, or when the task was woken
Source   poll(2), eventfd(2)
Holds    for each thread a poll object, a bell, and the watched descriptors
Fails    as the waist says

Each wait polls two things at the least: the descriptor that is waited for, and the
thread's own bell, which `wake` rings. Nothing else reaches a thread that sleeps in the
kernel: closing the descriptor does not wake a ``recv`` in another thread, and
``shutdown`` would end a conversation that another process may share, or a listener for
everybody. (Both tried on Linux 6.) The bell costs nothing but its place in the array.

The poll object is kept between waits with the last descriptor still in it, because the
next wait is nearly always for the same one. A number that was closed meanwhile does no
harm: poll looks numbers up at each call, and each wait first arms what it waits for.

What the poll object holds is known only while nobody else touches it: a watch may be
for the very number that is armed, left over from a socket that had it before, and a
signal handler may raise between any two lines here. So watches and an arming that was
not finished leave the mark `_STALE`, and the next wait makes the poll object anew.
"""

import math
import os
import select
import threading
import time
from collections.abc import Callable, Collection

from portside.engine.bell import Bell
from portside.engine.scope import earliest
from portside.engine.task import Task
from portside.engine.threads import pool
from portside.engine.verbs import Engine
from portside.errors import DeadlineError, from_os_error

__all__ = ["Blocking", "here", "spawn_thread"]

_READ = select.POLLIN
_WRITE = select.POLLOUT
_LONGEST_MS = 2**31 - 1  # poll(2) takes an int of milliseconds
_NOTHING: tuple[tuple[int, int], ...] = ()
_STALE = ((-1, 0),)  # equals nothing that can be waited for


class _Threads:
    """What owns the descriptors that threads wait for: any thread may."""

    gone = False

    def __repr__(self) -> str:
        return "threads without a hub"


_THREADS = _Threads()


class Blocking:
    """The engine of a thread that has no event loop."""

    def __init__(self) -> None:
        # Here and not on the class: they are asked at each turn.
        self.is_shared = False
        self.owner = _THREADS
        self.task = Task("main")
        self._bell: Bell | None = None
        self._poll = select.poll()
        self._armed: tuple[tuple[int, int], ...] = _STALE
        self._read_fd = -1  # what alone is armed, for reading; -1 where unknown
        self._readable: list[tuple[int, int]] = []  # what poll says then
        self._watches: dict[int, Callable[[], None]] = {}

    def wait_read(self, fd: int, deadline: float | None) -> None:
        """Return when fd is readable, or early."""
        if self._read_fd != fd:
            self._arm(((fd, _READ),))
            self._read_fd = fd
            # What a watch is for too is looked at each time, so that it is called back.
            self._readable = [] if fd in self._watches else [(fd, _READ)]
        task = self.task
        if deadline is not None or task.was_told:
            self._sleep(deadline)
            return
        # The same without its price: every message passes here.
        task.ringer = self._bell
        task.sleeping = True
        try:
            ready = self._poll.poll(0 if task.woken else None)
        finally:
            task.sleeping = False
        if ready != self._readable or task.woken:
            self._look_at(ready, None)

    def wait_write(self, fd: int, deadline: float | None) -> None:
        """Return when fd is writable, or early."""
        self._arm(((fd, _WRITE),))
        self._sleep(deadline)

    def wait_accept(self, fds: Collection[int], deadline: float | None) -> set[int]:
        """Return those of the listeners that have a client; none when it is early."""
        return self.wait_any(fds, (), deadline)

    def count(self) -> None:
        """Nothing: the operating system shares the time out among threads."""

    def wait_any(
        self, reads: Collection[int], writes: Collection[int], deadline: float | None
    ) -> set[int]:
        """Return those that are ready; none when it returns early."""
        masks = dict.fromkeys(reads, _READ)
        for fd in writes:
            masks[fd] = masks.get(fd, 0) | _WRITE
        self._arm(tuple(masks.items()))
        return masks.keys() & {fd for fd, _ in self._sleep(deadline)}

    def park(self, deadline: float | None) -> None:
        """Sleep until the task is woken, or for no reason."""
        self._arm(_NOTHING)
        self._sleep(deadline)

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        """Call back from inside any wait while fd is readable."""
        self._armed, self._read_fd = _STALE, -1
        self._watches[fd] = callback

    def unwatch(self, fd: int) -> None:
        """Watch fd no more."""
        if fd in self._watches:
            self._armed, self._read_fd = _STALE, -1
            del self._watches[fd]

    def abandon(self) -> None:
        """Drop the parent's bell and watches; they stay as they are for the parent."""
        self._armed, self._read_fd = _STALE, -1
        self._bell = None
        self._watches = {}

    def spawn(self, task: Task) -> None:
        """Start running task on a thread of its own."""
        spawn_thread(task)

    def run_here(self, task: Task) -> None:
        """Run task to its end in place of the present one."""
        present, self.task = self.task, task
        try:
            task.run()
        finally:
            self.task = present
            task.ringer = None

    def _arm(self, wanted: tuple[tuple[int, int], ...]) -> None:
        if wanted == self._armed:
            return
        self._read_fd = -1
        armed, self._armed = self._armed, _STALE  # until it is all done
        if armed is _STALE:
            self._renew()
            armed = _NOTHING
        for fd, _ in armed:
            if fd in self._watches:
                self._poll.register(fd, _READ)
            else:
                self._poll.unregister(fd)
        for fd, mask in wanted:
            self._poll.register(fd, mask | _READ if fd in self._watches else mask)
        self._armed = wanted

    def _renew(self) -> None:
        if (bell := self._bell) is None:
            try:
                bell = self._bell = Bell()
            except OSError as error:
                raise from_os_error(error, op="wait", network="") from error
        self._watches[bell.fd] = bell.silence
        self._poll = select.poll()
        for fd in self._watches:
            self._poll.register(fd, _READ)

    def _sleep(self, deadline: float | None) -> list[tuple[int, int]]:
        task = self.task
        until = deadline
        if task.cancel_at is not None and not task.shields:
            until = earliest(deadline, task.cancel_at)
        timeout = None
        if until is not None:
            left_ms = (until - time.monotonic()) * 1000
            timeout = math.ceil(min(max(left_ms, 0), _LONGEST_MS))  # also of infinity
        task.ringer = self._bell
        task.sleeping = True  # from here on, wake rings ...
        try:
            # ... and before here it has left its permit: one of the two is seen.
            ready = self._poll.poll(0 if task.woken else timeout)
        finally:
            task.sleeping = False
        self._look_at(ready, deadline)
        return ready

    def _look_at(self, ready: list[tuple[int, int]], deadline: float | None) -> None:
        """Take the permit, call the watches, and raise what the sleep ended with."""
        task = self.task
        woken, task.woken = task.woken, False
        for fd, event in ready:
            # Asked at each one: a callback may have ended the watches after it. And not
            # by a local name, or a traceback that somebody keeps would keep the bell.
            if event != _WRITE and fd in self._watches:
                self._watches[fd]()
        if woken or not ready:
            task.raise_if_cancelled()
            # Not where it was woken: perhaps as the deadline moved.
            if not woken and deadline is not None and time.monotonic() >= deadline:
                raise DeadlineError


class _Here(threading.local):
    def __init__(self) -> None:
        self.engine: Engine = Blocking()

    def leave_hub(self, task: Task) -> None:
        """Go on with one task alone on this thread, in a forked child."""
        self.engine = engine = Blocking()
        engine.task = task


here = _Here()
"""The engine of each thread: this one, until a hub takes the thread over."""


def spawn_thread(task: Task) -> None:
    """Run task on a thread of its own."""
    pool.run(lambda: here.engine.run_here(task))


def _abandon() -> None:
    here.engine.abandon()


os.register_at_fork(after_in_child=_abandon)
# A traceback that somebody keeps would keep the bell of the thread that ended.
pool.at_thread_end = _abandon
