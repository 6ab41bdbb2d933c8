"""Dates as HTTP writes them.

In       seconds since the epoch; text
Out      ``Sun, 06 Nov 1994 08:49:37 GMT``; seconds since the epoch
Source   RFC 9110 sections 5.6.7 and 6.6.1
Holds    the line of the second that runs: servers say it with every answer
Fails    never: a date that is none is None
"""

import re
import time
from calendar import timegm
from datetime import UTC, datetime

__all__ = ["date_line", "date_text", "parse_date"]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip

# IMF-fixdate, and the two obsolete forms that a recipient must still read.
_IMF = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_RFC850 = re.compile(
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, "
    r"([0-9]{2})-([A-Z][a-z]{2})-([0-9]{2}) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_ASCTIME = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2}) ([ 0-9][0-9]) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2}) ([0-9]{4})"
)


def date_text(seconds: float) -> str:
    """Return a moment as HTTP writes it.

    >>> date_text(784111777)
    'Sun, 06 Nov 1994 08:49:37 GMT'
    """
    at = datetime.fromtimestamp(int(seconds), UTC)
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04} "
        f"{at.hour:02}:{at.minute:02}:{at.second:02} GMT"
    )


def date_line(moment: float) -> str:
    r"""Return the field that says what time it is, ``\r\n`` and all.

    It is made anew when the second is over.

    Args:
        moment: the present, on the clock of `portside.now`.
    """
    global _last
    if moment >= _last[0]:
        # Of the wall: a date is what a calendar says.
        present = time.time_ns() / 1e9
        over_at = moment + 1 - present % 1
        _last = (over_at, f"Date: {date_text(present)}\r\n")
    return _last[1]


_last = (float("-inf"), "")  # one assignment: threads may race, and agree


def parse_date(text: str) -> int | None:
    """Return the seconds since the epoch of a date; None for what is no date.

    >>> parse_date("Sun, 06 Nov 1994 08:49:37 GMT")
    784111777
    >>> parse_date("Sunday, 06-Nov-94 08:49:37 GMT")
    784111777
    >>> parse_date("Sun Nov  6 08:49:37 1994")
    784111777
    """
    if match := _IMF.fullmatch(text):
        day, month, year, hour, minute, second = match.groups()
    elif match := _RFC850.fullmatch(text):
        day, month, year, hour, minute, second = match.groups()
        # The century that puts it nearest, but no more than 50 years ahead.
        this_year = datetime.now(UTC).year
        full = this_year - this_year % 100 + int(year)
        year = str(full - 100 if full > this_year + 50 else full)
    elif match := _ASCTIME.fullmatch(text):
        month, day, hour, minute, second, year = match.groups()
    else:
        return None
    if month not in _MONTHS:
        return None
    if second == "60":  # a leap second
        second = "59"
    try:
        at = datetime(
            int(year),
            _MONTHS.index(month) + 1,
            int(day),
            int(hour),
            int(minute),
            int(second),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return timegm(at.utctimetuple())
