"""The descriptors that are open in this process, for a forked child to let go of.

In       descriptors that begin and end
Out      in a child: our copies of them closed, but those that it serves
Holds    a weak reference to each, by its number
Fails    never
"""

import weakref
from collections.abc import Collection
from typing import Protocol

__all__ = ["abandon_all", "open_descriptors"]


class _Abandonable(Protocol):
    number: int

    @property
    def given_back(self) -> bool:
        """Whether the kernel has the number back."""

    def abandon(self) -> None:
        """Close our copy of the number and say nothing to the peer."""


open_descriptors: dict[int, weakref.ref[_Abandonable]] = {}
"""One that was dropped and never closed stays until its number is another's: that costs
less than a callback for each that ends."""


def abandon_all(keep: Collection[int]) -> None:
    """Close, in a forked child, our copy of every open descriptor but those to keep."""
    for reference in tuple(open_descriptors.values()):
        descriptor = reference()
        if descriptor is None or descriptor.given_back:
            continue
        if descriptor.number not in keep:
            descriptor.abandon()
