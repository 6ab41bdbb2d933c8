"""Say in which order the addresses of a host are tried, and why.

In       the addresses of one host
Out      each with the source address that the kernel would use, in the order in which
         `dial` begins to try them, with what put it before the next
Source   RFC 6724, by `names.order`; RFC 8305 section 4, by `racing`; gai.conf(5)
Holds    nothing
Fails    AddressError for what is not an address; Error where no socket can be had

The system's order is kept, and only explained here. ``getaddrinfo`` has sorted by these
rules already, with facts of the kernel that are in no socket call, and by the table
that an administrator has set in gai.conf, often to keep away from a broken IPv6: to
sort once more would overrule him. The order of a `Resolver` is kept as well, since it
may know more than these rules; one that has no order of its own calls `best_first`.

glibc still has the table of RFC 3484, where IPv6 of a site (fc00::/7) goes before IPv4;
RFC 6724 has it behind. So the table that explains is the one under which the order seen
is the right one: the system's, else that of the RFC. Where neither is, it is said.

The source is learned as in ``getaddrinfo`` and in Go: a UDP socket that is connected
has chosen its way and its own address, and has sent nothing.
"""

import errno
import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from portside.errors import AddressError, from_os_error
from portside.names import IPAddress
from portside.names.order import (
    RFC_6724,
    Candidate,
    Policy,
    decide,
    in_order,
    read_gai_conf,
)
from portside.net.racing import interleave
from portside.net.target import sockaddr_of

__all__ = ["Ranked", "Why", "best_first", "ranked", "source_for", "system_policies"]

_GAI_CONF = "/etc/gai.conf"

_RULES_WITH_TABLE = (5, 6)

_ANY_PORT = 9
"""A port to connect to: it decides nothing, but 0 is refused by some systems."""


@dataclass(frozen=True, slots=True)
class Why:
    """What put an address before the next one.

    Attributes:
        rule: where that is written: ``RFC 6724 rule 6``; empty for the resolver's own
            mind.
        because: what was found, said of the address that goes first.
        table: whose precedences or labels decided (RFC 6724, glibc, gai.conf); empty
            where a rule needs none.
    """

    rule: str
    because: str
    table: str = ""


@dataclass(frozen=True, slots=True)
class Ranked:
    """An address at its place in the order.

    Attributes:
        address: where to connect.
        source: from where the kernel would; None where it has no route.
        before_next: what put it before the next one; None for the last.
    """

    address: IPAddress
    source: str | None
    before_next: Why | None


def ranked(
    addresses: Sequence[IPAddress], policies: Sequence[Policy] | None = None
) -> list[Ranked]:
    """Return the addresses in the order in which dial begins to try them.

    Args:
        addresses: none of them twice, as `resolve` returned them.
        policies: the tables by which they may have been sorted, the likeliest first;
            None is this system's.
    """
    given = {each: Candidate(each.host, source_for(each.host)) for each in addresses}
    policy = _explaining(list(given.values()), policies or system_policies())
    places = {address: place for place, address in enumerate(given)}
    order = interleave(list(given))
    result = []
    for address, following in zip_longest(order, order[1:]):
        why = None
        if following is not None:
            if places[address] > places[following]:
                why = Why("RFC 8305 section 4", "IPv6 and IPv4 take turns")
            else:
                why = _why(given[address], given[following], policy)
        result.append(Ranked(address, given[address].source, why))
    return result


def best_first(ips: Iterable[str]) -> list[str]:
    """Return addresses as text in the order in which this system would sort them.

    For a `Resolver` whose answers have no order that means anything.

    >>> best_first(["127.0.0.1"])
    ['127.0.0.1']
    """
    candidates = [Candidate(ip, source_for(ip)) for ip in ips]
    return [each.ip for each in in_order(candidates, system_policies()[0])]


def source_for(ip: str) -> str | None:
    """Return the address that the kernel would send from; None if it has no route.

    Nothing is sent.

    >>> source_for("127.0.0.1")
    '127.0.0.1'
    """
    address = IPAddress("udp", ip, _ANY_PORT)
    family = socket.AF_INET6 if address.is_ipv6 else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            return None  # a host without IPv6
        raise from_os_error(error, op="resolve", network="udp", remote=ip) from error
    with sock:
        # Else 255.255.255.255 would be refused for want of this, with a route or not.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        try:
            sock.connect(sockaddr_of(address))
        except (OSError, AddressError):  # no route, or a zone that is not here
            return None
        return IPAddress.from_sockaddr("udp", sock.getsockname()).ip


def system_policies() -> tuple[Policy, ...]:
    """Return the tables by which this system may sort, the likeliest first."""
    try:
        is_glibc = (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):
        is_glibc = False
    if not is_glibc:
        return (RFC_6724,)
    try:
        with open(_GAI_CONF, encoding="utf-8", errors="replace") as file:
            return (read_gai_conf(file.read()), RFC_6724)
    except OSError:
        return (read_gai_conf(""), RFC_6724)


def _explaining(candidates: Sequence[Candidate], policies: Sequence[Policy]) -> Policy:
    pairs = list(pairwise(candidates))
    for policy in policies:
        if all(decide(first, second, policy).keeps for first, second in pairs):
            return policy
    return policies[0]


def _why(first: Candidate, second: Candidate, policy: Policy) -> Why:
    decision = decide(first, second, policy)
    if decision.keeps:
        table = policy.name if decision.rule in _RULES_WITH_TABLE else ""
        return Why(f"RFC 6724 rule {decision.rule}", decision.because, table)
    return Why("", f"the resolver put it first, against RFC 6724 rule {decision.rule}")
