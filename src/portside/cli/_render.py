"""Show things: the only file that prints.

In       text, rows, objects
Out      stdout for what was asked for, stderr for what went wrong; flushed at once, so
         that a program that reads us through a pipe sees each line when it is written
Holds    nothing
Fails    never: nobody is left to tell when the reader of a pipe has gone

Each line on stderr is one write, so that processes and threads that share it do not
break into each other's lines.
"""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["complain", "facts", "json_line", "say", "table", "trace_line"]

_WIDEST = 10_000
"""Columns that no terminal has: a guess, never measured."""


def say(text: str) -> None:
    """Write a line, or several, to stdout."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        close_stdout()


def json_line(told: dict[str, Any]) -> None:
    """Write an object to stdout, in one line."""
    say(json.dumps(told))


def complain(text: str) -> None:
    """Write what went wrong to stderr, as one line."""
    trace_line(f"portside: {' '.join(text.split())}")


def trace_line(text: str) -> None:
    """Write a line to stderr, in one piece."""
    try:
        os.write(2, f"{text}\n".encode(errors="backslashreplace"))
    except OSError:
        pass  # stderr is closed: that is how somebody said that he does not look


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, whole: Sequence[str] = ()
) -> None:
    """Write rows under heads: ruled on a terminal, plain and aligned elsewhere.

    Args:
        whole: the heads of columns that are copied from: no rule breaks their lines.
            On a terminal too narrow for that, the table is plain there as well.
    """
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    if not is_terminal or not _ruled(heads, rows, whole):
        _aligned(heads, rows)


def facts(rows: Sequence[tuple[str, str]]) -> None:
    """Write what is said of one thing: a word and its answer in each line."""
    width = max(len(word) for word, _ in rows)
    for word, said in rows:
        say(f"  {word.ljust(width)}  {said}")


def close_stdout() -> None:
    """Drop what may still be written to stdout, as its reader has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _ruled(
    heads: Sequence[str], rows: Sequence[Sequence[str]], whole: Sequence[str]
) -> bool:
    """Write the table, unless it is too wide; return whether it was written.

    A terminal that breaks a plain line knows that it was one, and gives it back whole
    to who copies it; a cell that is broken here is broken for good.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        drawn.add_column(head, overflow="fold", no_wrap=head in whole)
    for row in rows:
        drawn.add_row(*row)
    console = Console(highlight=False, markup=False)
    widest = console.options.update_width(_WIDEST)  # or it measures what is left of it
    if whole and console.measure(drawn, options=widest).minimum > console.width:
        return False
    console.print(drawn)
    sys.stdout.flush()
    return True


def _aligned(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [[head.upper() for head in heads], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        say("  ".join(cells).rstrip())
