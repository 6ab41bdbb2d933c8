"""Who takes part: each server by its name, how to start it, and what it needs.

Out      peers in the order in which they are shown; how to start those that are here
Fails    never: a peer that lacks something is skipped, with the reason

A peer is one way of writing a server, so it has one name, and a program for each
service that it can give: an echo over conns (TCP), the same over packets (UDP), web
pages, files.
"""

import argparse
import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from bench.big_file import big_file
from bench.building import BuildError, compile_c_peer, compile_go_peer
from bench.routes import ROUTES
from portside.models import MODELS

__all__ = ["PEERS", "Commands", "Peer", "Service", "named", "prepare"]


Service = Literal["echo", "packets", "web", "files"]
Command = Callable[[], list[str]]


class _Missing(Exception):
    """A tool or a library that a peer needs is not here: which, in words."""


@dataclass(frozen=True)
class Peer:
    """A server that is compared.

    Each command returns what starts it, compiled now where it must be; None where there
    is no such program.

    Attributes:
        name: as it is shown.
        echo: for conns.
        packets: an echo too.
        web: the twenty pages of `routes`.
        files: those of the directory of the big file.
    """

    name: str
    echo: Command | None = None
    packets: Command | None = None
    web: Command | None = None
    files: Command | None = None

    def at(self, service: Service) -> Command | None:
        """Return what starts it for a service."""
        commands: dict[Service, Command | None] = {
            "echo": self.echo,
            "packets": self.packets,
            "web": self.web,
            "files": self.files,
        }
        return commands[service]


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


def _go(name: str, *words: str, big: bool = False) -> Command:
    def command() -> list[str]:
        if shutil.which("go") is None:
            raise _Missing("no go here")
        return [str(compile_go_peer(name)), *words, *_folder(big)]

    return command


def _python(module: str, *words: str, needs: str = "") -> Command:
    def command() -> list[str]:
        for each in needs.split():
            if importlib.util.find_spec(each) is None:
                raise _Missing(f"{each} is not installed")
        return [sys.executable, "-m", f"bench.peers.{module}", *words]

    return command


def _nginx(module: str, *, big: bool = False) -> Command:
    def command() -> list[str]:
        if shutil.which("nginx") is None:
            raise _Missing("no nginx here")
        return [sys.executable, "-m", f"bench.peers.{module}", *_folder(big)]

    return command


def _portside(model: str) -> Peer:
    def starting(module: str, *, big: bool = False) -> Command:
        def command() -> list[str]:
            if model not in MODELS:
                raise _Missing(f"portside has no model {model} yet")
            program = [sys.executable, "-m", f"bench.peers.{module}", model]
            return program + _folder(big)

        return command

    return Peer(
        f"portside-{model}",
        starting("portside_model"),
        starting("portside_packets"),
        starting("portside_web"),
        starting("portside_files", big=True),
    )


def _folder(big: bool) -> list[str]:
    """Return the directory of the big file as a word, where it is wanted."""
    return [str(big_file().parent)] if big else []


PEERS = {
    peer.name: peer
    for peer in (
        Peer("c", _c("epoll"), _c("packets")),
        Peer(
            "go",
            _go("goroutines"),
            _go("packets"),
            _go("web", *ROUTES),
            _go("files", big=True),
        ),
        Peer("nginx", web=_nginx("nginx_web"), files=_nginx("nginx_files", big=True)),
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
        Peer("bjoern", web=_python("bjoern_web", needs="bjoern")),
        Peer(
            "granian-asgi", web=_python("granian_web", "asgi", needs="granian uvloop")
        ),
        Peer("granian-wsgi", web=_python("granian_web", "wsgi", needs="granian")),
        Peer("uvicorn", web=_python("uvicorn_web", needs="uvicorn httptools uvloop")),
        Peer(
            "gunicorn-gevent",
            web=_python("gunicorn_web", "gevent", needs="gunicorn gevent"),
        ),
        Peer(
            "gunicorn-gthread", web=_python("gunicorn_web", "gthread", needs="gunicorn")
        ),
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


def prepare(peers: Iterable[Peer], service: Service) -> Commands:
    """Compile what must be for a service, and say who is here and who is not."""
    commands = Commands({}, {}, {})
    for peer in peers:
        command = peer.at(service)
        if command is None:
            continue
        try:
            commands.here[peer.name] = command()
        except _Missing as reason:
            commands.skipped[peer.name] = str(reason)
        except BuildError as error:
            commands.failed[peer.name] = str(error)
    return commands
