"""The hubs that run in this process.

In       a hub that begins or ends
Out      all of them, to be told of a descriptor that is closed
Holds    them, while they run
Fails    never
"""

from typing import Protocol

__all__ = ["hubs"]


class _Hub(Protocol):
    def closing(self, fd: int) -> None:
        """Forget fd, which is closed next."""

    def leave_to_parent(self) -> None:
        """Be the parent's alone, in a forked child."""


hubs: set[_Hub] = set()
"""Whoever keeps a memory of descriptors between two waits. Other threads add theirs
meanwhile: walk over a `copy`, which is made in one step."""
