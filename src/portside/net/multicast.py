"""Multicast groups: be a member, and say how packets to a group leave.

In       a datagram socket, a group's address, the name of an interface
Source   ip(7), ipv6(7), RFC 1112, RFC 3493 section 5.2
Fails    AddressError: no group, or no interface of this name; OSError as the kernel
         gives it

Membership belongs to an interface, not to a host: the same group may mean others on
another link. Without one the kernel takes the one that its routes name, and on a host
without such a route there is none (ENODEV).

A dual-stack socket is a member of groups of both families, and sends to both.
"""

import errno
import socket
import struct

from portside.errors import AddressError, Error
from portside.names import is_multicast, parse_ip

__all__ = ["join_group", "leave_group", "set_multicast"]

_REQUEST = struct.Struct("@4s4si")  # struct ip_mreqn: group, local address, interface
_REQUEST6 = struct.Struct("@16si")  # struct ipv6_mreq: group, interface

_JOIN = (socket.IP_ADD_MEMBERSHIP, socket.IPV6_JOIN_GROUP)
_LEAVE = (socket.IP_DROP_MEMBERSHIP, socket.IPV6_LEAVE_GROUP)

_SAID = {
    errno.EADDRINUSE: "joined already, on this interface",
    errno.EADDRNOTAVAIL: "not joined, on this interface",
    errno.ENODEV: "no route to it: name an interface",
}
"""What the kernel says of a group in numbers that mean something else elsewhere."""


def join_group(sock: socket.socket, group: str, interface: str) -> None:
    """Hear what is sent to a group; an empty interface lets the routes choose."""
    try:
        _ask(sock, _JOIN, group, interface)
    except OSError as error:
        raise _in_words(error, group) from error


def leave_group(sock: socket.socket, group: str, interface: str) -> None:
    """Hear the group no more."""
    try:
        _ask(sock, _LEAVE, group, interface)
    except OSError as error:
        raise _in_words(error, group) from error


def set_multicast(
    sock: socket.socket,
    interface: str | None,
    max_hops: int | None,
    hear_own: bool | None,
) -> None:
    """Say how packets to a group are sent; None leaves one as it is."""
    if max_hops is not None and not 0 <= max_hops <= 255:
        raise ValueError(f"max_hops must be in 0-255, not {max_hops}")
    index = None if interface is None else _index(interface)
    if sock.family == socket.AF_INET6:
        level = socket.IPPROTO_IPV6
        if index is not None:
            sock.setsockopt(level, socket.IPV6_MULTICAST_IF, index)
        if max_hops is not None:
            sock.setsockopt(level, socket.IPV6_MULTICAST_HOPS, max_hops)
        if hear_own is not None:
            sock.setsockopt(level, socket.IPV6_MULTICAST_LOOP, hear_own)
    if _has_ipv4(sock):
        level = socket.IPPROTO_IP
        if index is not None:
            request = _REQUEST.pack(bytes(4), bytes(4), index)
            sock.setsockopt(level, socket.IP_MULTICAST_IF, request)
        if max_hops is not None:
            sock.setsockopt(level, socket.IP_MULTICAST_TTL, max_hops)
        if hear_own is not None:
            sock.setsockopt(level, socket.IP_MULTICAST_LOOP, hear_own)


def _ask(
    sock: socket.socket, options: tuple[int, int], group: str, interface: str
) -> None:
    ip = parse_ip(group)
    if ip is None or not is_multicast(ip.partition("%")[0]):
        raise AddressError(
            f"group {group!r}: not a multicast address (224.0.0.0/4 or ff00::/8)"
        )
    ip, _, zone = ip.partition("%")
    index = _index(interface or zone)
    if ":" not in ip:
        if not _has_ipv4(sock):
            raise AddressError(f"group {group!r}: is of IPv4, and this socket of IPv6")
        raw = socket.inet_pton(socket.AF_INET, ip)
        request = _REQUEST.pack(raw, bytes(4), index)
        sock.setsockopt(socket.IPPROTO_IP, options[0], request)
    else:
        if sock.family != socket.AF_INET6:
            raise AddressError(f"group {group!r}: is of IPv6, and this socket of IPv4")
        raw = socket.inet_pton(socket.AF_INET6, ip)
        sock.setsockopt(socket.IPPROTO_IPV6, options[1], _REQUEST6.pack(raw, index))


def _in_words(error: OSError, group: str) -> OSError:
    said = _SAID.get(error.errno or 0)
    return error if said is None else Error(f"group {group}: {said}", errno=error.errno)


def _has_ipv4(sock: socket.socket) -> bool:
    if sock.family != socket.AF_INET6:
        return sock.family == socket.AF_INET
    return not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


def _index(interface: str) -> int:
    if not interface:
        return 0
    if interface.isdigit():
        return int(interface)
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        raise AddressError(f"interface {interface!r}: none of this host") from None
