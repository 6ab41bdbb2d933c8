"""Tell of troubles at a bounded rate.

In       a trouble, and what kind it is
Out      a warning a second for each kind, with the number of those that were not told
Holds    a count for each kind
Fails    never
"""

import logging
import threading

from portside.engine import now

__all__ = ["BoundedLog"]

_log = logging.getLogger("portside.server")

LOG_SECONDS = 1.0
"""Troubles of one kind are told once in this time, with their number."""


class BoundedLog:
    """What a flood of troubles cannot fill."""

    def __init__(self) -> None:
        # By kind: how many were not told, and when the next one is.
        self._told: dict[str, tuple[int, float]] = {}
        self._mutex = threading.Lock()  # guards it: many threads may fail at once

    def warn(self, where: str, kind: str, error: BaseException | None = None) -> None:
        """Tell a trouble, unless one of its kind was told just now.

        Args:
            where: with whom it happened.
            kind: what happened, in few words.
            error: shown with where it was raised.
        """
        with self._mutex:
            untold, log_from = self._told.get(kind, (0, 0.0))
            if now() < log_from:
                self._told[kind] = (untold + 1, log_from)
                return
            self._told[kind] = (0, now() + LOG_SECONDS)
        more = f" ({untold} more like this before)" if untold else ""
        level = logging.WARNING if error is None else logging.ERROR
        _log.log(level, "%s: %s%s", where, kind, more, exc_info=error)
