"""Tell when two of the things to be served want one place.

In       what is to be served where
Out      a return, if each can have its own place
Fails    Failure (usage): two want the same port, path or socket

The kernel would refuse the second as it refuses a port of another process. By then the
first is closed again, so nobody could be named who has it.

Only what is certain is told. Two names may be one host: the kernel finds that out.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

from portside.cli.failure import USAGE, Failure
from portside.cli.what import What
from portside.names import (
    AnyEndpoint,
    Endpoint,
    UnixAddress,
    is_unspecified,
    parse_ip,
)

__all__ = ["check_apart"]


def check_apart(wanted: Sequence[What]) -> None:
    """Return if no two want the same place; port 0 is another one each time.

    Raises:
        Failure: two do; it names both.
    """
    for first, second in combinations(wanted, 2):
        for one in _endpoints(first):
            for other in _endpoints(second):
                if same := _same(one, other):
                    raise Failure(
                        f"{first.name}={one} and {second.name}={other} want the same "
                        f"{same}: give one of them another",
                        USAGE,
                    )


def _endpoints(what: What) -> Iterator[AnyEndpoint]:
    place = what.endpoint
    if isinstance(place, Endpoint) and not place.network:
        for network in what.service.transports:
            yield Endpoint(network, place.host, place.port)
    else:
        yield place


def _same(one: AnyEndpoint, other: AnyEndpoint) -> str:
    """Return what both want; empty if each can have its own."""
    if isinstance(one, UnixAddress) and isinstance(other, UnixAddress):
        return "path" if one.path == other.path else ""
    if isinstance(one, Endpoint) and isinstance(other, Endpoint):
        return "port" if _meet(one, other) else ""
    return "socket" if one == other else ""


def _meet(one: Endpoint, other: Endpoint) -> bool:
    if not one.port or one.port != other.port:
        return False
    if one.network.rstrip("46") != other.network.rstrip("46"):
        return False
    if not _versions(one) & _versions(other):
        return False
    hosts = _host(one), _host(other)
    return hosts[0] == hosts[1] or not all(hosts)


def _host(endpoint: Endpoint) -> str:
    """Return the host in its one spelling; empty for every address of this one."""
    ip = parse_ip(endpoint.host)
    if ip is None:
        return endpoint.host.lower()
    return "" if is_unspecified(ip) else ip


def _versions(endpoint: Endpoint) -> set[str]:
    if endpoint.network[-1] in "46":
        return {endpoint.network[-1]}
    ip = parse_ip(endpoint.host)
    if ip is None or is_unspecified(ip):  # one socket of both families
        return {"4", "6"}
    return {"6" if ":" in ip else "4"}
