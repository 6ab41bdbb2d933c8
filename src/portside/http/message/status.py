"""Status codes and what they are called.

In       a status
Out      its reason phrase
Source   RFC 9110 section 15; the IANA registry of HTTP status codes
Holds    the table
Fails    never
"""

from http import HTTPStatus

__all__ = ["BODILESS", "EMPTY", "FRAMING", "reason_of"]

BODILESS = frozenset((*range(100, 200), 204, 304))
"""Answers that end with their head: RFC 9112 section 6.3."""

EMPTY = BODILESS | {205}
"""Those that have no content: RFC 9110 section 15.3.6 for the one that says so by its
length."""

FRAMING = frozenset(("connection", "content-length", "date", "transfer-encoding"))
"""The fields, in lower case, that are written in one place, so that they are true."""

# Python's names of these are older than RFC 9110, and differ between its versions.
_RENAMED = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
_REASONS = {status.value: status.phrase for status in HTTPStatus} | _RENAMED


def reason_of(status: int) -> str:
    """Return the reason phrase; ``Unknown`` for a status without a name.

    >>> reason_of(404)
    'Not Found'
    """
    return _REASONS.get(status, "Unknown")
