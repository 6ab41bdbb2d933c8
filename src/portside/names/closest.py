"""Guess which known word somebody meant to write.

In       a word that is not known, and the words that are
Out      the end of an error message: the closest known word, or nothing
Source   ``difflib.get_close_matches`` and its cutoff of 0.6: a guess, never measured
Holds    nothing
Fails    never
"""

from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return text to put behind an error message; empty if nothing is close.

    >>> did_you_mean("tpc", ["tcp", "tcp4", "tcp6"])
    "; did you mean 'tcp'?"
    >>> did_you_mean("carrier pigeon", ["tcp", "tcp4", "tcp6"])
    ''
    """
    from difflib import get_close_matches  # noqa: PLC0415 - only mistakes pay for it

    close = get_close_matches(word.lower(), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
