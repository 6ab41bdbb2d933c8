"""Forward: give each peer a conversation with another server, as bad as you like.

In       an upstream, and how to treat its peers
Out      a service: conns and packets of its peers go there, and the answers come back
Source   design of a conn's end for streams (`relay`); RFC 4787 for packets (`sessions`)
Holds    for each stream a conn to upstream; for packets what `sessions` holds
Fails    AddressError, ValueError: from `forward`, before anybody is served

A client whose upstream cannot be dialled is reset, and not closed: an end would be an
empty answer, and a reset is what it would get of a server that is gone. (Over a Unix
socket the kernel tells no reset: there it sees an end.) When the server stops,
conversations go on within the grace, as nobody here knows where one might end.

``reset_after`` is what toxiproxy's users know as reset_peer: seconds after which each
connection is reset on both sides. Packets have nothing to reset, and pass.

Fates: each stream has lanes of its own, and the n-th one always has the same, in the
order in which one process takes them. Under fork each is its process's first, so all
have the same fates. The packets of a service share two lanes, also for their rate.
"""

import itertools
import logging
from collections.abc import Callable
from typing import Any

from portside.engine import timeout
from portside.errors import Error
from portside.names import Endpoint, UnixAddress
from portside.net import Conn, Packet, dial
from portside.server import Service
from portside.server.bounded_log import BoundedLog
from portside.services.forward_settings import ForwardSettings
from portside.services.lane import Lane
from portside.services.relay import Relay
from portside.services.sessions import Sessions
from portside.services.upstream import parse_upstream

__all__ = ["forward"]

_log = logging.getLogger("portside.services")


def forward(upstream: str, **settings: Any) -> Service:
    """Return a service that forwards to upstream.

    >>> forward("127.0.0.1:8080").transports
    ('tcp', 'udp')
    >>> forward("unix:/run/app.sock", delay=0.1).transports
    ('tcp',)

    Args:
        upstream: ``tcp://host:port``, ``udp://host:port``, ``unix:path``, or
            ``host:port`` for TCP and UDP. A name is looked up for each peer.
        settings: what `ForwardSettings` lists.

    Raises:
        AddressError: no such upstream can be dialled.
        ValueError: a setting that cannot be.
    """
    to = parse_upstream(upstream)
    options = ForwardSettings(**settings)
    return Service(
        dials=1,
        stream=None if to.stream is None else _stream_handler(to.stream, options),
        packet=None if to.packet is None else _packet_handler(to.packet, options),
    )


def _stream_handler(
    upstream: Endpoint | UnixAddress, settings: ForwardSettings
) -> Callable[[Conn], None]:
    numbers = itertools.count()
    troubles = BoundedLog()

    def forward_stream(conn: Conn) -> None:
        peer = f"{conn.network} {conn.local_address}->{conn.remote_address}"
        try:
            far = dial(upstream, timeout=settings.dial_timeout)
        except Error as error:
            conn.abort()
            troubles.warn(peer, f"not forwarded: {error}")
            return
        lanes = _lanes(settings, f"stream {next(numbers)}") if settings.is_bad else None
        with far, timeout(settings.reset_after):
            broke = Relay(conn, far, settings.idle_timeout, lanes).run()
        if broke is not None:
            _log.debug("%s: forwarded to %s: %s", peer, upstream, broke)

    return forward_stream


def _packet_handler(
    upstream: Endpoint, settings: ForwardSettings
) -> Callable[[Packet], None]:
    lanes = _lanes(settings, "packets")
    # One for each socket that packets come by: only it can send the answers.
    found: dict[int, Sessions] = {}

    def forward_packet(packet: Packet) -> None:
        source = packet.source
        sessions = found.get(id(source))
        if sessions is None:
            ours = Sessions(upstream, settings, lanes)
            sessions = found.setdefault(id(source), ours)
            if sessions is ours:
                source.when_over(lambda: _end(found, id(source)))
        sessions.forward(packet)

    return forward_packet


def _end(found: dict[int, Sessions], source: int) -> None:
    sessions = found.pop(source, None)
    if sessions is not None:
        sessions.end()


def _lanes(settings: ForwardSettings, name: str) -> tuple[Lane, Lane]:
    return Lane(settings, f"{name} there"), Lane(settings, f"{name} back")
