"""What is done to each server, and which figures of it are shown.

In       a server that listens, a pace
Out      the figures of one round
Fails    ProgramError, as the load

A server that serves one connection at a time takes part only where there is one. Where
a process for each connection would have to hold 10,000 of them, it takes no part.
Packets make nobody wait for a connection's end, so there all take part who can.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.big_file import BIG_FILE, BIG_FILE_BYTES
from bench.load import Figures, holding_idle, put_load
from bench.memory import memory_of
from bench.process import Server
from bench.roster import PEERS, Service
from bench.routes import asked

__all__ = [
    "BASELINE",
    "BYTES",
    "IDLE_CONNECTIONS",
    "RATE_SHARE",
    "SCENARIOS",
    "Measure",
    "Pace",
    "Scenario",
]

BASELINE = "portside-nonblocking"
"""What the others are compared with, by their CPU time."""

BYTES = 1024
"""Of one message."""

IDLE_CONNECTIONS = 10_000
"""Fewer, where the limit of open files is lower."""

RATE_SHARE = 0.6
"""Of what the C server does at most: what is offered to every server alike."""


@dataclass(frozen=True)
class Pace:
    """How long and how much.

    Attributes:
        seconds: of one round of one server.
        warm_seconds: before it, not counted.
        idle_connections: how many are idle where some are.
        rate: messages a second where that is given.
    """

    seconds: float = 1.0
    warm_seconds: float = 0.25
    idle_connections: int = IDLE_CONNECTIONS
    rate: float = 0.0

    def load(self, server: Server, mode: str, connections: int) -> Figures:
        """Put this pace of messages on a server."""
        rate = [self.rate] if mode == "open" else []
        return self.ask(server, mode, connections, [BYTES, *rate])

    def ask(
        self, server: Server, mode: str, connections: int, words: Sequence[object]
    ) -> Figures:
        """Put this pace of load on a server, in a mode that has words of its own."""
        return put_load(
            server,
            mode,
            connections,
            warm_seconds=self.warm_seconds,
            seconds=self.seconds,
            words=words,
        )


@dataclass(frozen=True)
class Measure:
    """A figure that is shown: its key, its heading, and its decimals."""

    key: str
    title: str
    digits: int = 1


@dataclass(frozen=True)
class Scenario:
    """Something that is done to every server of a list.

    Attributes:
        about: in a sentence, for the page.
        is_fresh: each round has a new server, since memory is asked for.
        at_rate: so many messages a second are offered as the pace says.
        service: which of its peers' programs it runs.
    """

    name: str
    about: str
    peers: tuple[str, ...]
    measure: Callable[[Server, Pace], Figures]
    shown: tuple[Measure, ...]
    is_fresh: bool = False
    at_rate: bool = False
    service: Service = "echo"

    def described(self, pace: Pace) -> str:
        """Return what is done, in a sentence or two, at this pace."""
        return self.about.format(idle=pace.idle_connections, rate=pace.rate)


_CPU = Measure("cpu_us", "CPU µs")
_LATENCIES = (
    Measure("p50_us", "p50 µs", 0),
    Measure("p99_us", "p99 µs", 0),
    Measure("p999_us", "p99.9 µs", 0),
)
_ECHO = (_CPU, Measure("per_second", "messages/s", 0), *_LATENCIES)
_WEB = (_CPU, Measure("per_second", "requests/s", 0), *_LATENCIES)
_FETCH = (
    Measure("cpu_us", "CPU µs", 0),
    Measure("cpu_us_mib", "CPU µs/MiB", 2),
    Measure("mib_per_second", "MiB/s", 0),
    Measure("p50_us", "p50 µs", 0),
)
_CONNECT = (_CPU, Measure("per_second", "connections/s", 0), *_LATENCIES)


def _who(service: Service) -> tuple[str, ...]:
    return tuple(name for name, peer in PEERS.items() if peer.at(service) is not None)


_ALL = _who("echo")
_MANY = tuple(name for name in _ALL if name != "portside-serial")
_WEB_PEERS = tuple(name for name in _who("web") if name != "portside-serial")
_FILES = ("go", "nginx", "portside-thread", BASELINE)
_TENS_OF_THOUSANDS = ("c", "go", "asyncio", "gevent", BASELINE)


def _measure_idle(server: Server, pace: Pace) -> Figures:
    alone = pace.load(server, "closed", 50)
    before = memory_of(server.pid)
    with holding_idle(server, pace.idle_connections):
        after = memory_of(server.pid)
        figures = pace.load(server, "closed", 50)
    count = pace.idle_connections
    return {
        **figures,
        "cpu_us_alone": alone["cpu_us"],
        "idle_ratio": figures["cpu_us"] / alone["cpu_us"],
        "rss_kib_each": (after.rss - before.rss) / count,
        "pss_kib_each": (after.pss - before.pss) / count,
        "rss_mib": after.rss / 1024,
    }


def _measure_fetch(server: Server, pace: Pace) -> Figures:
    figures = pace.ask(server, "fetch", 1, [f"/{BIG_FILE.name}", BIG_FILE])
    mib = BIG_FILE_BYTES / (1 << 20)
    return {
        **figures,
        "mib_per_second": figures["per_second"] * mib,
        "cpu_us_mib": figures["cpu_us"] / mib,
    }


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "echo1",
            "One connection sends 1 KiB, awaits its echo, and sends again.",
            _ALL,
            lambda server, pace: pace.load(server, "closed", 1),
            _ECHO,
        ),
        Scenario(
            "echo50",
            "50 connections do so at once; the server is busy all the time.",
            _MANY,
            lambda server, pace: pace.load(server, "closed", 50),
            _ECHO,
        ),
        Scenario(
            "rate50",
            "50 connections send 1 KiB at fixed times, {rate:,.0f} messages a second "
            "together: 60 % of what the C server did at most at the start of the same "
            "run. Latency counts from when a message was due, not from when it could "
            "be sent.",
            _MANY,
            lambda server, pace: pace.load(server, "open", 50),
            (_CPU, Measure("cpu_share", "of a core", 2), *_LATENCIES),
            at_rate=True,
        ),
        Scenario(
            "connect1",
            "A client connects, has 1 KiB echoed, closes, and does so again.",
            _ALL,
            lambda server, pace: pace.load(server, "connect", 1),
            _CONNECT,
        ),
        Scenario(
            "connect50",
            "50 clients do so at once.",
            _MANY,
            lambda server, pace: pace.load(server, "connect", 50),
            _CONNECT,
        ),
        Scenario(
            "idle",
            "50 busy connections beside {idle:,} that have had one message echoed and "
            "are silent. Memory is what the process gains by an idle connection, "
            "without the kernel's own. Each round has a new server.",
            _TENS_OF_THOUSANDS,
            _measure_idle,
            (
                _CPU,
                Measure("cpu_us_alone", "without idle", 1),
                Measure("idle_ratio", "ratio", 2),
                Measure("rss_kib_each", "KiB each (RSS)", 1),
                Measure("pss_kib_each", "KiB each (PSS)", 1),
            ),
            is_fresh=True,
        ),
        Scenario(
            "packets50",
            "50 clients send a datagram of 1 KiB, await its echo, and send again. One "
            "whose echo has not come within a second counts as lost and is sent again.",
            _who("packets"),
            lambda server, pace: pace.load(server, "packets", 50),
            _ECHO,
            service="packets",
        ),
        Scenario(
            "http50",
            "50 connections that are kept ask for a page, await it, and ask again: a "
            "GET with ten fields, as a browser sends it, by turns to each of twenty "
            "routes; the answer is a greeting with the name that stands in the path.",
            _WEB_PEERS,
            lambda server, pace: pace.ask(server, "web", 50, asked()),
            _WEB,
            service="web",
        ),
        Scenario(
            "file100",
            "One connection fetches a file of 100 MiB that is in the page cache, and "
            "fetches it again; the CPU time is that of one transfer.",
            _FILES,
            _measure_fetch,
            _FETCH,
            service="files",
        ),
    )
}
