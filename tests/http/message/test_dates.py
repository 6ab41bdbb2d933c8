"""Dates: the one form that is written, the three that are read."""

import time
from datetime import UTC, datetime

import pytest

from portside.engine import now
from portside.http.message.dates import date_line, date_text, parse_date

MOMENT = 784111777

READ = {
    "Sun, 06 Nov 1994 08:49:37 GMT": MOMENT,
    "Sunday, 06-Nov-94 08:49:37 GMT": MOMENT,
    "Sun Nov  6 08:49:37 1994": MOMENT,
    "Sun Nov 16 08:49:37 1994": MOMENT + 10 * 86400,
    "Thu, 01 Jan 1970 00:00:00 GMT": 0,
    "Wed, 31 Dec 1969 23:59:59 GMT": -1,
    "Thu, 29 Feb 2024 12:00:00 GMT": 1709208000,
    "Fri, 31 Dec 9999 23:59:59 GMT": 253402300799,
    "Sat, 06 Nov 1994 08:49:37 GMT": MOMENT,  # whose day is wrong: the date counts
    "Sat, 31 Dec 2016 23:59:60 GMT": 1483228799,  # a leap second
}


@pytest.mark.parametrize(("text", "seconds"), READ.items(), ids=READ)
def test_a_date_is_read(text, seconds):
    """RFC 9110 section 5.6.7: of the three forms two are obsolete."""
    assert parse_date(text) == seconds


NO_DATES = [
    *("", " ", "0", "never", str(MOMENT), "1994-11-06T08:49:37Z"),
    *("Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC"),
    *("Sun, 06 Nov 1994 08:49:37 +0000", "Sun, 06 Nov 1994 08:49:37 gmt"),
    *("sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 NOV 1994 08:49:37 GMT"),
    *("Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT"),
    *("Sun, 06 Abc 1994 08:49:37 GMT", "Tag, 06 Nov 1994 08:49:37 GMT"),
    *("Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT"),
    *("Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 1994 08:49:99 GMT"),
    *("Sun, 30 Feb 1994 08:49:37 GMT", "Thu, 29 Feb 2023 08:49:37 GMT"),
    *("Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 0000 08:49:37 GMT"),
    *(" Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT "),
    *("Sun, 06 Nov 1994 08:49:37 GMT\n", "Sun, 06 Nov 1994 08:49:37 GMT; length=3"),
    *("Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994"),
    *("Sun Nov  6 08:49:37 1994 GMT", "Sun, 0\u0666 Nov 1994 08:49:37 GMT"),
]


@pytest.mark.parametrize("text", NO_DATES, ids=ascii)
def test_what_is_no_date_is_none(text):
    assert parse_date(text) is None


@pytest.mark.parametrize("ahead", [-49, -30, -1, 0, 1, 30, 49])
def test_a_year_of_two_digits_is_at_most_fifty_years_ahead(ahead):
    """A rule and no year: it holds whenever this is run."""
    year = datetime.now(UTC).year + ahead
    at = datetime(year, 6, 6, 12, tzinfo=UTC)
    text = f"Sunday, 06-Jun-{year % 100:02} 12:00:00 GMT"
    assert parse_date(text) == at.timestamp()


def test_every_day_and_month_is_written_as_it_is_read():
    for day in range(400):
        seconds = MOMENT + day * 86400
        text = date_text(seconds)
        assert len(text) == 29
        assert parse_date(text) == seconds
        assert text == datetime.fromtimestamp(seconds, UTC).strftime(
            "%a, %d %b %Y %H:%M:%S GMT"
        )


def test_parts_of_a_second_are_dropped():
    assert date_text(MOMENT + 0.999) == date_text(MOMENT)


def test_a_date_of_long_ago_has_four_digits_too():
    assert date_text(-62108867423) == "Tue, 06 Nov 0001 08:49:37 GMT"


def test_the_line_of_a_second_is_made_once_and_says_the_present():
    moment = now()
    first = date_line(moment)
    assert date_line(moment) is first
    told = parse_date(first.removeprefix("Date: ").removesuffix("\r\n"))
    assert told is not None
    assert abs(time.time_ns() / 1e9 - told) < 60  # the machine may be busy


def test_when_the_second_is_over_the_line_is_made_anew():
    first = date_line(now())
    again = date_line(now() + 1)
    assert again is not first
    assert date_line(now()) is again
