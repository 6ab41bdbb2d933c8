r"""What the library logs, as the command line shows it.

In       how often ``-v`` was given
Out      each record as a line on stderr, ``portside: text``; a traceback below it where
         there is one; the lines of an access log as they are, for programs that read it

What an error says may be a client's text. So that it forges no line, of an access log
perhaps, all lines of a record but its first are indented, and what could speak to the
terminal is written as ``\xHH``.
"""

import logging
import re

__all__ = ["show_logs"]

# The control characters of ASCII and Latin-1, but for tab and line feed.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def show_logs(verbosity: int) -> None:
    """Show warnings and errors; with 1 also starts and stops, with 2 everything."""
    level = _LEVELS[min(verbosity, len(_LEVELS) - 1)]
    shown = logging.StreamHandler()
    shown.setFormatter(_Lines("portside: %(message)s"))
    logging.basicConfig(level=level, handlers=[shown], force=True)
    logging.raiseExceptions = False  # a closed stderr is nobody's mistake
    access = logging.getLogger("portside.http.access")
    access.propagate = False
    access.setLevel(logging.INFO)
    if not access.handlers:
        access.addHandler(logging.StreamHandler())


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = _CONTROLS.sub(_escape, super().format(record))
        return text.replace("\n", "\n  ")


def _escape(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]):02x}"
