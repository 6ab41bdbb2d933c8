"""A process per connection.

In       conversations
Out      a child for each: it serves one conversation and exits
Source   the textbook recipe; fork(2), pidfd_open(2), waitpid(2), prctl(2), signal(7)
Holds    in the parent, a pidfd for each child; in the child, the conversation alone
Fails    a fork that the system refuses turns its client away, and the server goes on

The recipe: loop on accept; fork; the child closes the listener, the parent closes the
conn; the parent goes back to accepting. What a child does to its memory, its directory
or its descriptors stays inside, and a crash ends one conversation.

What the textbook leaves out:

1. The parent has one thread, always. A fork copies only the thread that forks, with
   every lock that another one holds, held for ever.
2. Children are reaped by their own pidfd, while the parent waits for clients, and never
   by ``waitpid(-1)``, which would steal children that a handler's library started.
3. A child leaves by ``os._exit``: the ``finally`` blocks of the parent's stack are not
   its business. What the parent has printed and not flushed is flushed before the fork,
   or each child would print it again.
4. All children hold the read end of one pipe, the lifeline. When the parent stops, or
   is killed, the write end goes and each child sees it wherever it waits. One that
   computes does not wait: the kernel sends it SIGTERM when its parent dies.
5. SIGTERM cuts a child only when the parent has said so, in a byte that they share: who
   stops a service often signals the whole group, and the conversations are to go on.
"""

import contextlib
import ctypes
import errno
import gc
import logging
import mmap
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from portside.engine import now, park, shield, unwatch, watch
from portside.errors import Cancelled, DeadlineError
from portside.models.model import Work

__all__ = ["CUT_STATUS", "Fork", "check_one_thread", "flush_streams"]

Result = TypeVar("Result")

CUT_STATUS = 75
"""The exit status of a child that was cut: EX_TEMPFAIL of sysexits(3)."""

KILL_SECONDS = 1.0
"""What a child gets between SIGTERM and SIGKILL, to unwind its handler."""

_PR_SET_PDEATHSIG = 1  # prctl(2)

_RETRIABLE = (errno.EAGAIN, errno.ENOMEM)


@dataclass
class _Child:
    pid: int
    pidfd: int
    conversation: Any
    cut: bool = False


