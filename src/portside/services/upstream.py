"""Where a forwarder sends what it gets, read from text.

In       ``host:port``, ``tcp://host:port``, ``udp://host:port``, ``unix:path``
Out      an endpoint for conns, one for packets, or both
Fails    AddressError, UnknownNetworkError
"""

from dataclasses import dataclass

from portside.errors import AddressError, UnknownNetworkError
from portside.names import (
    PACKET_NETWORKS,
    Endpoint,
    InheritedEndpoint,
    UnixAddress,
    parse_endpoint,
)

__all__ = ["Upstream", "forward_upstream", "parse_upstream"]

PREFIX = "forward:"


@dataclass(frozen=True)
class Upstream:
    """An end that is dialled for every peer.

    Attributes:
        stream: where conns go; None where only packets do.
        packet: where packets go; None where only conns do.
    """

    stream: Endpoint | UnixAddress | None
    packet: Endpoint | None


def parse_upstream(text: str) -> Upstream:
    """Return the endpoints that text names; without a network, those of TCP and UDP.

    >>> parse_upstream("tcp://db.test:5432").stream
    Endpoint(network='tcp', host='db.test', port=5432)
    >>> parse_upstream("192.0.2.1:53").packet
    Endpoint(network='udp', host='192.0.2.1', port=53)

    Raises:
        AddressError: no such endpoint can be dialled.
    """
    endpoint = parse_endpoint(text)
    if isinstance(endpoint, InheritedEndpoint):
        raise UnknownNetworkError(
            f"upstream {text!r}: was inherited, and cannot be dialled"
        )
    if isinstance(endpoint, UnixAddress):
        if endpoint.network in PACKET_NETWORKS:
            raise UnknownNetworkError(
                f"upstream {text!r}: packets are forwarded to udp only"
            )
        return Upstream(endpoint, None)
    if not endpoint.port:
        raise AddressError(f"upstream {text!r}: nobody is at port 0")
    if endpoint.network in PACKET_NETWORKS:
        return Upstream(None, endpoint)
    if endpoint.network:
        return Upstream(endpoint, None)
    host, port = endpoint.host, endpoint.port
    return Upstream(Endpoint("tcp", host, port), Endpoint("udp", host, port))


def forward_upstream(what: str) -> str | None:
    """Return the upstream that a command line names; None where it names none.

    >>> forward_upstream("forward:db.test:5432"), forward_upstream("app.py:chat")
    ('db.test:5432', None)
    """
    return what.removeprefix(PREFIX) if what.startswith(PREFIX) else None
