"""Time: the clock, and deadlines that bound a block of code.

In       seconds from now (`timeout`) or a moment (`deadline`)
Out      the earliest moment that binds the code that runs
Holds    one context variable, so tasks started inside a block are bound by it too
Fails    the waits inside raise `DeadlineError`; the block itself raises nothing
"""

import contextlib
import contextvars
import time
from collections.abc import Iterator

__all__ = ["deadline", "earliest", "now", "scope_deadline", "timeout", "unbounded"]

now = time.monotonic
"""Seconds on the clock that deadlines are told in; it never jumps."""

_bound: contextvars.ContextVar[float | None] = contextvars.ContextVar(
    "portside_deadline", default=None
)

scope_deadline = _bound.get
"""The moment that the blocks around this code are bound by; None for none."""


def earliest(one: float | None, other: float | None) -> float | None:
    """Return the earlier of two moments, None being no bound.

    >>> earliest(None, 3.0), earliest(5.0, 3.0), earliest(None, None)
    (3.0, 3.0, None)
    """
    if one is None:
        return other
    if other is None:
        return one
    return min(one, other)


@contextlib.contextmanager
def deadline(at: float | None) -> Iterator[None]:
    """Bound every wait and conn call in the block by a moment.

    An earlier bound from outside stays. Code that only computes is not interrupted.

    Args:
        at: seconds on the clock of `now`; None adds no bound.

    Raises:
        DeadlineError: from the call inside that was waiting, or that comes after.
    """
    token = _bound.set(earliest(_bound.get(), at))
    try:
        yield
    finally:
        _bound.reset(token)


def timeout(seconds: float | None) -> contextlib.AbstractContextManager[None]:
    """Bound every wait and conn call in the block by seconds from now.

    >>> with timeout(5):
    ...     pass

    Args:
        seconds: None adds no bound.

    Raises:
        DeadlineError: from the call inside that was waiting, or that comes after.
    """
    return deadline(None if seconds is None else now() + seconds)


@contextlib.contextmanager
def unbounded() -> Iterator[None]:
    """Take off the bounds from outside: for what must be waited for or lives on."""
    token = _bound.set(None)
    try:
        yield
    finally:
        _bound.reset(token)
