"""Waiting, and all that is made of it.

What flows in are descriptors, deadlines and functions; what flows out is a return when
the time has come. An engine decides how a wait is done; nobody above knows which.

In reading order: `verbs` (what an engine must give), `task` and `scope` (who waits, and
until when), `bell` and `blocking` (the engine of a plain thread), `poller`, `timers`,
`watchdog`, `descriptor_waits` and `hub` (the engine of a thread with many tasks; `hubs`
has all that run), `waist` (the verbs, asked of the engine of this thread), `read_set`
(many descriptors for one task), `gate`, `fd` and `datagram` (sockets whose calls wait;
`telling` has what a trace says of them), then what is built on park and wake alone:
`slots`, `lock`, `event`, `queue`, `taskgroup`, `offload`; `threads` lends them threads.

May import `errors` and `events`.
"""

from portside.engine.bell import Bell
from portside.engine.datagram import ControlMessages, DatagramDescriptor
from portside.engine.event import Event
from portside.engine.fd import Buffer, Descriptor
from portside.engine.gate import Gate
from portside.engine.hubs import call_unless_forked
from portside.engine.lock import Lock
from portside.engine.offload import Offloader, offload
from portside.engine.open_descriptors import abandon_all
from portside.engine.queue import Queue
from portside.engine.read_set import ReadSet
from portside.engine.scope import deadline, earliest, now, timeout, unbounded
from portside.engine.slots import Slots
from portside.engine.task import Task
from portside.engine.taskgroup import GroupTask, TaskGroup
from portside.engine.waist import (
    call_as_task,
    cancel,
    checkpoint,
    closing,
    current,
    may_block,
    park,
    shield,
    sleep,
    spawn,
    spawn_on_thread,
    unwatch,
    wait_accept,
    wait_any,
    wait_read,
    wait_write,
    wake,
    watch,
)

__all__ = [
    "Bell",
    "Buffer",
    "ControlMessages",
    "DatagramDescriptor",
    "Descriptor",
    "Event",
    "Gate",
    "GroupTask",
    "Lock",
    "Offloader",
    "Queue",
    "ReadSet",
    "Slots",
    "Task",
    "TaskGroup",
    "abandon_all",
    "call_as_task",
    "call_unless_forked",
    "cancel",
    "checkpoint",
    "closing",
    "current",
    "deadline",
    "earliest",
    "may_block",
    "now",
    "offload",
    "park",
    "shield",
    "sleep",
    "spawn",
    "spawn_on_thread",
    "timeout",
    "unbounded",
    "unwatch",
    "wait_accept",
    "wait_any",
    "wait_read",
    "wait_write",
    "wake",
    "watch",
]
