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


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write rows under heads: ruled on a terminal, plain and aligned elsewhere."""
    if sys.stdout is not None and sys.stdout.isatty():
        _ruled(heads, rows)
    else:
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


def _ruled(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        drawn.add_column(head, overflow="fold")  # an address can be copied whole
    for row in rows:
        drawn.add_row(*row)
    Console(highlight=False, markup=False).print(drawn)
    sys.stdout.flush()


def _aligned(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [[head.upper() for head in heads], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        say("  ".join(cells).rstrip())
