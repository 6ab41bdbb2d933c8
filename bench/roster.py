"""Who takes part: each server by its name, how to start it, and what it needs.

Out      peers in the order in which they are shown; how to start those that are here
Fails    never: a peer that lacks something is skipped, with the reason

A peer is one way of writing a server, so it has one name, and a program for each
transport: most for conns (TCP) and for packets (UDP), some for conns alone.
"""

import argparse
import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from bench.building import BuildError, compile_c_peer, compile_go_peer
from portside.models import MODELS

__all__ = ["PEERS", "Commands", "Peer", "Transport", "named", "prepare"]


Transport = Literal["stream", "packet"]
Command = Callable[[], list[str]]


class _Missing(Exception):
    """A tool or a library that a peer needs is not here: which, in words."""


@dataclass(frozen=True)
class Peer:
    """A server that is compared.

    Attributes:
        name: as it is shown.
        stream: returns what starts it for conns, compiled now where it must be.
        packet: the same for packets; None where there is no such thing.
    """

    name: str
    stream: Command
    packet: Command | None = None

    def at(self, transport: Transport) -> Command | None:
        """Return what starts it for conns or for packets."""
        return self.stream if transport == "stream" else self.packet


@dataclass(frozen=True)
class Commands:
    """What starts the peers; by name.

    Attributes:
        here: the commands.
        skipped: why they cannot take part here.
        failed: why they could not be compiled.
    """

    here: dict[str, list[str]]
    skipped: dict[str, str]
    failed: dict[str, str]


def _c(name: str) -> Command:
    return lambda: [str(compile_c_peer(name))]


def _go(name: str) -> Command:
    def command() -> list[str]:
        if shutil.which("go") is None:
            raise _Missing("no go here")
        return [str(compile_go_peer(name))]

    return command


def _python(module: str, *words: str, needs: str = "") -> Command:
    def command() -> list[str]:
        if needs and importlib.util.find_spec(needs) is None:
            raise _Missing(f"{needs} is not installed")
        return [sys.executable, "-m", f"bench.peers.{module}", *words]

    return command


def _portside(model: str) -> Peer:
    def starting(module: str) -> Command:
        def command() -> list[str]:
            if model not in MODELS:
                raise _Missing(f"portside has no model {model} yet")
            return [sys.executable, "-m", f"bench.peers.{module}", model]

        return command

    return Peer(
        f"portside-{model}", starting("portside_model"), starting("portside_packets")
    )


PEERS = {
    peer.name: peer
    for peer in (
        Peer("c", _c("epoll"), _c("packets")),
        Peer("go", _go("goroutines"), _go("packets")),
        Peer(
            "uvloop-protocol",
            _python("uvloop_protocol", needs="uvloop"),
            _python("uvloop_packets", needs="uvloop"),
        ),
        Peer("uvloop-streams", _python("uvloop_streams", needs="uvloop")),
        Peer("asyncio", _python("asyncio_streams"), _python("asyncio_packets")),
        Peer(
            "gevent",
            _python("gevent_server", needs="gevent"),
            _python("gevent_packets", needs="gevent"),
        ),
        Peer("trio", _python("trio_server", needs="trio")),
        Peer(
            "socketserver-threading",
            _python("socketserver_echo", "threading"),
            _python("socketserver_packets"),
        ),
        Peer("socketserver-forking", _python("socketserver_echo", "forking")),
        _portside("serial"),
        _portside("fork"),
        _portside("thread"),
        _portside("nonblocking"),
        _portside("hybrid"),
    )
}


def named(text: str) -> tuple[Peer, ...]:
    """Return the peers of these names, with commas between.

    Raises:
        ArgumentTypeError: a name that no peer has.
    """
    names = text.split(",")
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        known = ", ".join(PEERS)
        raise argparse.ArgumentTypeError(f"no peer {unknown[0]!r}: there are {known}")
    return tuple(peer for name, peer in PEERS.items() if name in names)


def prepare(peers: Iterable[Peer], transport: Transport) -> Commands:
    """Compile what must be for a transport, and say who is here and who is not."""
    commands = Commands({}, {}, {})
    for peer in peers:
        command = peer.at(transport)
        if command is None:
            continue
        try:
            commands.here[peer.name] = command()
        except _Missing as reason:
            commands.skipped[peer.name] = str(reason)
        except BuildError as error:
            commands.failed[peer.name] = str(error)
    return commands
