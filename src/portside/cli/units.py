"""Read durations, sizes, shares and counts.

In       text that a person wrote: 200ms, 5s, 2m, 1.5; 64k, 1M; 0.05, 5%; 3
Out      seconds; bytes; parts of 1; whole numbers
Fails    click.BadParameter that says how to write one
"""

import re
from typing import TYPE_CHECKING, Any

import click

__all__ = ["Count", "Duration", "Share", "Size", "duration_text", "size_text"]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}

_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?|\.[0-9]{1,12}) ?(ms|s|m|h|)")

_BYTES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}

_SIZE = re.compile(r"([0-9]{1,12}) ?([kmg]?)(?:i?b)?", re.IGNORECASE)

_SHARE = re.compile(r"(-?[0-9]{1,12}(?:\.[0-9]{1,12})?|\.[0-9]{1,12}) ?(%?)")

_LONGEST_SECONDS = 1e9
"""Thirty years, and nothing below overflows on it: setitimer(2) takes 32 bits."""


if TYPE_CHECKING:
    _ParamType = click.ParamType[float, str | float]
    _IntParamType = click.ParamType[int, str | int]
else:
    _ParamType = _IntParamType = click.ParamType  # no generic in click 8.1


class _Named:
    """What help calls the value: its type's name."""

    name: str

    def get_metavar(self, param: click.Parameter, ctx: Any = None) -> str:
        """Return it in capitals."""
        return self.name.upper()


class Duration(_Named, _ParamType):
    """Seconds, with a unit or without.

    Args:
        above_zero: 0 makes no sense here.
    """

    name = "duration"

    def __init__(self, *, above_zero: bool = False) -> None:
        self._above_zero = above_zero

    def convert(
        self,
        value: str | float,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return the seconds."""
        if isinstance(value, float):
            return value
        match = _DURATION.fullmatch(str(value))
        if match is None:
            text = f"{value!r} is no duration (write 200ms, 5s, 2m, or plain seconds)"
            self.fail(text, param, ctx)
        seconds = float(match[1]) * _SECONDS[match[2]]
        if seconds > _LONGEST_SECONDS:
            self.fail(f"{value!r} is over 30 years", param, ctx)
        if self._above_zero and not seconds:
            self.fail(f"{value!r} is no time at all", param, ctx)
        return seconds


class Size(_Named, _IntParamType):
    """Bytes, with a unit (k, M, G: powers of 1024) or without."""

    name = "size"

    def convert(
        self,
        value: str | int,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """Return the bytes."""
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(str(value))
        if match is None:
            text = f"{value!r} is no size (write 64k, 1M, or plain bytes)"
            self.fail(text, param, ctx)
        return int(match[1]) * _BYTES[match[2].lower()]


class Share(_Named, _ParamType):
    """A part of the whole: 0.05, or 5%."""

    name = "share"

    def convert(
        self,
        value: str | float,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return the part; whether there can be such a one, its settings know."""
        if isinstance(value, float):
            return value
        match = _SHARE.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is no share (write 0.05, or 5%)", param, ctx)
        return float(match[1]) / (100 if match[2] else 1)


class Count(click.IntRange):
    """A whole number from 0 up."""

    name = "whole number"

    def __init__(self) -> None:
        super().__init__(min=0)


def duration_text(seconds: float) -> str:
    """Return the seconds as a person would write them.

    >>> duration_text(8.0), duration_text(0.25), duration_text(120.0)
    ('8s', '250ms', '2m')
    """
    for unit in ("h", "m", "s"):
        count = seconds / _SECONDS[unit]
        if count >= 1 and count == int(count):
            return f"{int(count)}{unit}"
    return f"{seconds * 1000:g}ms" if seconds < 1 else f"{seconds:g}s"


def size_text(n_bytes: int) -> str:
    """Return the bytes as a person would write them.

    >>> size_text(65536), size_text(1048576), size_text(8193)
    ('64k', '1M', '8193')
    """
    for unit in ("g", "m", "k"):
        if n_bytes and n_bytes % _BYTES[unit] == 0:
            return (
                f"{n_bytes // _BYTES[unit]}{unit.replace('m', 'M').replace('g', 'G')}"
            )
    return str(n_bytes)
