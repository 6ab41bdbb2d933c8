"""What models that fork have in common.

In       functions to run in children of this process
Out      each runs in a child; its end is told while this process waits
Source   fork(2), pidfd_open(2), waitpid(2), prctl(2), signal(7)
Holds    a pidfd for each child; a pipe, the lifeline
Fails    OSError: the system gives no more processes

What the textbook leaves out:

1. The process that forks has one thread, always. A fork copies only the thread that
   forks, with every lock that another one holds, held for ever.
2. Children are reaped by their own pidfd, while their parent waits for whatever it
   waits for, and never by ``waitpid(-1)``, which would steal children that a handler's
   library started.
3. A child leaves by ``os._exit``: the ``finally`` blocks of the parent's stack are not
   its business. What the parent has printed and not flushed is flushed before the fork,
   or each child would print it again.
4. All children hold the read end of one pipe, the lifeline. When the parent stops, or
   is killed, the write end goes and each child sees it wherever it waits. One that
   computes does not wait: the kernel sends it SIGTERM when its parent dies.
"""

import contextlib
import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from portside.engine import park, shield, unwatch, watch
from portside.errors import DeadlineError

__all__ = [
    "Child",
    "Children",
    "check_one_thread",
    "death_of",
    "flush_streams",
    "leave_child",
    "wait_for_exit",
]

_PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass
class Child:
    """A child that has not been reaped.

    Attributes:
        pid: its number.
        pidfd: what says that it has ended.
        task: what it was started for.
        is_cut: it was told to end before its time.
    """

    pid: int
    pidfd: int
    task: Any
    is_cut: bool = False


class Children:
    """The children of a model.

    Args:
        on_end: called with each that has ended, and its exit code: negative for a
            signal.

    Attributes:
        lifeline: what ends, in a child, when the parent stops or is killed.
    """

    def __init__(self, on_end: Callable[[Child, int], None]) -> None:
        if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
            # By who started us: exec keeps it. Nobody could say how a child ended.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.lifeline, self._our_end = os.pipe()
        self._on_end = on_end
        self._children: dict[int, Child] = {}
        self._prctl: Any = getattr(ctypes.CDLL(None), "prctl", None)

    def __iter__(self) -> Iterator[Child]:
        return iter(tuple(self._children.values()))

    # -- in the parent

    def fork(self) -> int:
        """Fork; return 0 in the child, which enters, and its number in the parent.

        Raises:
            OSError: the system gives no more processes.
        """
        flush_streams()
        return os.fork()

    def add(self, pid: int, task: Any) -> None:
        """Keep a new child in mind until it has ended.

        Raises:
            OSError: no descriptor for it; it was killed.
        """
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            os.kill(pid, signal.SIGKILL)
            wait_for_exit(pid)
            raise
        child = self._children[pid] = Child(pid, pidfd, task)
        watch(pidfd, lambda: self._reap(child))

    def signal(self, number: int) -> None:
        """Send a signal to all of them; safe in a signal handler."""
        for pid in tuple(self._children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def end_lifeline(self) -> None:
        """Let all of them see that this process stops; again is silent."""
        if self._our_end >= 0:
            os.close(self._our_end)
            self._our_end = -1

    def wait(self, until: float | None) -> None:
        """Return when all have ended, or at a moment."""
        with shield(), contextlib.suppress(DeadlineError):
            while self._children:
                park(until)

    def close(self) -> None:
        """Give the lifeline back; all children have ended."""
        self.end_lifeline()
        os.close(self.lifeline)

    def _reap(self, child: Child) -> None:
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        with contextlib.suppress(ChildProcessError):  # ended, and reaped by somebody
            if os.waitid(os.P_PIDFD, child.pidfd, how) is None:
                return
        del self._children[child.pid]  # before its number may be somebody else's
        code = wait_for_exit(child.pid)
        unwatch(child.pidfd)
        os.close(child.pidfd)
        self._on_end(child, code)

    # -- in the child

    def enter_child(self) -> None:
        """Begin to be a child: let go of the parent's signals and of its children.

        What hears SIGTERM is set before: the kernel sends it when the parent dies.
        """
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of us
        if self._prctl is not None:
            self._prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        for sibling in self:
            os.close(sibling.pidfd)
        os.close(self._our_end)


def leave_child(status: int) -> NoReturn:
    """End this process, which is a child, and nothing else."""
    flush_streams()
    logging.shutdown()
    os._exit(status)


def wait_for_exit(pid: int) -> int:
    """Wait for the end of a child and reap it; return its exit code, or minus a signal.

    0 where nobody can say, as SIGCHLD is ignored or somebody else has reaped it:
    wait(2).
    """
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        return 0
    return os.waitstatus_to_exitcode(status)


def check_one_thread(model: str) -> None:
    """Raise RuntimeError if this process has a second thread."""
    if threading.active_count() > 1:
        others = [each.name for each in threading.enumerate()]
        raise RuntimeError(
            f"model {model!r} needs a process with one thread, and this one has "
            f"{len(others)} ({', '.join(others)}): start the server first, or choose "
            f"model 'thread' or 'nonblocking'"
        )


def flush_streams() -> None:
    """Write out what stdout and stderr hold back; nobody to take it is no error."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def death_of(code: int) -> str:
    """Return how a child ended, in words."""
    if code >= 0:
        return f"ended with status {code}"
    name = signal.strsignal(-code) or "unknown"
    return f"died of signal {-code} ({name.lower()})"
