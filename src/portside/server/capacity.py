"""How many connections at once, and how many of one address.

In       connections that come and go
Out      whether there is a place; a wake-up for who waits for one
Source   getrlimit(2); an IPv6 subscriber has a /64 at the least (RFC 6177)
Holds    the number of connections, and that of each address that has any
Fails    never
"""

import ipaddress
import os
import resource
import threading
from collections import Counter
from collections.abc import Callable

from portside.models import Model
from portside.names import Address, IPAddress

__all__ = [
    "RESERVED_DESCRIPTORS",
    "Capacity",
    "default_max_connections",
    "raise_descriptor_limit",
]

RESERVED_DESCRIPTORS = 16
"""Left for logs, files and libraries of the handlers: a guess, never measured."""

_MOST_DESCRIPTORS = 1 << 20
"""Where there is no hard limit: what Linux allows by default (fs.nr_open)."""


class Capacity:
    """The places of a server. A place is taken before accept and given back once."""

    def __init__(
        self,
        max_connections: int,
        max_connections_per_ip: int | None,
        on_free: Callable[[], None],
    ) -> None:
        self.max_connections = max_connections
        self.max_connections_per_ip = max_connections_per_ip
        self._on_free = on_free
        self._mutex = threading.Lock()  # guards both counts
        self._taken = 0
        self._by_ip: Counter[str] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether every place is taken."""
        return self._taken >= self.max_connections

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return self._taken

    def take(self, remote: Address | None) -> bool:
        """Take a place for a client; False when its address has as many as it may."""
        key = _key(remote)
        with self._mutex:
            if self.max_connections_per_ip is not None and key:
                if self._by_ip[key] >= self.max_connections_per_ip:
                    return False
                self._by_ip[key] += 1
            self._taken += 1
            return True

    def give_back(self, remote: Address | None) -> None:
        """Give the place of a client back."""
        key = _key(remote)
        with self._mutex:
            self._taken -= 1
            if self.max_connections_per_ip is not None and key:
                self._by_ip[key] -= 1
                if not self._by_ip[key]:
                    del self._by_ip[key]
        self._on_free()


def _key(remote: Address | None) -> str:
    if not isinstance(remote, IPAddress):
        return ""
    if not remote.is_ipv6:
        return remote.ip
    return str(ipaddress.IPv6Network((remote.ip, 64), strict=False))


def default_max_connections(model: Model) -> int:
    """Return how many connections the descriptors of this process are enough for.

    What is open already and a reserve are left out; a model may have a smaller bound of
    its own.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = limit - _open_descriptors() - RESERVED_DESCRIPTORS
    most = max(1, free // model.descriptors_per_connection)
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
