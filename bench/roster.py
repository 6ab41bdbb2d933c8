"""Who takes part: each server by its name, how to start it, and what it needs.

Out      peers in the order in which they are shown; how to start those that are here
Fails    never: a peer that lacks something is skipped, with the reason
"""

import argparse
import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.building import BuildError, compile_c_peer, compile_go_peer
from portside.models import MODELS

__all__ = ["PEERS", "Commands", "Peer", "named", "prepare"]


class _Missing(Exception):
    """A tool or a library that a peer needs is not here: which, in words."""


@dataclass(frozen=True)
class Peer:
    """A server that is compared.

    Attributes:
        name: as it is shown.
        command: returns what starts it, compiled now where it must be.
    """

    name: str
    command: Callable[[], list[str]]


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


def _c() -> list[str]:
    return [str(compile_c_peer())]


def _go() -> list[str]:
    if shutil.which("go") is None:
        raise _Missing("no go here")
    return [str(compile_go_peer())]


def _python(module: str, *words: str, needs: str = "") -> Callable[[], list[str]]:
    def command() -> list[str]:
        if needs and importlib.util.find_spec(needs) is None:
            raise _Missing(f"{needs} is not installed")
        return [sys.executable, "-m", f"bench.peers.{module}", *words]

    return command


def _portside(model: str) -> Callable[[], list[str]]:
    def command() -> list[str]:
        if model not in MODELS:
            raise _Missing(f"portside has no model {model} yet")
        return [sys.executable, "-m", "bench.peers.portside_model", model]

    return command


PEERS = {
    peer.name: peer
    for peer in (
        Peer("c", _c),
        Peer("go", _go),
        Peer("uvloop-protocol", _python("uvloop_protocol", needs="uvloop")),
        Peer("uvloop-streams", _python("uvloop_streams", needs="uvloop")),
        Peer("asyncio", _python("asyncio_streams")),
        Peer("gevent", _python("gevent_server", needs="gevent")),
        Peer("trio", _python("trio_server", needs="trio")),
        Peer("socketserver-threading", _python("socketserver_echo", "threading")),
        Peer("socketserver-forking", _python("socketserver_echo", "forking")),
        Peer("portside-serial", _portside("serial")),
        Peer("portside-fork", _portside("fork")),
        Peer("portside-thread", _portside("thread")),
        Peer("portside-nonblocking", _portside("nonblocking")),
        Peer("portside-hybrid", _portside("hybrid")),
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


def prepare(peers: Iterable[Peer]) -> Commands:
    """Compile what must be, and say who is here and who is not."""
    commands = Commands({}, {}, {})
    for peer in peers:
        try:
            commands.here[peer.name] = peer.command()
        except _Missing as reason:
            commands.skipped[peer.name] = str(reason)
        except BuildError as error:
            commands.failed[peer.name] = str(error)
    return commands
