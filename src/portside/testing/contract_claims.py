"""What the checks of the contract claim, in words.

In       a call that should fail, and how
Out      the error, once it was found to say all that an error has to say
Source   Go's ``net`` tests: ``isValid`` looks at every error that a test provokes
Holds    nothing
Fails    AssertionError: the claim does not hold; TooSlow: it held, but too late
"""

import math
import pickle
from collections.abc import Callable
from typing import Any, TypeVar

from portside.engine import now
from portside.errors import Error
from portside.net import Conn

__all__ = [
    "LONG_AGO",
    "PROMPT_SECONDS",
    "TooSlow",
    "claim_prompt",
    "fails",
    "vouch_for",
]

LONG_AGO = -math.inf
"""A deadline that has passed, on whatever clock."""

PROMPT_SECONDS = 0.05
"""What a wake-up may take. It takes some 0.1 ms on a quiet machine; the rest is for a
machine that is busy with something else."""

Kind = TypeVar("Kind", bound=Error)


class TooSlow(AssertionError):
    """A moment was missed. Perhaps the machine was busy: the check is tried again."""


def fails(
    kind: type[Kind] | tuple[type[Kind], ...],
    conn: Conn,
    call: Callable[..., object],
    *args: Any,
) -> Kind:
    """Claim that the call fails in this way, and return the error."""
    wanted = kind if isinstance(kind, tuple) else (kind,)
    names = " or ".join(each.__name__ for each in wanted)
    try:
        result = call(*args)
    except wanted as error:
        vouch_for(error, conn)
        return error
    except Error as error:
        said = f"{type(error).__name__}: {error}"
        raise AssertionError(f"{names} was to come, not {said}") from error
    raise AssertionError(f"{names} was to come, and the call returned {result!r:.80}")


def vouch_for(error: Error, conn: Conn) -> None:
    """Claim that the error says what was done, and between which ends."""
    told = f"{type(error).__name__} {str(error)!r}"
    assert error.op, f"{told} names no operation"
    assert error.network == conn.network, f"{told} names the network {error.network!r}"
    assert error.local == conn.local_address, f"{told} names our end {error.local}"
    assert error.remote == conn.remote_address, f"{told} names the peer {error.remote}"
    assert str(error).startswith(f"{error.op} {error.network} "), (
        f"{told} does not begin with operation and network"
    )
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error), f"{told} is unpickled as {type(copy).__name__}"
    assert str(copy) == str(error), f"{told} is unpickled as {str(copy)!r}"
    assert vars(copy) == vars(error), f"{told} loses something when it is pickled"


def claim_prompt(since: float, what: str) -> None:
    """Claim that something which began at a moment came about at once."""
    delay = now() - since
    if delay > PROMPT_SECONDS:
        raise TooSlow(f"{what} took {delay * 1000:.0f} ms")
