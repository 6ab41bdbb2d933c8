"""Turn a host into the addresses to try, and an address into a name.

In       a host (a name, an address, or nothing) and a port
Out      addresses, in the order in which they are to be tried; for an address its name
Source   getaddrinfo(3), getnameinfo(3)
Holds    nothing; at most `MAX_RESOLVING` lookups run at once
Fails    ResolveError: the name has no address of this network, or nobody answered;
         DeadlineError, Cancelled: the lookup goes on alone and is forgotten

``getaddrinfo`` cannot be interrupted. Where the caller is bound by a deadline, or
shares its thread with other tasks, it runs on a thread of its own; else right here, so
that a process that must not have a second thread does not get one.

The order is the one in which they were answered, by the system or by a resolver of the
caller's own. `ranking` says why that is, and what the order means.
"""

import socket
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from portside.engine import Offloader, checkpoint, may_block
from portside.errors import AddressError, ResolveError, from_os_error
from portside.names import IPAddress, parse_ip
from portside.net.target import sockaddr_of

__all__ = ["MAX_RESOLVING", "Resolver", "ask", "resolve", "reverse"]

MAX_RESOLVING = 8
"""Lookups at once: a guess, never measured."""

Resolver = Callable[[str, str], Sequence[str]]
"""Takes a host name and a network; returns addresses as text, best first."""

_offload = Offloader(MAX_RESOLVING)

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def resolve(
    network: str, host: str, port: int, resolver: Resolver | None = None
) -> list[IPAddress]:
    """Return the addresses of host on this network, each with the port.

    Args:
        host: a name or an address; empty is this host, by its loopback addresses.
        resolver: who is asked for a name; None is the system.

    Raises:
        ResolveError: no address of this network.
    """
    if not host:
        host = "::1" if network.endswith("6") else "127.0.0.1"
    try:
        return _resolve(network, host, port, resolver)
    except OSError as error:
        located = from_os_error(error, op="resolve", network=network, remote=host)
        if located is error:
            raise
        raise located from error


def reverse(ip: str) -> str:
    """Return the name that the system has for an address, from a file or from DNS.

    Anybody may name an address of his own as he likes: it is a hint to people, and
    proves nothing.

    Raises:
        ResolveError: it has none.
        AddressError: it is not an address, or its zone is not on this host.
    """
    address = IPAddress("udp", ip, 0)
    try:
        name, _ = ask(socket.getnameinfo, sockaddr_of(address), socket.NI_NAMEREQD)
    except OSError as error:
        located = from_os_error(error, op="resolve", network="", remote=address.host)
        if located is error:
            raise
        raise located from error
    return str(name)


def ask(
    function: Callable[Given, Answer], *args: Given.args, **kwargs: Given.kwargs
) -> Answer:
    """Call what blocks while it asks somebody, where it holds up nobody.

    Raises:
        DeadlineError: the bound of a block around came first.
        Cancelled: this task is told to end.
    """
    if checkpoint() is None and may_block():
        return function(*args, **kwargs)
    return _offload(function, *args, **kwargs)


def _resolve(
    network: str, host: str, port: int, resolver: Resolver | None
) -> list[IPAddress]:
    if (ip := parse_ip(host)) is not None:
        texts: Sequence[str] = [ip]
    elif resolver is not None:
        texts = resolver(host, network)
    else:
        texts = ask(_ask_system, host, network)
    addresses = [_address(network, text, port) for text in texts]
    if network.endswith(("4", "6")):
        wants_ipv6 = network.endswith("6")
        addresses = [each for each in addresses if each.is_ipv6 == wants_ipv6]
    if not addresses:
        raise ResolveError(f"{host!r} has no address for network {network}")
    return list(dict.fromkeys(addresses))


def _ask_system(host: str, network: str) -> list[str]:
    families = {"4": socket.AF_INET, "6": socket.AF_INET6}
    family = families.get(network[-1:], socket.AF_UNSPEC)
    try:
        found = socket.getaddrinfo(host, None, family, socket.SOCK_STREAM)
    except UnicodeError as error:
        raise AddressError(f"host {host!r}: {error}") from error
    return [_numeric(sockaddr) for *_, sockaddr in found]


def _numeric(sockaddr: tuple[object, ...]) -> str:
    ip = str(sockaddr[0])
    if len(sockaddr) == 4 and sockaddr[3] and "%" not in ip:
        return f"{ip}%{sockaddr[3]}"
    return ip


def _address(network: str, text: str, port: int) -> IPAddress:
    ip = parse_ip(text)
    if ip is None:
        raise AddressError(f"the resolver gave {text!r}, which is no address")
    ip, _, zone = ip.partition("%")
    return IPAddress(network, ip, port, zone)
