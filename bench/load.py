"""Put load on a server, and count what that cost it.

In       a server that listens, a plan
Out      the figures of one round: messages, CPU microseconds for each, latencies
Fails    ProgramError: the server or the load failed, or a byte came back wrong

The load warms up and waits; the server's CPU clock is read; the load measures and says
how it went; the clock is read again. So what is counted is the messages alone.
"""

import contextlib
import json
from collections.abc import Iterator, Sequence

from bench.building import LOAD
from bench.clock import settled_cpu_seconds
from bench.cores import load_core
from bench.process import Program, Server

__all__ = ["Figures", "holding_idle", "put_load"]

Figures = dict[str, float]
"""What one round gave, by name."""

SPARE_SECONDS = 60.0
"""What the load may take beyond its plan: it gives up by itself at 30 s of silence."""


def put_load(
    server: Server,
    mode: str,
    connections: int,
    *,
    warm_seconds: float,
    seconds: float,
    words: Sequence[object] = (),
) -> Figures:
    """Run the load once, in a mode of its own, with its words (see its main.c)."""
    plan = [mode, server.port, connections, warm_seconds, seconds, *words]
    with _load(plan) as load:
        _ready(load, warm_seconds)
        before = settled_cpu_seconds(server.pid)
        load.tell("go")
        told = json.loads(load.line(seconds + SPARE_SECONDS))
        after = settled_cpu_seconds(server.pid)
        load.finish()
    messages, elapsed = told["messages"], told["seconds"]
    return {
        **told,
        "per_second": messages / elapsed,
        "kept": messages / max(1, told["offered"]),
        "busy_share": told["kept_waiting"] / elapsed,
        "cpu_us": (after - before) * 1e6 / max(1, messages),
        "cpu_share": (after - before) / elapsed,
    }


@contextlib.contextmanager
def holding_idle(server: Server, connections: int) -> Iterator[None]:
    """Hold connections that have said something once, while the block runs.

    Raises:
        ProgramError: one did not get its echo, or did not stay open.
    """
    with _load(["idle", server.port, connections]) as load:
        _ready(load, SPARE_SECONDS)
        yield
        load.tell("all open?")
        if load.line(SPARE_SECONDS) != "open":
            raise load.failed("said something else")
        load.finish()


def _load(words: list[object]) -> Program:
    return Program("load", [str(LOAD), *map(str, words)], load_core())


def _ready(load: Program, seconds: float) -> None:
    said = load.line(seconds + SPARE_SECONDS)
    if said != "ready":
        raise load.failed(f"said {said!r}")
