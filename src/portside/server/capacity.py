"""How many connections at once, and how many of one address.

In       connections that come and go
Out      whether there is a place; a wake-up for who waits for one
Source   getrlimit(2); an IPv6 subscriber has a /64 at the least (RFC 6177)
Holds    the number of connections, and that of each address that has any: here, or in
         the tally that several workers share
Fails    never
"""

import os
import resource
import threading
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from typing import Protocol

from portside.models import Model
from portside.names import Address, IPAddress
from portside.net import Conn

__all__ = [
    "RESERVED_DESCRIPTORS",
    "Capacity",
    "Counts",
    "OwnCounts",
    "default_max_connections",
    "raise_descriptor_limit",
]

RESERVED_DESCRIPTORS = 16
"""Left for logs, files and libraries of the handlers: a guess, never measured."""

_MOST_DESCRIPTORS = 1 << 20
"""Where there is no hard limit: what Linux allows by default (fs.nr_open)."""

_IPV4 = 1 << 32  # above the 32 bits of an address; as an IPv6 prefix it is reserved
_NO_PREFIX = 2 << 32  # for ::/64, as zero says that there is no address


class Counts(Protocol):
    """Where the connections are counted."""

    @property
    def all(self) -> int:
        """How many there are."""

    @property
    def own(self) -> int:
        """How many of them this process has."""

    def of(self, key: int) -> int:
        """How many there are of one address."""

    def add(self, key: int) -> None:
        """Count one more in this process; key 0 is of no address."""

    def remove(self, key: int) -> None:
        """Count one less."""


class OwnCounts:
    """The connections of a server that has one process to accept them."""

    def __init__(self) -> None:
        self.all = 0
        self._by_key: Counter[int] = Counter()

    @property
    def own(self) -> int:
        """How many there are."""
        return self.all

    def of(self, key: int) -> int:
        """How many there are of one address."""
        return self._by_key[key]

    def add(self, key: int) -> None:
        """Count one more."""
        self.all += 1
        if key:
            self._by_key[key] += 1

    def remove(self, key: int) -> None:
        """Count one less."""
        self.all -= 1
        if key:
            self._by_key[key] -= 1
            if not self._by_key[key]:
                del self._by_key[key]


class Capacity:
    """The places of a server. A place is taken before accept and given back once.

    Args:
        max_connections: of all processes together.
        max_connections_per_ip: the same, of one address; None for no bound.
        on_free: called when a place of this process was given back.
        counts: where to count.
        own_most: how many this process can bear; None for all.
    """

    def __init__(
        self,
        max_connections: int,
        max_connections_per_ip: int | None,
        on_free: Callable[[], None],
        counts: Counts | None = None,
        own_most: int | None = None,
    ) -> None:
        self.max_connections = max_connections
        self.max_connections_per_ip = max_connections_per_ip
        self._on_free = on_free
        self._counts = OwnCounts() if counts is None else counts
        self._own_most = max_connections if own_most is None else own_most
        self._mutex = threading.Lock()  # guards the counts of this process

    @property
    def is_full(self) -> bool:
        """Whether every place is taken, or every one that this process can bear."""
        counts = self._counts
        return counts.all >= self.max_connections or counts.own >= self._own_most

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return self._counts.all

    def counted(self, conn: Conn) -> Address | None:
        """Return the address that a client is counted by; None where nobody asks."""
        return None if self.max_connections_per_ip is None else conn.remote_address

    def take(self, remote: Address | None) -> bool:
        """Take a place for a client; False when its address has as many as it may."""
        key, most = self._key(remote), self.max_connections_per_ip
        with self._mutex:
            if most is not None and key and self._counts.of(key) >= most:
                return False
            self._counts.add(key)
            return True

    def give_back(self, remote: Address | None) -> None:
        """Give the place of a client back."""
        with self._mutex:
            self._counts.remove(self._key(remote))
        self._on_free()

    def _key(self, remote: Address | None) -> int:
        """Return a number for the subscriber at remote; 0 where nobody asks."""
        if self.max_connections_per_ip is None or not isinstance(remote, IPAddress):
            return 0
        number = int(ip_address(remote.ip.partition("%")[0]))
        if not remote.is_ipv6:
            return _IPV4 | number
        return number >> 64 or _NO_PREFIX


def default_max_connections(
    model: Model, packet_sockets: int = 0, conns_each: int = 1
) -> int:
    """Return how many connections the descriptors of a process are enough for.

    What is open already and a reserve are left out; a model may have a smaller bound of
    its own.

    Args:
        packet_sockets: where packets are heard; threads that answer there have bells.
        conns_each: how many conns there are for each that is accepted.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    bells = packet_sockets * model.packet_lines * (model.descriptors_per_connection - 1)
    free = limit - _open_descriptors() - RESERVED_DESCRIPTORS - bells
    most = max(1, free // (model.descriptors_per_connection * conns_each))
    return most if model.max_connections is None else min(most, model.max_connections)


def raise_descriptor_limit() -> None:
    """Raise this process's soft limit of descriptors to its hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _open_descriptors() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 3
