"""Wait for many descriptors on one thread: the event loop.

In       tasks that wait: for descriptors, for moments, for each other
Out      each runs on when what it waits for has come
Source   epoll(7), greenlet; the rules of the waist
Holds    a greenlet for each task, and pooled ones; who waits for which descriptor;
         the moments; a bell that other threads ring
Fails    as the waist says; RuntimeError: two tasks wait for the same thing, or a
         callback waits

One greenlet is the loop: `Hub.run` itself. It switches to each task that can go on, and
a task that waits switches back. A round of the loop is: all that were woken before the
round, then the kernel is asked, then those whose descriptor is ready, then those whose
moment has come. So a crowd of tasks that wake each other never keeps the kernel out.

A wake from another thread puts the task in line, then rings if the loop is asleep; the
loop says that it goes to sleep, then looks at the line. One of them sees the other.
"""

import contextvars
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

from portside.engine.bell import Bell
from portside.engine.blocking import here
from portside.engine.descriptor_waits import NOTHING, DescriptorWaits
from portside.engine.hubs import hubs, leave_fork
from portside.engine.poller import READ, WRITE, Poller
from portside.engine.scope import earliest, now
from portside.engine.task import Task
from portside.engine.timers import Timers
from portside.engine.watchdog import Watchdog
from portside.errors import DeadlineError

__all__ = ["Hub"]

TURN_OPERATIONS = 64
"""How many operations a task may do without a wait before it gives way ..."""

TURN_SECONDS = 0.001
"""... and for how long."""

MAX_IDLE_LINES = 256
"""Greenlets that are kept for the next tasks: a guess, never measured. A new one maps a
chunk of 16 KiB for its frames."""

_left_behind: list[object] = []
"""Tasks that never came to their end, and what forks inherited. A greenlet that nobody
refers to is made to raise where it stands, and its ``finally`` blocks run: these must
stay where they are."""


