"""Which of our addresses a datagram was sent to, and how to answer from it.

In       the control messages of a datagram that came
Out      the address it was sent to; the control messages of the answer
Source   ip(7) on IP_PKTINFO, ipv6(7) and RFC 3542 section 6 on IPV6_PKTINFO
Holds    nothing
Fails    never: what the kernel did not tell is None

A socket that is bound to every address of a host hears what is sent to any of them, and
answers from the one that the routing table likes best. A client of 127.0.0.2 then gets
an answer from 127.0.0.1, which it never asked, and its kernel drops it. So the address
that was asked is taken from the datagram and put into the answer.

What was sent to a group or to everybody cannot be answered from that address: there the
kernel names one of ours that the datagram came in by (IPv4), or chooses (IPv6).
"""

import socket
import struct
from functools import lru_cache
from typing import Any, NamedTuple

from portside.engine import ControlMessages
from portside.names import is_multicast, is_unspecified

__all__ = [
    "CONTROL_BYTES",
    "Destination",
    "ask_for_destinations",
    "destination_of",
    "may_be_others",
]

_IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)  # by name since Python 3.12; ip(7)

_IPV4 = struct.Struct("@i4s4s")  # interface, the address to answer from, the one asked
_IPV6 = struct.Struct("@16sI")  # the address asked, interface

# A dual-stack socket tells of an IPv4 datagram in both ways.
CONTROL_BYTES = socket.CMSG_SPACE(_IPV4.size) + socket.CMSG_SPACE(_IPV6.size)
"""Room for what the kernel tells of a destination."""


class Destination(NamedTuple):
    """Where a datagram was sent to.

    Attributes:
        ip: the address in its packet; of ours, or that of a group or of everybody.
        is_ours: it is one of this host's, and no group's and no broadcast.
        answer: the control messages that make an answer leave from there.
        zone: of an address that means something on one link alone: its interface.
    """

    ip: str
    is_ours: bool
    answer: ControlMessages
    zone: str = ""


def may_be_others(ip: str) -> bool:
    """Whether a socket that is bound to ip hears what is sent elsewhere, or to many.

    To which address, then only the packet knows. A broadcast address ends in ones (RFC
    919), and how many of them make one is known to the kernel alone.
    """
    if is_unspecified(ip) or is_multicast(ip):
        return True
    return ":" not in ip and int(ip.rpartition(".")[2]) & 3 == 3


def ask_for_destinations(sock: socket.socket) -> None:
    """Have the kernel tell of each datagram where it was sent to."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        if sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
            return
    sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def destination_of(control: Any) -> Destination | None:
    """Return where a datagram with these control messages was sent to."""
    found: Destination | None = None
    for level, kind, raw in control:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            return _of_ipv4(raw)
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            found = _of_ipv6(raw)
    return found


# A host has few addresses, and every datagram passes here.
@lru_cache(maxsize=256)
def _of_ipv4(raw: bytes) -> Destination:
    _, ours, asked = _IPV4.unpack(raw[: _IPV4.size])
    answer = _IPV4.pack(0, ours, bytes(4))  # by whatever interface the routes say
    return Destination(
        socket.inet_ntop(socket.AF_INET, asked),
        ours == asked,
        ((socket.IPPROTO_IP, _IP_PKTINFO, answer),),
    )


@lru_cache(maxsize=256)
def _of_ipv6(raw: bytes) -> Destination:
    asked, interface = _IPV6.unpack(raw[: _IPV6.size])
    ip = socket.inet_ntop(socket.AF_INET6, asked)
    if asked[0] == 0xFF:  # a group: RFC 4291 section 2.7
        return Destination(ip, False, ())
    # fe80::/10 means something on its own link alone: RFC 4291 section 2.5.6.
    is_link_local = asked[0] == 0xFE and asked[1] & 0xC0 == 0x80
    answer = _IPV6.pack(asked, interface if is_link_local else 0)
    message = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, answer)
    zone = str(interface) if is_link_local else ""
    return Destination(ip, True, (message,), zone)
