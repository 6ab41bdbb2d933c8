"""A process per connection.

In       conversations
Out      a child for each: it serves one conversation and exits
Source   the textbook recipe; fork(2), pidfd_open(2), waitpid(2), signal(7)
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
   its business.
4. All children hold the read end of one pipe, the lifeline. When the parent stops, or
   is killed, the write end goes and each child sees it wherever it waits.
"""

import errno
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from portside.engine import now, park, shield, unwatch, watch
from portside.errors import Cancelled, DeadlineError
from portside.models.model import Work

__all__ = ["CUT_STATUS", "Fork", "check_one_thread"]

CUT_STATUS = 75
"""The exit status of a child that was cut: EX_TEMPFAIL of sysexits(3)."""

KILL_SECONDS = 1.0
"""What a child gets between SIGTERM and SIGKILL, to unwind its handler."""

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

    def run(self, work: Work) -> None:
        """Fork a child for each conversation; end them when the server stops."""
        check_one_thread()
        self._lifeline = os.pipe()
        gc.freeze()  # what is here now is shared with the children, not copied by a gc
        try:
            while (conversation := work.accept()) is not None:
                check_one_thread()
                try:
                    pid = os.fork()
                except OSError as error:
                    if error.errno not in _RETRIABLE:
                        raise
                    work.failed(conversation, f"fork: {error.strerror}")
                    continue
                if pid == 0:
                    self._be_child(work, conversation)
                work.hand_over(conversation)  # the parent closes the conn
                self._add(pid, conversation, work)
        finally:
            gc.unfreeze()
            os.close(self._lifeline[1])  # the children see that we stop
            self._end_children(work)
            os.close(self._lifeline[0])

    def kill(self) -> None:
        """Kill every child; safe in a signal handler."""
        for child in tuple(self._children.values()):
            os.kill(child.pid, signal.SIGKILL)

    def _be_child(self, work: Work, conversation: Any) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(
                signal.SIGINT, signal.SIG_IGN
            )  # Ctrl-C reaches the whole group
            signal.signal(signal.SIGTERM, _cut)
            for sibling in self._children.values():
                os.close(sibling.pidfd)
            os.close(self._lifeline[1])
            work.enter_child(conversation)  # the child closes the listener
            watch(self._lifeline[0], lambda: self._lifeline_ended(work, conversation))
            work.converse(conversation)
            status = CUT_STATUS if work.was_cut(conversation) else 0
        except Cancelled:
            status = CUT_STATUS
        finally:
            _flush()
            os._exit(status)

    def _lifeline_ended(self, work: Work, conversation: Any) -> None:
        unwatch(self._lifeline[0])
        work.drain_child(conversation)

    def _add(self, pid: int, conversation: Any, work: Work) -> None:
        # The conn was closed just now, so there is a descriptor for this one.
        child = _Child(pid, os.pidfd_open(pid), conversation)
        self._children[pid] = child
        watch(child.pidfd, lambda: self._reap(child, work))

    def _reap(self, child: _Child, work: Work) -> None:
        pid, status = os.waitpid(child.pid, os.WNOHANG)
        if pid == 0:
            return
        unwatch(child.pidfd)
        os.close(child.pidfd)
        del self._children[child.pid]
        code = os.waitstatus_to_exitcode(status)
        if code < 0 and not child.cut:
            name = signal.Signals(-code).name
            work.failed(child.conversation, f"process {pid} died of {name}")
        cut = code == CUT_STATUS or (child.cut and code != 0)
        work.ended(child.conversation, cut=cut)

    def _end_children(self, work: Work) -> None:
        """Let them finish; at the end of the grace SIGTERM, a second later SIGKILL."""
        until = work.cut_at() or now()
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._wait_for_children(until)
            for child in self._children.values():
                child.cut = True
                os.kill(child.pid, number)
            until = now() + KILL_SECONDS
        self._wait_for_children(None)

    def _wait_for_children(self, until: float | None) -> None:
        with shield():
            try:
                while self._children:
                    park(until)
            except DeadlineError:
                pass


def check_one_thread() -> None:
    """Raise RuntimeError if this process has a second thread."""
    if threading.active_count() > 1:
        others = [each.name for each in threading.enumerate()]
        raise RuntimeError(
            f"model 'fork' needs a process with one thread, and this one has "
            f"{len(others)} ({', '.join(others)}): start the server first, or choose "
            f"model 'thread'"
        )


def _cut(number: int, frame: object) -> None:
    raise Cancelled


def _flush() -> None:
    flushes: list[Callable[[], object]] = [logging.shutdown]
    flushes += [
        stream.flush for stream in (sys.stdout, sys.stderr) if stream is not None
    ]
    for flush in flushes:
        try:
            flush()
        except (OSError, ValueError):
            pass  # a closed pipe, a closed file: there is nobody left to tell
