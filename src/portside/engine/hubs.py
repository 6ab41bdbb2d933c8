"""The hubs that run in this process.

In       a hub that begins or ends
Out      all of them, to be told of a descriptor that is closed
Holds    a weak reference to each
Fails    never
"""

import weakref
from typing import Protocol

__all__ = ["hubs"]


class _Closing(Protocol):
    def closing(self, fd: int) -> None:
        """Forget fd, which is closed next."""


hubs: "weakref.WeakSet[_Closing]" = weakref.WeakSet()
"""Whoever keeps a memory of descriptors between two waits."""
