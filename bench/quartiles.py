"""What figures of many rounds say, and whether two servers differ.

In       figures, one of each round
Out      median and quartiles; a ratio, round by round; "no difference" or not
Source   quantiles by linear interpolation (type 7 of Hyndman and Fan, 1996)
Holds    nothing: pure functions
Fails    ValueError: no figures

Rounds of one server differ by more than many servers do: the same C program ranged from
7.4 to 11.3 us a message over seven rounds. Two things help. A ratio is taken within a
round, where both ran a few seconds apart, and then the median of those. And where the
middle halves of two servers' figures overlap, we say no difference, whatever the
medians are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Comparison", "Spread", "compare", "overlap", "quantile", "spread"]


@dataclass(frozen=True)
class Spread:
    """The middle half of some figures.

    Attributes:
        low: the first quartile.
        high: the third.
    """

    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """A server against another.

    Attributes:
        ratio: of the figures, round by round.
        is_same: their quartiles overlap: no difference.
    """

    ratio: Spread
    is_same: bool


def quantile(figures: Sequence[float], share: float) -> float:
    """Return what the given share (0 to 1) of the figures is below.

    >>> quantile([1, 2, 3, 4], 0.5)
    2.5
    """
    if not figures:
        raise ValueError("no figures")
    ordered = sorted(figures)
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def spread(figures: Sequence[float]) -> Spread:
    """Return the median and the quartiles."""
    low, median, high = (quantile(figures, share) for share in (0.25, 0.5, 0.75))
    return Spread(low, median, high)


def overlap(one: Spread, other: Spread) -> bool:
    """Whether two middle halves have a figure in common."""
    return one.low <= other.high and other.low <= one.high


def compare(figures: Sequence[float], baseline: Sequence[float]) -> Comparison:
    """Compare figures with those that the baseline gave in the same rounds.

    Raises:
        ValueError: not of the same rounds, or there are none.
    """
    ratios = [one / other for one, other in zip(figures, baseline, strict=True)]
    return Comparison(spread(ratios), overlap(spread(figures), spread(baseline)))
