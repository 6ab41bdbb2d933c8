"""``python -m bench.dribblers``: what clients notice of others that dribble.

In       models, how many dribble, for how long
Out      for each model the latencies of 50 clients, alone and beside the dribblers
Source   a page opens within some 100 ms for its reader: 10 ms more do not show
Fails    exit 1: a client noticed, was not answered, or was answered wrongly

Each of the 50 has a connection, asks for a page, waits for it and rests for 100 ms: so
they measure how long an answer takes, and not how long the queue of their own is.
The dribblers (`bench.dribbling`) send or read a byte a second each, and come again when
the server has cut them off. The server has its limits as they come, and a core alone.
"""

import argparse
import json
import select
import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench.cores import load_core, on_core
from bench.dribbling import CONNECTS_PER_SECOND
from bench.handlers.slow import mux
from bench.process import Program, ProgramError, Server
from bench.quartiles import quantile
from portside import Server as PortsideServer

__all__ = [
    "Latencies",
    "Measured",
    "ask",
    "cut_off",
    "dribbling",
    "measure",
    "wait_for_all",
]

CLIENTS = 50
REST_SECONDS = 0.1

PATIENCE = 10.0
"""Seconds without an answer after which a client was not answered."""

SPARE_MS = 10.0

COUNTS = {"nonblocking": 2000, "hybrid": 1000, "thread": 500}
"""How many dribble: fewer where each costs a thread, or a share of a core's worker."""

NAME = b"x"
REQUEST = b"GET /hello/%b HTTP/1.1\r\nHost: x\r\n\r\n" % NAME


@dataclass(frozen=True)
class Latencies:
    """What clients waited for their answers, in milliseconds."""

    p50: float
    p99: float
    count: int


@dataclass(frozen=True)
class Measured:
    """Latencies without dribblers and with them, and how many of those were cut off."""

    quiet: Latencies
    loaded: Latencies
    cut: dict[str, int]

    @property
    def is_good(self) -> bool:
        """Whether the clients noticed nothing."""
        limit = max(2 * self.quiet.p99, self.quiet.p99 + SPARE_MS)
        return self.loaded.p99 <= limit


class _Client:
    def __init__(self, port: int, first: float) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.asks_at = first
        self.asked_at: float | None = None

    def ask(self) -> None:
        self.asked_at = time.monotonic()
        self.sock.sendall(REQUEST)

    def latency(self) -> float:
        """Take the answer, and return how long it took."""
        assert self.asked_at is not None
        answer = self.sock.recv(65536)
        taken = time.monotonic() - self.asked_at
        if not (answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b", x!")):
            raise ProgramError(f"a client was answered {answer[:200]!r}")
        self.asks_at, self.asked_at = self.asked_at + taken + REST_SECONDS, None
        return taken


def ask(port: int, seconds: float, clients: int = CLIENTS) -> Latencies:
    """Have clients ask for so long; return what they have waited.

    Raises:
        ProgramError: one was not answered, or wrongly.
    """
    now = time.monotonic()
    each = REST_SECONDS / clients
    crowd = [_Client(port, now + number * each) for number in range(clients)]
    try:
        taken = _ask(crowd, now + seconds)
    except OSError as error:
        raise ProgramError(f"a client was not answered: {error}") from error
    finally:
        for client in crowd:
            client.sock.close()
    return Latencies(
        quantile(taken, 0.5) * 1e3, quantile(taken, 0.99) * 1e3, len(taken)
    )


def _ask(crowd: list[_Client], end: float) -> list[float]:
    taken: list[float] = []
    waiting: dict[int, _Client] = {}
    with select.epoll() as poll:
        for client in crowd:
            poll.register(client.sock, select.EPOLLIN)
        while (now := time.monotonic()) < end or waiting:
            for client in crowd:
                if client.asked_at is None and client.asks_at <= now < end:
                    client.ask()
                    waiting[client.sock.fileno()] = client
                elif client.asked_at is not None and now - client.asked_at > PATIENCE:
                    raise ProgramError(f"no answer for {PATIENCE:.0f} s")
            for number, _ in poll.poll(0.001):
                taken.append(waiting.pop(number).latency())
    return taken


def dribbling(port: int, count: int) -> Program:
    """Return so many dribblers at a port, the first of which come now."""
    command = [sys.executable, "-m", "bench.dribbling", str(port), str(count)]
    return Program("dribblers", command, load_core())


def wait_for_all(program: Program, count: int) -> None:
    """Return when so many dribblers are there.

    Raises:
        ProgramError: one could not connect, or was answered.
    """
    if program.line(PATIENCE + count / CONNECTS_PER_SECOND) != "ready":
        raise program.failed("are not ready")


def cut_off(program: Program) -> Any:
    """Return of each kind of dribblers, how many were cut off and how old they were."""
    program.tell("how many?")
    return json.loads(program.line(PATIENCE))


def measure(model: str, count: int, seconds: float, clients: int = CLIENTS) -> Measured:
    """Measure a model, without dribblers and with so many."""
    command = [sys.executable, "-m", "bench.dribblers", "--serve", model]
    with Server(f"portside-{model}", command) as server, on_core(load_core()):
        ask(server.port, min(seconds, 1.0), clients)  # warm
        quiet = ask(server.port, seconds, clients)
        with dribbling(server.port, count) as program:
            loaded = ask(server.port, seconds, clients)
            wait_for_all(program, count)
            told = cut_off(program)
            program.finish()
    return Measured(quiet, loaded, {kind: cut["count"] for kind, cut in told.items()})


def main(words: list[str]) -> int:
    """Measure what is asked for, and print it; return the exit status."""
    options = _options(words)
    if options.serve:
        _serve(options.serve)
        return 0
    is_good = True
    for model in options.models:
        count = options.count or COUNTS.get(model, 200)
        try:
            measured = measure(model, count, options.seconds)
        except ProgramError as error:
            print(f"{model}: failed: {error}", flush=True)
            is_good = False
            continue
        print("\n".join(_lines(model, count, measured)), flush=True)
        is_good &= measured.is_good
    return 0 if is_good else 1


def _serve(model: str) -> None:
    server = PortsideServer(mux, "tcp://127.0.0.1:0", model=model, backlog=4096)
    server.run(ready=lambda: print(f"port {server.address.port}", flush=True))


def _lines(model: str, count: int, measured: Measured) -> Iterable[str]:
    yield f"{model}: {CLIENTS} clients, and then beside {count} that dribble"
    for name, each in (("alone", measured.quiet), ("beside", measured.loaded)):
        yield (
            f"  {name:6}  p50 {each.p50:7.2f} ms  p99 {each.p99:7.2f} ms"
            f"  {each.count} answers"
        )
    cut = ", ".join(f"{kind} {n}" for kind, n in measured.cut.items())
    yield f"  cut off: {cut}"
    if not measured.is_good:
        yield f"  MISSED: p99 is over twice what it was, and {SPARE_MS:.0f} ms more"


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.dribblers")
    parser.add_argument("--models", nargs="+", default=list(COUNTS), metavar="MODEL")
    parser.add_argument("--count", type=int, help="how many dribble (by the model)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=15.0,
        help="how long clients ask (15: the server cuts off heads after 10)",
    )
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
