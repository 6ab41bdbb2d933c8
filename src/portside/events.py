"""Named events, and the hooks they go to.

In       what a room has just done
Out      a call of each hook that was added to that event
Holds    the hooks; nobody listens until somebody adds one
Fails    never: a hook that raises is logged and taken off

A room that does something worth seeing asks first whether anybody looks, so that an
event without hooks costs one attribute::

    if socket_call.hooks:
        socket_call("recv", fd, "65536", "5 bytes")
"""

import logging
import threading
from collections.abc import Callable
from typing import Generic, ParamSpec

__all__ = ["Event", "socket_call"]

Fields = ParamSpec("Fields")

_log = logging.getLogger("portside.events")


class Event(Generic[Fields]):
    """A name, and the functions to call when it happens.

    Attributes:
        hooks: what is called, in the order added; replaced whole, never changed, so
            that it can be read without a lock.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.hooks: tuple[Callable[Fields, object], ...] = ()
        self._mutex = threading.Lock()  # guards the change of hooks, not the reading

    def add(self, hook: Callable[Fields, object]) -> None:
        """Call hook each time from now on."""
        with self._mutex:
            self.hooks = (*self.hooks, hook)

    def remove(self, hook: Callable[Fields, object]) -> None:
        """Call hook no more; silent if it was not added."""
        with self._mutex:
            self.hooks = tuple(other for other in self.hooks if other != hook)

    def __call__(self, *args: Fields.args, **kwargs: Fields.kwargs) -> None:
        """Tell each hook; what they raise reaches nobody but the log."""
        for hook in self.hooks:
            try:
                hook(*args, **kwargs)
            except Exception:  # noqa: BLE001  it is logged
                self.remove(hook)
                text = "a hook of the event %r failed and was taken off"
                _log.exception(text, self.name)


socket_call: Event[[str, int, str, str]] = Event("socket_call")
"""A system call on a socket has ended: its name, descriptor, arguments and result."""
