"""Threads that are used again.

In       jobs: functions without arguments that never raise
Out      each is run at once on a thread of its own, an idle one where there is one
Holds    the idle threads, for `IDLE_SECONDS`
Fails    RuntimeError when the system gives no more threads

There is no bound here: who starts jobs bounds them (a server by its capacity,
`offload` by its slots). The threads are daemons, so that one that never comes back
cannot keep the process from ending.
"""

import os
import threading
from collections.abc import Callable

__all__ = ["Threads", "pool"]

IDLE_SECONDS = 1.0
"""How long an idle thread waits for work: a guess, never measured."""


class _Worker:
    __slots__ = ("era", "has_job", "job")

    def __init__(self, job: Callable[[], None], era: int) -> None:
        self.job: Callable[[], None] | None = job
        self.era = era
        self.has_job = threading.Lock()  # locked while there is nothing to do
        self.has_job.acquire()


class Threads:
    """A set of threads that grows with the work and shrinks when there is none.

    Attributes:
        at_thread_end: called on each thread before it ends.
    """

    def __init__(self) -> None:
        self.at_thread_end: Callable[[], None] | None = None
        self._mutex = threading.Lock()  # guards _idle and _era
        self._idle: list[_Worker] = []
        self._era = 0  # how often it was trimmed
        os.register_at_fork(after_in_child=self._forget)

    def run(self, job: Callable[[], None]) -> None:
        """Run job on a thread of its own; returns at once."""
        with self._mutex:
            worker = self._idle.pop() if self._idle else None
            era = self._era
        if worker is None:
            worker = _Worker(job, era)
            threading.Thread(
                target=self._work, args=(worker,), name="portside", daemon=True
            ).start()
        else:
            worker.job = job
            worker.has_job.release()

    def trim(self) -> None:
        """End the idle threads now, and the others when their job is done."""
        with self._mutex:
            self._era += 1
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.has_job.release()

    def _work(self, worker: _Worker) -> None:
        self._run_jobs(worker)
        if self.at_thread_end is not None:
            self.at_thread_end()

    def _run_jobs(self, worker: _Worker) -> None:
        while (job := worker.job) is not None:
            worker.job = None
            job()
            del job  # or it would keep what it holds alive while the thread idles
            with self._mutex:
                if worker.era != self._era:
                    return
                self._idle.append(worker)
            if not worker.has_job.acquire(timeout=IDLE_SECONDS):
                with self._mutex:
                    if worker in self._idle:
                        self._idle.remove(worker)
                        return
                worker.has_job.acquire()  # it was taken just now: a job is on its way

    def _forget(self) -> None:
        self._mutex = threading.Lock()
        self._idle = []  # a fork has only the thread that forked


pool = Threads()
"""The threads of this process: tasks and offloaded calls share the idle ones."""