class Fork:
    """Each handler runs in a process of its own."""

    name = "fork"
    needs_process = True
    runs_inline = False
    max_connections: int | None = 512
    """A guess at what a machine bears: processes at once."""
    descriptors_per_connection = 1
    """The pidfd of its child, in the place of the connection that was handed over."""

    def __init__(self) -> None:
        self._children: dict[int, _Child] = {}
        self._lifeline = (-1, -1)
        self._cut_flag: mmap.mmap | None = None
        self._prctl: Any = None

    def call(self, function: Callable[[], Result]) -> Result:
        """Call the server's main line as it is: waiting blocks the thread."""
        return function()

    def run(self, work: Work) -> None:
        """Fork a child for each conversation; end them when the server stops."""
        check_one_thread()
        self._lifeline = os.pipe()
        self._cut_flag = mmap.mmap(-1, 1)
        self._prctl = getattr(ctypes.CDLL(None), "prctl", None)
        gc.freeze()  # what is here now is shared with the children, not copied by a gc
        try:
            while (conversation := work.accept()) is not None:
                check_one_thread()
                self._serve(work, conversation)
        finally:
            gc.unfreeze()
            os.close(self._lifeline[1])  # the children see that we stop
            self._end_children(work)
            os.close(self._lifeline[0])
            self._cut_flag.close()

    def kill(self) -> None:
        """Kill every child; safe in a signal handler."""
        for pid in tuple(self._children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _serve(self, work: Work, conversation: Any) -> None:
        flush_streams()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            if error.errno not in _RETRIABLE:
                raise
            work.refused(conversation, error)
            return
        if pid == 0:
            self._be_child(work, conversation, parent)
        work.hand_over(conversation)  # the parent closes the conn
        self._add(pid, conversation, work)

    # -- in the child

    def _be_child(self, work: Work, conversation: Any, parent: int) -> NoReturn:
        status = [1]
        try:
            self._converse(work, conversation, parent, status)
        finally:
            os._exit(status[0])

    def _converse(
        self, work: Work, conversation: Any, parent: int, status: list[int]
    ) -> None:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of us
            signal.signal(signal.SIGALRM, _cut)
            signal.signal(
                signal.SIGTERM, lambda *_: self._told_to_end(parent, work.grace)
            )
            if self._prctl is not None:
                self._prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            for sibling in self._children.values():
                os.close(sibling.pidfd)
            os.close(self._lifeline[1])
            work.enter_child(conversation)  # the child closes the listener
            watch(self._lifeline[0], lambda: self._lifeline_ended(work, conversation))
            work.converse(conversation)
            status[0] = CUT_STATUS if work.was_cut(conversation) else 0
        except Cancelled:
            status[0] = CUT_STATUS
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            flush_streams()
            logging.shutdown()

    def _told_to_end(self, parent: int, grace: float) -> None:
        assert self._cut_flag is not None
        if self._cut_flag[0]:
            raise Cancelled
        if os.getppid() != parent:  # it was killed: the grace begins
            signal.setitimer(signal.ITIMER_REAL, max(grace, 0.001), KILL_SECONDS)

    def _lifeline_ended(self, work: Work, conversation: Any) -> None:
        unwatch(self._lifeline[0])
        work.drain_child(conversation)

    # -- in the parent

    def _add(self, pid: int, conversation: Any, work: Work) -> None:
        try:
            # The conn was closed just now, so there is a descriptor for this one.
            pidfd = os.pidfd_open(pid)
        except OSError as error:  # but perhaps none in the whole system
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            work.refused(conversation, error)
            return
        child = _Child(pid, pidfd, conversation)
        self._children[pid] = child
        watch(pidfd, lambda: self._reap(child, work))

    def _reap(self, child: _Child, work: Work) -> None:
        if (
            os.waitid(os.P_PIDFD, child.pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            is None
        ):
            return
        del self._children[child.pid]  # before its number may be somebody else's
        _, status = os.waitpid(child.pid, 0)
        unwatch(child.pidfd)
        os.close(child.pidfd)
        code = os.waitstatus_to_exitcode(status)
        if code < 0 and not child.cut:
            name = signal.strsignal(-code) or "unknown"
            work.failed(
                child.conversation,
                f"process {child.pid} died of signal {-code} ({name.lower()})",
            )
        cut = code != 0 and (child.cut or code == CUT_STATUS)
        work.ended(child.conversation, cut=cut)

    def _end_children(self, work: Work) -> None:
        """Let them finish; at the end of the grace SIGTERM, a second later SIGKILL."""
        assert self._cut_flag is not None
        until = work.cut_at() or now()
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._wait_for_children(until)
            self._cut_flag[0] = 1
            for child in self._children.values():
                child.cut = True
                os.kill(child.pid, number)
            until = now() + KILL_SECONDS
        self._wait_for_children(None)

    def _wait_for_children(self, until: float | None) -> None:
        with shield(), contextlib.suppress(DeadlineError):
            while self._children:
                park(until)


def check_one_thread() -> None:
    """Raise RuntimeError if this process has a second thread."""
    if threading.active_count() > 1:
        others = [each.name for each in threading.enumerate()]
        raise RuntimeError(
            f"model 'fork' needs a process with one thread, and this one has "
            f"{len(others)} ({', '.join(others)}): start the server first, or choose "
            f"model 'thread'"
        )


def flush_streams() -> None:
    """Write out what stdout and stderr hold back; nobody to take it is no error."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _cut(number: int, frame: object) -> None:
    raise Cancelled
