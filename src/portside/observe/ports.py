"""Tell what this machine does with a port.

In       a port
Out      whether listening there takes a right, and whether we have it; whether the
         kernel gives it to clients
Source   ip(7); ip-sysctl of the kernel's documentation: ip_unprivileged_port_start,
         ip_local_port_range, ip_local_reserved_ports; capabilities(7), proc(5)
Holds    nothing
Fails    never: where a setting cannot be read, the kernel's default is taken
"""

import os
from dataclasses import dataclass

from portside.names import port_kind

__all__ = ["LocalPort", "first_free_port", "local_port"]

_SYSCTL = "/proc/sys/net/ipv4"
_STATUS = "/proc/self/status"

_NET_BIND_SERVICE = 10
"""The bit of CAP_NET_BIND_SERVICE: include/uapi/linux/capability.h."""


@dataclass(frozen=True, slots=True)
class LocalPort:
    """A port, as this machine is set up.

    Attributes:
        needs_right: only who has CAP_NET_BIND_SERVICE may listen there, as root does.
        may_listen: this process may, so far as rights go.
        is_for_clients: the kernel gives it to who dials, and to a listener that asks
            for port 0.
        client_range: the first and the last port that it gives.
        is_reserved: it lies in that range, or would, and is not given all the same.
        first_free: the first port that takes no right.
    """

    needs_right: bool
    may_listen: bool
    is_for_clients: bool
    client_range: tuple[int, int]
    is_reserved: bool
    first_free: int


def local_port(port: int) -> LocalPort:
    """Return what this machine does with a port.

    Raises:
        AddressError: there is no such port.
    """
    port_kind(port)
    first_free = first_free_port()
    first, last = _client_range()
    needs_right = 0 < port < first_free
    is_reserved = any(low <= port <= high for low, high in _reserved())
    return LocalPort(
        needs_right=needs_right,
        may_listen=not needs_right or _has_right(),
        is_for_clients=first <= port <= last and not is_reserved,
        client_range=(first, last),
        is_reserved=is_reserved,
        first_free=first_free,
    )


def first_free_port() -> int:
    """Return the first port that takes no right: ip(7)."""
    try:
        return int(_read("ip_unprivileged_port_start"))
    except ValueError:
        return 1024


def _client_range() -> tuple[int, int]:
    try:
        first, last = map(int, _read("ip_local_port_range").split())
    except ValueError:
        return 32768, 60999
    return first, last


def _reserved() -> list[tuple[int, int]]:
    """Return the ranges in ``8080,9000-9010``."""
    found = []
    for part in _read("ip_local_reserved_ports").split(","):
        low, _, high = part.strip().partition("-")
        if low.isdecimal() and (not high or high.isdecimal()):
            found.append((int(low), int(high or low)))
    return found


def _has_right() -> bool:
    try:
        with open(_STATUS) as file:
            for line in file:
                if line.startswith("CapEff:"):
                    return bool(int(line.split()[1], 16) >> _NET_BIND_SERVICE & 1)
    except OSError:
        pass
    return os.geteuid() == 0


def _read(name: str) -> str:
    try:
        with open(f"{_SYSCTL}/{name}") as file:
            return file.read()
    except OSError:
        return ""
