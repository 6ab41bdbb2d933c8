"""A process per connection.

In       conversations
Out      a child for each: it serves one conversation and exits
Source   the textbook recipe; fork(2), pidfd_open(2), waitpid(2), prctl(2), signal(7)
Holds    in the parent, a pidfd for each child; in the child, the conversation alone
Fails    a fork that the system refuses turns its client away, and the server goes on

The recipe: loop on accept; fork; the child closes the listener, the parent closes the
conn; the parent goes back to accepting. What a child does to its memory, its directory
or its descriptors stays inside, and a crash ends one conversation.

What the textbook leaves out is in `children`. One thing is different here: SIGTERM cuts
a child only when the parent has said so, in a byte that they share. Who stops a service
often signals the whole group, and the conversations are to go on.
"""

import errno
import gc
import mmap
import os
import signal
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from portside.engine import current, now, unwatch, watch
from portside.errors import Cancelled
from portside.models.children import (
    Child,
    Children,
    check_one_thread,
    death_of,
    leave_child,
)
from portside.models.model import Work

__all__ = ["CUT_STATUS", "Fork"]

Result = TypeVar("Result")

CUT_STATUS = 75
"""The exit status of a child that was cut: EX_TEMPFAIL of sysexits(3)."""

KILL_SECONDS = 1.0
"""What a child gets between SIGTERM and SIGKILL, to unwind its handler."""

_RETRIABLE = (errno.EAGAIN, errno.ENOMEM)


class Fork:
    """Each handler runs in a process of its own."""

    name = "fork"
    needs_process = True
    runs_inline = False
    max_connections: int | None = 512
    """A guess at what a machine bears: processes at once."""
    descriptors_per_connection = 1
    """The pidfd of its child, in the place of the connection that was handed over."""

    workers: int | None = None

    packet_lines = 1
    """One child for each socket that hears packets, as long as the server runs."""

    def __init__(self) -> None:
        self._children: Children | None = None
        self._cut_flag: mmap.mmap | None = None

    def call(self, function: Callable[[], Result]) -> Result:
        """Call the server's main line as it is: waiting blocks the thread."""
        return function()

    def run(self, work: Work) -> None:
        """Fork a child for each conversation; end them when the server stops."""
        check_one_thread(self.name)
        children = Children(lambda child, code: _tell_end(work, child, code))
        self._children = children
        self._cut_flag = mmap.mmap(-1, 1)
        gc.freeze()  # what is here now is shared with the children, not copied by a gc
        try:
            while (conversation := work.accept()) is not None:
                check_one_thread(self.name)
                self._serve(work, conversation, children)
        finally:
            gc.unfreeze()
            children.end_lifeline()
            self._end_children(work, children)
            children.close()
            self._cut_flag.close()

    def kill(self) -> None:
        """Kill every child; safe in a signal handler."""
        if self._children is not None:
            self._children.signal(signal.SIGKILL)

    def _serve(self, work: Work, conversation: Any, children: Children) -> None:
        parent = os.getpid()
        try:
            pid = children.fork()
        except OSError as error:
            if error.errno not in _RETRIABLE:
                raise
            work.refused(conversation, error)
            return
        if pid == 0:
            self._be_child(work, conversation, parent, children)
        work.hand_over(conversation)  # the parent closes the conn
        try:
            # The conn was closed just now, so there is a descriptor for this one.
            children.add(pid, conversation)
        except OSError as error:  # but perhaps none in the whole system
            work.refused(conversation, error)

    # -- in the child

    def _be_child(
        self, work: Work, conversation: Any, parent: int, children: Children
    ) -> NoReturn:
        status = [1]
        try:
            self._converse(work, conversation, parent, children, status)
        finally:
            os._exit(status[0])

    def _converse(
        self,
        work: Work,
        conversation: Any,
        parent: int,
        children: Children,
        status: list[int],
    ) -> None:
        try:
            signal.signal(signal.SIGALRM, _cut)
            signal.signal(
                signal.SIGTERM, lambda *_: self._told_to_end(parent, work.grace)
            )
            children.enter_child()
            work.enter_child(conversation)  # the child closes the listener
            lifeline = children.lifeline
            watch(lifeline, lambda: _lifeline_ended(lifeline, work, conversation))
            work.converse(conversation)
            status[0] = CUT_STATUS if work.was_cut(conversation) else 0
        except Cancelled:
            status[0] = CUT_STATUS
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            leave_child(status[0])

    def _told_to_end(self, parent: int, grace: float) -> None:
        assert self._cut_flag is not None
        if self._cut_flag[0]:
            _cut()
        if os.getppid() != parent:  # it was killed: the grace begins
            signal.setitimer(signal.ITIMER_REAL, max(grace, 0.001), KILL_SECONDS)

    # -- in the parent

    def _end_children(self, work: Work, children: Children) -> None:
        """Let them finish; at the end of the grace SIGTERM, a second later SIGKILL."""
        assert self._cut_flag is not None
        until = work.cut_at() or now()
        for number in (signal.SIGTERM, signal.SIGKILL):
            children.wait(until)
            self._cut_flag[0] = 1
            for child in children:
                child.is_cut = True
            children.signal(number)
            until = now() + KILL_SECONDS
        children.wait(None)


def _lifeline_ended(lifeline: int, work: Work, conversation: Any) -> None:
    unwatch(lifeline)
    work.drain_child(conversation)


def _tell_end(work: Work, child: Child, code: int) -> None:
    if code < 0 and not child.is_cut:
        work.failed(child.task, f"process {child.pid} {death_of(code)}")
    cut = code != 0 and (child.is_cut or code == CUT_STATUS)
    work.ended(child.task, cut=cut)


def _cut(*_: object) -> None:
    current().cancel()  # or a group around would take it for its own and forgive it
    raise Cancelled
