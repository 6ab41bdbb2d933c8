"""What the library logs, as the command line shows it.

In       how often ``-v`` was given
Out      each record as a line on stderr, ``portside: text``; a traceback below it where
         there is one; the lines of an access log as they are, for programs that read it
"""

import logging

__all__ = ["show_logs"]

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def show_logs(verbosity: int) -> None:
    """Show warnings and errors; with 1 also starts and stops, with 2 everything."""
    level = _LEVELS[min(verbosity, len(_LEVELS) - 1)]
    logging.basicConfig(level=level, format="portside: %(message)s", force=True)
    logging.raiseExceptions = False  # a closed stderr is nobody's mistake
    access = logging.getLogger("portside.http.access")
    access.propagate = False
    access.setLevel(logging.INFO)
    if not access.handlers:
        access.addHandler(logging.StreamHandler())
