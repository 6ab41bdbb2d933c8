"""Why Portside differs from the others where it does: `differences.txt`.

Out      headings with their reasons, and the kinds of difference that each is for
Fails    ValueError: a line of the file that is none, or a kind that stands there twice
"""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["REASONS", "Kind", "Reason", "read_reasons"]

FILE = Path(__file__).parent / "differences.txt"


@dataclass(frozen=True)
class Kind:
    """A mutation, and what became of it.

    Attributes:
        mutation: the production, and how it was mutated.
        outcomes: at Portside, Go and nginx.
    """

    mutation: str
    outcomes: tuple[str, ...]

    @property
    def is_difference(self) -> bool:
        """Whether the servers are not all of one mind."""
        return len(set(self.outcomes)) > 1


@dataclass(frozen=True)
class Reason:
    """Why some kinds of difference are right.

    Attributes:
        title: a heading.
        text: a paragraph.
        kinds: those that it is for.
    """

    title: str
    text: str
    kinds: tuple[Kind, ...]


def read_reasons(text: str) -> list[Reason]:
    """Return what stands in a file.

    Raises:
        ValueError: it is no such file.
    """
    reasons = []
    known: set[Kind] = set()
    for part in ("\n" + text).split("\n= ")[1:]:
        head, _, table = part.partition("\n\n")
        title, _, words = head.partition("\n")
        kinds = tuple(map(_kind, table.strip().splitlines()))
        if not words or not kinds or known.intersection(kinds):
            raise ValueError(f"no reason, no kinds, or one twice: {title}")
        known.update(kinds)
        reasons.append(Reason(title, words, kinds))
    return reasons


def _kind(line: str) -> Kind:
    mutation, *outcomes = line.split(" | ")
    if len(outcomes) != 3:
        raise ValueError(f"a kind has three outcomes: {line}")
    return Kind(mutation, tuple(outcomes))


REASONS = read_reasons(FILE.read_text())
