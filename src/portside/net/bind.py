"""Bind sockets to an endpoint: which addresses, which families, one port for all.

In       an endpoint, and what opens and binds a socket at one address
Out      the sockets, all at one port
Source   bind(2), ipv6(7); Go's net for the choice of family
Holds    nothing
Fails    InUseError, DeniedError, ResolveError: with the address they are about; then
         nothing stays open
"""

import errno
import socket
from collections.abc import Callable
from typing import TypeVar

from portside.engine import Descriptor
from portside.errors import Error, InUseError, from_os_error
from portside.names import (
    Endpoint,
    IPAddress,
    is_unspecified,
    join_host_port,
    parse_ip,
)
from portside.net.resolve import Resolver, resolve
from portside.net.target import Control, sockaddr_of

__all__ = ["bind_at", "bind_everywhere"]

SAME_PORT_TRIES = 10
"""How often to look for a port that is free at every address: a guess."""

Bound = TypeVar("Bound", bound=Descriptor)


def bind_everywhere(
    endpoint: Endpoint,
    resolver: Resolver | None,
    open_at: Callable[[IPAddress, bool], Bound],
    *,
    at_most: int | None = None,
) -> list[Bound]:
    """Bind a socket at each address of the endpoint's host, all at one port.

    Args:
        open_at: opens, prepares and binds one; it is told whether this is the address
            that stands for all, of IPv6 and of IPv4 in one socket.
        at_most: at the first so many addresses; None is all.
    """
    places = _places(endpoint, resolver)[:at_most]
    tries = SAME_PORT_TRIES if endpoint.port == 0 and len(places) > 1 else 1
    while True:
        tries -= 1
        try:
            return _open_all(places, open_at)
        except InUseError:
            if not tries:
                raise  # the port that the first place got is taken at another


def bind_at(
    descriptor: Descriptor,
    at: IPAddress,
    control: Control | None,
    *,
    is_dual: bool,
) -> None:
    """Bind a new socket at one address; `control` is called just before."""
    sock = descriptor.socket
    if at.is_ipv6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not is_dual)
    if control is not None:
        protocol = at.network.rstrip("46")
        control(f"{protocol}{6 if at.is_ipv6 else 4}", at, sock)
    descriptor.bind(sockaddr_of(at))


def _places(endpoint: Endpoint, resolver: Resolver | None) -> list[IPAddress]:
    network, host, port = endpoint.network, endpoint.host, endpoint.port
    ip = parse_ip(host) if host else "::"
    if ip is not None and is_unspecified(ip.partition("%")[0]):
        if network.endswith("4") or (_is_plain(network) and not socket.has_ipv6):
            return [IPAddress(network, "0.0.0.0", port)]
        return [IPAddress(network, "::", port)]
    try:
        return resolve(network, host, port, resolver)
    except Error as error:
        error.op, error.network, error.remote = "listen", network, None
        error.local = join_host_port(host, port)
        raise


def _is_plain(network: str) -> bool:
    return network in ("tcp", "udp")


def _open_all(
    places: list[IPAddress], open_at: Callable[[IPAddress, bool], Bound]
) -> list[Bound]:
    opened: list[Bound] = []
    port = places[0].port
    try:
        for place in places:
            at = IPAddress(place.network, place.ip, port, place.zone)
            opened.append(_open_either(at, open_at))
            port = opened[0].socket.getsockname()[1]
    except BaseException:
        for descriptor in opened:
            descriptor.close()
        raise
    return opened


def _open_either(at: IPAddress, open_at: Callable[[IPAddress, bool], Bound]) -> Bound:
    is_dual = _is_plain(at.network) and at.ip == "::"
    try:
        return _open(at, open_at, is_dual)
    except OSError as error:
        no_ipv6 = error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
        if is_dual and no_ipv6:  # a kernel without IPv6, or one told to have none
            any_ipv4 = IPAddress(at.network, "0.0.0.0", at.port)
            return _open(any_ipv4, open_at, False)
        raise


def _open(
    at: IPAddress, open_at: Callable[[IPAddress, bool], Bound], is_dual: bool
) -> Bound:
    try:
        return open_at(at, is_dual)
    except OSError as error:
        located = from_os_error(error, op="listen", network=at.network, local=at)
        if located is error:
            raise
        raise located from error
