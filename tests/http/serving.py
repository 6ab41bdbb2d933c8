"""Serve a function of a request, as these tests do it again and again.

In       a function, a model, limits
Out      a server at a port of its own
Fails    as `portside.Server` does
"""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from portside import Server
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.settings import HttpSettings
from portside.http.web import Web, handler

__all__ = [
    "SLOWNESS",
    "asking",
    "lines_of",
    "logged",
    "note",
    "serving",
    "wait_until",
]

SLOWNESS = float(os.environ.get("PORTSIDE_TEST_SLOWNESS", "1"))
"""By how much this machine is slower than others: where time itself is the subject."""


@contextlib.contextmanager
def serving(
    function: Callable[[Request], Response] | Web,
    model: str,
    *,
    grace: float = 8.0,
    **limits: Any,
) -> Iterator[Server]:
    """Serve while the block runs.

    Args:
        limits: fields of `HttpSettings`.
    """
    web = handler(function, settings=HttpSettings(**limits))
    workers = {"workers": 2} if model == "hybrid" else {}
    server = Server(web, "tcp://127.0.0.1:0", model=model, grace=grace, **workers)
    with server:
        yield server


def asking(target: str, *fields: str, method: str = "GET", body: bytes = b"") -> bytes:
    """Return a request."""
    lines = [f"{method} {target} HTTP/1.1", "Host: x", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@contextlib.contextmanager
def logged() -> Iterator[None]:
    """Let what is logged go to stderr, where a forked child's goes too: for `capfd`.

    Not what the engine says: on a machine that does something else as well, its
    watchdog may find that a task has held up its hub.
    """
    stream = logging.StreamHandler()
    stream.setLevel(logging.WARNING)
    loggers = [logging.getLogger(f"portside.{room}") for room in ("http", "server")]
    for logger in loggers:
        logger.addHandler(stream)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(stream)


def wait_until(condition: Callable[[], object]) -> None:
    """Return when the condition is true."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


def lines_of(path: Path) -> list[str]:
    """Return what handlers, in whatever process, have written to a file."""
    return path.read_text().splitlines() if path.exists() else []


def note(path: Path, line: str) -> None:
    """Write a line to a file, in one piece whoever else does."""
    with path.open("a") as file:
        file.write(f"{line}\n")
