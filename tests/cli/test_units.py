"""Durations and sizes: what is read, what is refused, and how they are written."""

import click
import pytest

from portside.cli.units import Duration, Share, Size, duration_text, size_text

READ = {
    "200ms": 0.2,
    "5s": 5.0,
    "2m": 120.0,
    "1h": 3600.0,
    "5": 5.0,
    "0.5": 0.5,
    ".5s": 0.5,
    "1.5m": 90.0,
    "5 s": 5.0,
    "0": 0.0,
    "0ms": 0.0,
    "1000000000s": 1e9,
}


@pytest.mark.parametrize(("text", "seconds"), READ.items(), ids=READ)
def test_a_duration_is_read(text, seconds):
    assert Duration().convert(text, None, None) == pytest.approx(seconds)


SHARES = {"0.05": 0.05, "5%": 0.05, "5 %": 0.05, "100%": 1.0, ".5": 0.5, "0": 0.0}


@pytest.mark.parametrize(("text", "share"), SHARES.items(), ids=SHARES)
def test_a_share_is_read(text, share):
    assert Share().convert(text, None, None) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "five", "1e3", "0.5.5", "5%%", "nan"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(click.BadParameter, match="is no share"):
        Share().convert(text, None, None)


REFUSED = [
    *("", " ", "s", "5x", "5sec", "-1", "-1s", "+5", "1e3", "1_000", "0x5", "5ss"),
    *("inf", "nan", "5.", "1m30s", "5s ", " 5s", "\u0665", "\u0665s", "5S", "9" * 400),
    *("1000000001s", "999999999999h"),
]


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_refused(text):
    with pytest.raises(click.BadParameter):
        Duration().convert(text, None, None)


@pytest.mark.parametrize("text", ["0", "0s", "0.0ms"])
def test_zero_is_refused_where_it_makes_no_sense(text):
    with pytest.raises(click.BadParameter, match="no time at all"):
        Duration(above_zero=True).convert(text, None, None)


def test_seconds_that_were_read_already_stay():
    assert Duration().convert(8.0, None, None) == 8.0


WRITTEN = {
    8.0: "8s",
    0.25: "250ms",
    120.0: "2m",
    3600.0: "1h",
    90.0: "90s",
    2.5: "2.5s",
}


@pytest.mark.parametrize(("seconds", "text"), WRITTEN.items(), ids=WRITTEN.values())
def test_a_duration_is_written_and_read_back(seconds, text):
    assert duration_text(seconds) == text
    assert Duration().convert(text, None, None) == seconds


def test_no_time_is_written_too():
    assert Duration().convert(duration_text(0.0), None, None) == 0.0


SIZES = {"0": 0, "512": 512, "64k": 65536, "1M": 2**20, "2 GiB": 2**31, "3kb": 3072}


@pytest.mark.parametrize(("text", "n_bytes"), SIZES.items(), ids=SIZES)
def test_a_size_has_a_unit_or_not(text, n_bytes):
    assert Size().convert(text, None, None) == n_bytes


@pytest.mark.parametrize("text", ["", "k", "-1", "1.5k", "1 x", "1kk"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(click.BadParameter, match="is no size"):
        Size().convert(text, None, None)


SIZES_WRITTEN = {
    0: "0",
    1: "1",
    1023: "1023",
    1024: "1k",
    1025: "1025",
    8193: "8193",
    65536: "64k",
    2**20: "1M",
    2**20 + 1024: "1025k",
    2**31: "2G",
    2**40: "1024G",
}


@pytest.mark.parametrize(
    ("n_bytes", "text"), SIZES_WRITTEN.items(), ids=SIZES_WRITTEN.values()
)
def test_a_size_is_written_and_read_back(n_bytes, text):
    assert size_text(n_bytes) == text
    assert Size().convert(text, None, None) == n_bytes
