"""Name the task that holds up a hub.

In       when each turn of a task begins and ends
Out      a warning for a turn of more than 100 ms, with the stack of the task, once
Holds    a thread, while the hub has turns; it sleeps with the hub
Fails    never

A handler that computes, or calls something that blocks, stops every other task of its
hub. Nothing can be done about it from outside, but it can be told where it stands.
"""

import logging
import sys
import threading
import traceback
from typing import Protocol

from portside.engine.scope import now
from portside.engine.task import Task

__all__ = ["STALL_SECONDS", "Watchdog"]

_log = logging.getLogger("portside.engine")

STALL_SECONDS = 0.1
"""A turn of more than this is told."""

_LOOK_SECONDS = STALL_SECONDS / 2
_IDLE_LOOKS = 20
"""So many looks at a hub that did nothing, and the watchdog sleeps too."""


class _Turns(Protocol):
    """What it looks at: a hub."""

    idle: Task
    resumed_at: float

    @property
    def task(self) -> Task:
        """Whose turn it is."""


class Watchdog:
    """Looks at the turns of one hub from a thread beside it.

    Attributes:
        sleeps: it has to be roused when a turn begins.
    """

    def __init__(self, hub: _Turns, thread: int) -> None:
        self.sleeps = True
        self._hub = hub
        self._hub_thread = thread
        self._stopped = threading.Event()
        self._may_look = threading.Event()
        self._has_thread = False

    def rouse(self) -> None:
        """Begin to look, as a turn begins; from the hub's own thread."""
        self.sleeps = False
        self._may_look.set()
        if not self._has_thread:
            self._has_thread = True
            threading.Thread(
                target=self._look_on, name="portside watchdog", daemon=True
            ).start()

    def stop(self) -> None:
        """End the thread, soon."""
        self._stopped.set()
        self._may_look.set()

    def _look_on(self) -> None:
        hub = self._hub
        seen, told, idle_looks = -1.0, -1.0, 0  # turns, by when they began
        while not self._stopped.wait(_LOOK_SECONDS):
            task, began = hub.task, hub.resumed_at
            is_idle = task is hub.idle and began == seen
            idle_looks = idle_looks + 1 if is_idle else 0
            seen = began
            if task is not hub.idle and began != told:
                seconds = now() - began
                is_same = hub.task is task and hub.resumed_at == began
                if seconds > STALL_SECONDS and is_same:
                    told = began
                    self._tell(task, seconds)
            if idle_looks > _IDLE_LOOKS:
                self._may_look.clear()
                self.sleeps = True
                if began == hub.resumed_at and not self._stopped.is_set():
                    self._may_look.wait()
                idle_looks = 0

    def _tell(self, task: Task, seconds: float) -> None:
        frame = sys._current_frames().get(self._hub_thread)  # noqa: SLF001  documented
        if frame is None:
            return
        stack = "".join(traceback.format_stack(frame))
        del frame
        _log.warning(
            "%s has held up its hub for %.0f ms: offload what computes or blocks, or "
            "choose model thread\n%s",
            task.name,
            seconds * 1000,
            stack.rstrip(),
        )
