"""Decide what a bad link does to each packet.

In       how bad the link is, a seed, and the number of a packet
Out      its fate: lost, held back, cut, doubled, and how much later it comes
Source   the seed, by `random.Random`; what netem offers (tc-netem(8)) for the kinds
Holds    one generator for each direction
Fails    ValueError: conditions that cannot be

The same seed gives the same fate to the n-th packet of a direction, whatever else is
asked of the link: for each packet the same draws are made in the same order, also for
what is switched off. So a loss that a test has found stays where it is when the delay
is changed. Which bytes the n-th packet carries is the kernel's affair, and depends on
time.
"""

import math
import random
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Conditions", "Fate", "Fates"]

LEAST_HOLD_SECONDS = 0.01
"""How long a packet that is to be overtaken waits at the least: a guess; at a megabyte
a second some seven others pass."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How bad a link is, the same in both directions.

    Attributes:
        delay: seconds that each packet takes, one way.
        jitter: seconds that it takes more, at the most; the order stays.
        loss: the share of packets that never arrive, 0 to 1.
        duplicate: the share that arrive twice.
        reorder: the share that are held back, so that later ones pass them.
        cut: the share that arrive without their end; the kernel throws them away.
        rate: bytes a second, headers counted; None is no limit.
        seed: what the fates are drawn from.
    """

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    cut: float = 0.0
    rate: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("delay", "jitter"):
            seconds = getattr(self, name)
            if not 0 <= seconds < math.inf:
                raise ValueError(f"{name} must be seconds from 0 on, not {seconds!r}")
        for name in ("loss", "duplicate", "reorder", "cut"):
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise ValueError(f"{name} must be a share from 0 to 1, not {share!r}")
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise ValueError(f"rate must be bytes a second over 0, not {self.rate!r}")

    @property
    def hold(self) -> float:
        """How many seconds later than due a packet comes that is held back."""
        return max(self.delay, LEAST_HOLD_SECONDS)


class Fate(NamedTuple):
    """What becomes of one packet.

    Attributes:
        is_lost: it never arrives; then nothing else matters.
        is_doubled: it arrives twice.
        is_held: others pass it.
        kept: the share of it that arrives, from the front; None is all.
        late: seconds of jitter.
    """

    is_lost: bool
    is_doubled: bool
    is_held: bool
    kept: float | None
    late: float


class Fates:
    """The fates of the packets of one direction, one after another.

    >>> fates = Fates(Conditions(loss=0.5, seed=7), "near")
    >>> [fates.draw().is_lost for _ in range(6)]
    [True, False, True, True, False, True]

    Args:
        conditions: how bad the link is.
        direction: a name for it, so that the two have fates of their own.
    """

    def __init__(self, conditions: Conditions, direction: str) -> None:
        self._conditions = conditions
        self._draw = random.Random(f"{conditions.seed} {direction}").random

    def draw(self) -> Fate:
        """Return the fate of the next packet."""
        draw, conditions = self._draw, self._conditions
        loss, duplicate, reorder, cut, jitter = draw(), draw(), draw(), draw(), draw()
        return Fate(
            loss < conditions.loss,
            duplicate < conditions.duplicate,
            reorder < conditions.reorder,
            cut / conditions.cut if cut < conditions.cut else None,
            jitter * conditions.jitter,
        )
