"""Where the servers differ, by kind.

In       requests, ports; the differences that are listed
Out      kinds of difference, each with its requests; those that nobody has listed, and
         those that are listed and did not happen
Holds    nothing
Fails    OSError: a server has gone

A kind is a mutation and what each of the servers made of it. Where all answered 2xx but
understood something else, what was understood is a part of the kind: as letters, the
same letter for the same understanding, since method, path and length are as chance had
them.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tests.http.differential.generator import Case
from tests.http.differential.outcome import Outcome, outcome_of
from tests.http.differential.peers import NAMES
from tests.http.differential.reasons import REASONS, Kind

__all__ = ["Compared", "compared", "kinds_of", "unlisted", "unseen"]


@dataclass(frozen=True)
class Compared:
    """A request, and what became of it at each server."""

    case: Case
    outcomes: tuple[Outcome, ...]

    @property
    def kind(self) -> Kind:
        """What kind of difference, or of agreement, it is."""
        texts = [outcome.text for outcome in self.outcomes]
        seen = [outcome.seen for outcome in self.outcomes if outcome.seen]
        letters = {
            each: chr(ord("A") + n) for n, each in enumerate(dict.fromkeys(seen))
        }
        if len(letters) > 1:
            texts = [
                f"{text}, seen as {letters[outcome.seen]}" if outcome.seen else text
                for text, outcome in zip(texts, self.outcomes, strict=True)
            ]
        return Kind(self.case.kind, tuple(texts))


def compared(cases: Iterable[Case], ports: dict[str, int]) -> list[Compared]:
    """Send every request to every server."""
    return [
        Compared(case, tuple(outcome_of(ports[name], case.sent) for name in NAMES))
        for case in cases
    ]


def kinds_of(found: Iterable[Compared]) -> dict[Kind, list[Compared]]:
    """Return the requests of each kind, in the order in which they came."""
    kinds: dict[Kind, list[Compared]] = defaultdict(list)
    for each in found:
        kinds[each.kind].append(each)
    return kinds


def unlisted(kinds: Iterable[Kind]) -> list[Kind]:
    """Return the differences for which nobody has given a reason."""
    listed = {kind for reason in REASONS for kind in reason.kinds}
    return [kind for kind in kinds if kind.is_difference and kind not in listed]


def unseen(kinds: Iterable[Kind]) -> list[Kind]:
    """Return the differences that are listed, and are none any more."""
    seen = set(kinds)
    return [kind for reason in REASONS for kind in reason.kinds if kind not in seen]
