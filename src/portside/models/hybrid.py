"""Worker processes, each with a model of its own: all the cores.

In       a model for the workers, and how many there are to be
Out      workers that accept from the same listeners; a new one for each that dies
Source   fork(2); nginx and gunicorn for what is expected of a master
Holds    in the supervisor, its workers, and when to start those that are missing
Fails    Error: no worker ever comes as far as to accept

The process that listens serves nobody. It forks the workers and looks after them, so
whatever a handler does, somebody is there to replace the worker that it broke. Each
worker has its own memory, its own hub and its own GIL.

A worker that dies is replaced at once if it had lived for a while. If not, something is
wrong that will be wrong again: the next one waits, longer each time. When not one
worker has ever come as far as to accept, the server gives up, so that whoever started
it (systemd, a script) learns of it.

SIGTERM stops a worker, and however often it comes, a worker stops once and within the
grace: who stops a service often signals the whole group. Ctrl-C reaches the group too,
and workers ignore it: the supervisor tells them. What ends a worker before its time is
SIGKILL, when it is still there some seconds after the grace.
"""

import gc
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from portside.engine import now
from portside.engine.hub import Hub
from portside.errors import Error
from portside.models.children import (
    Child,
    Children,
    check_one_thread,
    death_of,
    leave_child,
)
from portside.models.model import Model, Work

__all__ = ["Hybrid", "cores"]

_log = logging.getLogger("portside.models")

Result = TypeVar("Result")

STEADY_SECONDS = 10.0
"""A worker that lived so long was well, and is replaced at once."""

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
"""How long a worker that died young is missed: doubled each time, up to this."""

GIVE_UP_AFTER = 5
"""Deaths of each worker in a row, with none that ever accepted: a guess."""

LEAVE_SECONDS = 3.0
"""What a worker gets over the grace, to cut what still runs and to report."""


@dataclass
class _Place:
    """The place of a worker, whoever has it now."""

    number: int
    has_worker: bool = False
    started_at: float = 0.0
    start_at: float = 0.0
    deaths: int = 0  # in a row, each soon after the start


class Hybrid:
    """Handlers run in worker processes, under the model of the workers.

    Args:
        worker: that model.
        workers: how many.
    """

    name = "hybrid"
    needs_process = True
    runs_inline = False

    def __init__(self, worker: Model, workers: int) -> None:
        self.workers: int | None = workers
        self.max_connections = worker.max_connections
        self.descriptors_per_connection = worker.descriptors_per_connection
        self.packet_lines = worker.packet_lines
        self._worker = worker
        self._places = [_Place(number) for number in range(workers)]
        self._children: Children | None = None
        self._has_any_begun = False

    def call(self, function: Callable[[], Result]) -> Result:
        """Call the supervisor's main line as it is: it has one thread, and no hub."""
        return function()

    def run(self, work: Work) -> None:
        """Keep the workers running until the server stops; then wait for them.

        Raises:
            Error: none of them ever comes as far as to accept.
        """
        check_one_thread(self.name)
        children = Children(lambda child, code: self._worker_ended(work, child, code))
        self._children = children
        gc.freeze()  # what is here now is shared with the workers, not copied by a gc
        try:
            while work.cut_at() is None:
                self._check_that_some_begin()
                self._start_missing(work, children)
                missing = [each for each in self._places if not each.has_worker]
                work.wait_for_stop(
                    min((each.start_at for each in missing), default=None)
                )
        finally:
            gc.unfreeze()
            children.end_lifeline()
            children.signal(signal.SIGTERM)
            children.wait((work.cut_at() or now()) + LEAVE_SECONDS)
            children.signal(signal.SIGKILL)
            children.wait(None)
            children.close()

    def kill(self) -> None:
        """Kill every worker; safe in a signal handler."""
        if self._children is not None:
            self._children.signal(signal.SIGKILL)

    # -- in the supervisor

    def _start_missing(self, work: Work, children: Children) -> None:
        for place in self._places:
            if place.has_worker or place.start_at > now():
                continue
            check_one_thread(self.name)
            place.started_at = now()
            # SIGTERM waits until the child does not take it for its parent any more.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            try:
                pid = children.fork()
                if pid == 0:
                    self._be_worker(place.number, work, children)
                children.add(pid, place)
                place.has_worker = True
                _log.info("worker %d (process %d) starts", place.number, pid)
            except OSError as error:
                pause = self._pause(place)
                _log.error(
                    "worker %d: not started: %s; the next try in %.1f s",
                    place.number,
                    error.strerror,
                    pause,
                )
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def _worker_ended(self, work: Work, child: Child, code: int) -> None:
        place: _Place = child.task
        place.has_worker = False
        self._has_any_begun = self._has_any_begun or work.has_begun(place.number)
        lost = work.worker_ended(place.number)
        who = f"worker {place.number} (process {child.pid}) {death_of(code)}"
        had = "1 connection" if lost == 1 else f"{lost} connections"
        if work.cut_at() is not None:
            if code != 0:
                _log.error("%s, with %s", who, had)
            return
        lived = now() - place.started_at
        if lived >= STEADY_SECONDS:
            place.deaths, place.start_at, then = 0, 0.0, "the next one starts"
        else:
            pause = self._pause(place)
            then = f"the next one starts in {pause:.1f} s"
        if place.deaths > 1:
            then = f"{place.deaths} times in a row soon after the start; {then}"
        level = logging.ERROR if code else logging.INFO
        _log.log(level, "%s after %.1f s, with %s; %s", who, lived, had, then)

    def _pause(self, place: _Place) -> float:
        place.deaths += 1
        pause = FIRST_PAUSE_SECONDS * 2.0 ** (place.deaths - 1)
        pause = min(pause, LONGEST_PAUSE_SECONDS)
        place.start_at = now() + pause
        return pause

    def _check_that_some_begin(self) -> None:
        if self._has_any_begun or any(
            each.has_worker or each.deaths < GIVE_UP_AFTER for each in self._places
        ):
            return
        raise Error(
            f"no worker comes as far as to accept: each of {len(self._places)} died "
            f"{GIVE_UP_AFTER} times at its start; the log says of what"
        )

    # -- in a worker

    def _be_worker(self, number: int, work: Work, children: Children) -> NoReturn:
        status = 1
        try:
            # While it begins and while it leaves, the lifeline is enough.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            children.enter_child()
            Hub().run(work.serve_as_worker, number, self._worker, children.lifeline)
            status = 0
        except Exception:  # noqa: BLE001  told here: there is nobody above
            _log.exception("worker %d (process %d) failed", number, os.getpid())
        finally:
            leave_child(status)


def cores() -> int:
    """Return how many cores this process may use."""
    return (
        len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1
    )
