"""Keep a service that answers whoever asks from being used against others.

In       a packet for such a service
Out      whether it is to be answered, and how long the answer may be
Source   RFC 9000 section 8.1 for the factor of three; CVE-1999-0103 for the loop of two
         echo services; BSD's inetd for the ports under 1024
Holds    what was answered lately, for each network of clients: at most `MAX_NETWORKS`;
         a lock, as several threads may answer
Fails    never

The source of a datagram is whatever its sender wrote there. Who writes somebody else's
address makes us send to them: a small question with a long answer is a gun (so the
answers are bounded, in bytes and in number), and one that seems to come from another
echo service, or from our own port, comes back for ever (so such ports get none).
A question to a group or to everybody would be answered by every host that hears it.

Where we are bound to loopback only this host can ask, so only the loops are stopped.
"""

import socket
import threading
from collections import OrderedDict

from portside.engine import now
from portside.names import IPAddress, is_loopback, special
from portside.net.packet import HEADER_BYTES, Packet

__all__ = ["Guard"]

LOWEST_PORT = 1024
"""Clients ask from ephemeral ports; from below, services answer each other."""

AMPLIFICATION = 3
"""How much longer than the question its answers may be, headers counted: RFC 9000
section 8.1."""

REPLIES_PER_SECOND = 100.0
BURST_REPLIES = 200.0
"""For one network of clients: a guess, never measured."""

MAX_NETWORKS = 4096
"""How many networks are kept in mind; beyond it the one that asked longest ago goes."""


class Guard:
    """Which packets a service answers.

    Args:
        ports: those that this server hears at.
        on_loopback: only this host can reach it.
        processes: how many guards share the rate: each worker has one of its own.
    """

    def __init__(
        self, ports: frozenset[int], *, on_loopback: bool, processes: int = 1
    ) -> None:
        self._ports = ports
        self._per_second = REPLIES_PER_SECOND / processes
        self._burst = BURST_REPLIES / processes
        self._on_loopback = on_loopback
        # By network: how many answers are left, and when that was so.
        self._left: OrderedDict[bytes, tuple[float, float]] = OrderedDict()
        self._mutex = threading.Lock()  # guards it

    def admits(self, packet: Packet) -> bool:
        """Whether to answer; sets how long the answers may be."""
        sender = packet.address
        if not isinstance(sender, IPAddress):
            return True  # of a Unix socket: this host's, and nobody can forge it
        if sender.port < LOWEST_PORT or sender.port in self._ports:
            return False
        if packet.was_to_all or not _is_host(sender.ip):
            return False
        if self._on_loopback and is_loopback(sender.ip):
            return True
        asked = len(packet.data) + HEADER_BYTES
        packet.max_reply_bytes = AMPLIFICATION * asked - HEADER_BYTES
        return self._has_one_left(_network(sender))

    def _has_one_left(self, network: bytes) -> bool:
        with self._mutex:
            present = now()
            left, since = self._left.pop(network, (self._burst, present))
            left = min(self._burst, left + (present - since) * self._per_second)
            may_answer = left >= 1
            self._left[network] = (left - may_answer, present)
            if len(self._left) > MAX_NETWORKS:
                self._left.popitem(last=False)
        return may_answer


def _is_host(ip: str) -> bool:
    return not (
        special.is_multicast(ip)
        or special.is_unspecified(ip)
        or ip == "255.255.255.255"
    )


def _network(address: IPAddress) -> bytes:
    """Return the network that one administration has: /24 of IPv4, /56 of IPv6."""
    if address.is_ipv6:
        return socket.inet_pton(socket.AF_INET6, address.ip)[:7]
    return socket.inet_pton(socket.AF_INET, address.ip)[:3]