class Hub(DescriptorWaits):
    """The engine of a thread that runs many tasks.

    Attributes:
        task: the one whose turn it is; `idle` while it is nobody's.
        resumed_at: when the present turn, or the last one, began.
        gone: this is a forked child, and the hub is its parent's.
        has_ended: its loop is over.
    """

    def __init__(self, poller: Poller | None = None) -> None:
        super().__init__(poller)
        self.is_shared = True  # here and not on the class: it is asked at each turn
        self.task = self.idle = Task("hub")
        self.idle.was_told = True  # it must not wait: `wait_read` looks at it closely
        self.owner = self
        self._thread = threading.current_thread()
        self._ready: deque[Task] = deque()
        self._timers = Timers()
        self._tasks: set[Task] = set()
        self._idle_lines: list[greenlet] = []
        self._set_loop()
        self._asleep = False
        self._operations = 0
        self.resumed_at = 0.0
        self.gone = self.has_ended = False
        bell = Bell()
        self._bell: Bell | None = bell  # until the end: a late ring may still hold it
        self.watch(bell.fd, bell.silence)
        self._watchdog: Watchdog
        self._main: Task

    def __repr__(self) -> str:
        return f"the hub of thread {self._thread.name}"

    # -- its life

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run function as the first task; return what it returns, when it does.

        Tasks that have not ended by then are left where they are, for ever. The first
        one is in the caller's context, and bound by the blocks around the caller.

        Raises:
            RuntimeError: it ran before.
        """
        if self._bell is None:
            raise RuntimeError("this hub has ended: make another one")
        name = getattr(function, "__name__", "main")
        main = self._main = Task(name, function, args, contextvars.copy_context())
        before, here.engine = here.engine, self
        self._thread = threading.current_thread()
        self._watchdog = Watchdog(self, threading.get_ident())
        self._set_loop()
        hubs.add(self)
        try:
            self.spawn(main)
            self._run_until_done(main)
        finally:
            self._end()
            here.engine = before
            self.has_ended = True
        return main.value

    def leave_loop(self) -> None:
        """End the loop; its tasks stay where they are. From another thread."""
        self._main.done = True  # it counts as ended: so the loop ends
        if (bell := self._bell) is not None:
            bell.ring()

    def _end(self) -> None:
        hubs.discard(self)
        self._watchdog.stop()
        self._poller.close()
        _left_behind.extend(each.line for each in self._tasks)
        for line in self._idle_lines:
            line.throw()  # or the pool, the lines and their parent would be a ring
        self._idle_lines.clear()
        self._ready.clear()
        self._watches.clear()
        self._bell = None

    def _run_until_done(self, main: Task) -> None:
        ready, timers, readers = self._ready, self._timers, self._readers
        take_reader, poller = readers.pop, self._poller
        resume, nobody, watchdog = self._resume, self.idle, self._watchdog
        while not main.done:
            for _ in range(len(ready)):
                task = ready.popleft()
                if task.sleeping or task.gives_way:
                    resume(task, NOTHING)
            if main.done:
                break
            self._asleep = True  # from here on, a wake rings ...
            # ... and before here it has put the task in line: one of the two is seen.
            if ready:
                seconds: float | None = 0
            else:
                seconds = timers.seconds_to_next() if timers.heap else None
            events = poller.poll(seconds)
            self._asleep = False
            for fd, bits in events:
                # Nearly always: bytes for a task that waits for them.
                if bits == READ and (task := take_reader(fd, nobody)).sleeping:
                    # What `_resume` does, without its price.
                    self.resumed_at = now()
                    self.task = task
                    self._operations = 0
                    if watchdog.sleeps:
                        watchdog.rouse()
                    task.line.switch(fd)
                    self.task = nobody
                else:
                    if bits == READ and task is not nobody:
                        readers[fd] = task  # that of the watches, which never sleeps
                    self._tell(fd, bits)
            task = nobody  # or the last one would be kept
            if timers.heap:
                for task in timers.take_due():
                    if task.sleeping:
                        resume(task, NOTHING)

    def _tell(self, fd: int, bits: int) -> None:
        reader = self._readers.get(fd) if bits & ~WRITE else None
        writer = self._writers.get(fd) if bits & ~READ else None
        if reader is self._watching:
            self._watches[fd]()
            return
        if (reader is None and bits & READ) or (writer is None and bits & ~READ):
            self._take_back(fd)
        if reader is not None and reader.sleeping:
            del self._readers[fd]
            self._resume(reader, fd)
        if writer is not None and writer.sleeping:
            self._resume(writer, fd)

    def _resume(self, task: Task, fd: int) -> None:
        self.resumed_at = now()  # first: the watchdog looks from its thread
        self.task = task
        self._operations = 0
        if self._watchdog.sleeps:
            self._watchdog.rouse()
        task.line.switch(fd)
        self.task = self.idle

    # -- what the waist asks

    def park(self, deadline: float | None) -> None:
        """Sleep until the task is woken, or for no reason."""
        self._sleep(deadline)

    def count(self) -> None:
        """Count an operation of the present task; give way when it has had its turn."""
        self._operations = operations = self._operations + 1
        if operations < TURN_OPERATIONS and now() - self.resumed_at <= TURN_SECONDS:
            return
        task = self.task
        if task.line is getcurrent():  # and not a signal handler inside the loop
            # A signal handler may do this in the middle of a wait, or of this: what
            # ends the wait is not to be taken here, and it is begun anew.
            before = task.sleeping, task.gives_way
            task.sleeping, task.gives_way = False, True
            self._ready.append(task)
            self._switch()
            task.sleeping, task.gives_way = before
            if task.sleeping:
                self._ready.append(task)

    def abandon(self) -> None:
        """Leave the hub to the parent: this process goes on with the one task alone."""
        self.leave_to_parent()
        here.leave_hub(self.task)

    def leave_to_parent(self) -> None:
        """Give back this process's share; what both share stays as it is."""
        if not self.gone:
            self.gone = True
            _left_behind.append((self, list(self._tasks)))
            self._poller.close()

    def spawn(self, task: Task) -> None:
        """Start running task on a greenlet of its own, in the next round."""
        if self._idle_lines:
            task.line = self._idle_lines.pop()
        else:
            task.line = greenlet(self._run_tasks, self._loop)
        task.ringer = self
        task.sleeping = True
        self._tasks.add(task)
        self._ready.append(task)

    def run_here(self, task: Task) -> None:
        """Run task to its end in place of the present one."""
        present = self._present()
        task.ringer, task.line = self, present.line
        self.task = task
        try:
            task.run()
        finally:
            self.task = present
            if self.gone:  # it forked, and this is the child
                here.engine.task = present
            self._timers.drop(task)
            task.ringer = task.line = None

    def ring(self, task: Task) -> None:
        """Let task go on in the next round; from any thread."""
        self._ready.append(task)
        if self._asleep and (bell := self._bell) is not None:
            bell.ring()

    # -- the lines of execution

    def _run_tasks(self, _: int) -> None:
        line = getcurrent()
        while True:
            task = self.task
            task.sleeping = False
            task.run()
            self._tasks.discard(task)
            self._timers.drop(task)
            task.ringer = task.line = None
            if self.gone:
                leave_fork(task.error)
            del task
            if len(self._idle_lines) >= MAX_IDLE_LINES:
                return
            self._idle_lines.append(line)
            self._switch()

    def _set_loop(self) -> None:
        self._loop = getcurrent()
        self._switch = self._loop.switch

    def _present(self) -> Task:
        if self.task.line is not getcurrent():
            raise RuntimeError("a callback of the hub must not wait: spawn a task")
        return self.task

    def _sleep(self, deadline: float | None) -> int:
        task = self.task
        if task is self.idle:
            self._present()
        until = deadline
        if task.cancel_at is not None and not task.shields:
            until = earliest(deadline, task.cancel_at)
        if until is not None:
            self._timers.set(task, until)
        task.sleeping = True
        fd = NOTHING
        if not task.woken:
            fd = self._switch()
        task.sleeping = False
        woken, task.woken = task.woken, False
        if fd == NOTHING:
            if woken or until is not None:
                task.raise_if_cancelled()
            if deadline is not None and not woken and now() >= deadline:
                raise DeadlineError
        return fd
