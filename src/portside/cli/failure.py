"""What ends a command, and the status it ends with.

In       a sentence for the person, a status for the program that called
Out      an exception that `main` turns into one line on stderr and an exit
Source   the numbers from 6 on are those of curl(1), which people know by heart
Holds    the table of the statuses
"""

__all__ = [
    "CANNOT_CONNECT",
    "CANNOT_RESOLVE",
    "CANNOT_START",
    "FAILED",
    "INTERRUPTED",
    "RESET",
    "TIMED_OUT",
    "USAGE",
    "Failure",
    "status_table",
]

FAILED = 1
USAGE = 2
CANNOT_START = 3
CANNOT_RESOLVE = 6
CANNOT_CONNECT = 7
TIMED_OUT = 28
RESET = 56
INTERRUPTED = 130

_MEANINGS = {
    0: "done; for a server: stopped, and its conversations have ended",
    FAILED: "it failed",
    USAGE: "usage: it could never work as it was written",
    CANNOT_START: "could not start: a port in use, no right, no such host",
    CANNOT_RESOLVE: "dial: the host's name has no address; lookup: it is not known",
    CANNOT_CONNECT: "dial: refused or unreachable",
    TIMED_OUT: "dial: the time was up; lookup: nobody answered",
    RESET: "dial: the peer broke the connection off",
    INTERRUPTED: "interrupted by Ctrl-C (143: by SIGTERM)",
}


class Failure(Exception):
    """A command cannot do what it was asked for.

    Args:
        text: one line, lower case, with what to do about it.
        status: what the process exits with.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


def status_table() -> str:
    """Return the statuses and what they mean, one in a line."""
    return "\n".join(f"{status:>3}  {text}" for status, text in _MEANINGS.items())
