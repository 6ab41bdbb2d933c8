"""Put the addresses of a host in the order in which they are to be tried.

In       addresses as text; with each the source address that the kernel would send
         from (None: it has no route); a policy table
Out      the same addresses in order, none added, none lost; and for two of them the
         rule that put the first before the second
Source   RFC 6724 section 6, rules 1 2 5 6 8 9 10, section 2.1 for the table and 3.1 and
         3.2 for scopes; gai.conf(5), and RFC 3484 section 2.1 for glibc's own table
Holds    the two tables
Fails    AddressError for a text that is not an address

Rules 3, 4 and 7 are left out, as the RFC allows: that a source is deprecated, a home
address or reached by a tunnel is in no socket call. Rule 9, the longest prefix shared
with the source, is asked for IPv6 alone, as in Go: the leading bits of IPv4 addresses
say little about who is near, and the rule would send all clients of a network to the
same one of a name's servers. It looks at 64 bits: what follows names the interface.

Each rule compares a number that depends on one address, so there is a key to sort by,
and the order does not depend on who is compared with whom. Rule 9 may only be asked
within a family; but two addresses with the same precedence are of the same one, unless
somebody's table says otherwise: then the key has IPv6 before IPv4.

Interleaving the families (RFC 8305 section 4) comes later, where addresses are raced.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from portside.errors import AddressError

__all__ = [
    "GLIBC",
    "RFC_6724",
    "Candidate",
    "Decision",
    "Policy",
    "decide",
    "in_order",
    "read_gai_conf",
    "scope_name",
]

Rows = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address that could be tried.

    Attributes:
        ip: the address; a zone is overlooked.
        source: from where the kernel would send to it; None where it has no route.
    """

    ip: str
    source: str | None


@dataclass(frozen=True, slots=True)
class Policy:
    """What an administrator prefers; the longest prefix that matches counts.

    An IPv4 address is looked up as IPv6 has it: ``::ffff:0:0/96``.

    Attributes:
        name: whose table it is: RFC 6724, glibc, gai.conf.
        precedences: prefix and precedence; the higher one is tried first.
        labels: prefix and label; source and destination should have the same.
    """

    name: str
    precedences: Rows
    labels: Rows


RFC_6724 = Policy(
    name="RFC 6724",
    precedences=(
        ("::1/128", 50),
        ("::/0", 40),
        ("::ffff:0:0/96", 35),
        ("2002::/16", 30),
        ("2001::/32", 5),
        ("fc00::/7", 3),
        ("::/96", 1),
        ("fec0::/10", 1),
        ("3ffe::/16", 1),
    ),
    labels=(
        ("::1/128", 0),
        ("::/0", 1),
        ("::ffff:0:0/96", 4),
        ("2002::/16", 2),
        ("2001::/32", 5),
        ("fc00::/7", 13),
        ("::/96", 3),
        ("fec0::/10", 11),
        ("3ffe::/16", 12),
    ),
)
"""The table of RFC 6724 section 2.1."""

GLIBC = Policy(
    name="glibc",
    precedences=(
        ("::1/128", 50),
        ("::/0", 40),
        ("2002::/16", 30),
        ("::/96", 20),
        ("::ffff:0:0/96", 10),
    ),
    labels=(
        ("::1/128", 0),
        ("::/0", 1),
        ("2002::/16", 2),
        ("::/96", 3),
        ("::ffff:0:0/96", 4),
        ("fec0::/10", 5),
        ("fc00::/7", 6),
        ("2001::/32", 7),
    ),
)
"""What glibc has built in: RFC 3484 with three more labels, by gai.conf(5) of 2.36."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Which of two addresses goes first, and by what.

    Attributes:
        rule: the number of the rule in RFC 6724 section 6; 10 where nothing tells the
            two apart and they stay as they came.
        keeps: the first of the two stays before the second.
        because: what the rule found, said of the one that goes first.
    """

    rule: int
    keeps: bool
    because: str


def in_order(
    candidates: Iterable[Candidate], policy: Policy = RFC_6724
) -> list[Candidate]:
    """Return the candidates, the one to try first first.

    >>> near = Candidate("192.0.2.1", "192.0.2.9")
    >>> cut_off = Candidate("2001:db8::1", None)
    >>> [each.ip for each in in_order([cut_off, near])]
    ['192.0.2.1', '2001:db8::1']
    """
    return sorted(candidates, key=lambda each: _key(each, policy))


def decide(first: Candidate, second: Candidate, policy: Policy = RFC_6724) -> Decision:
    """Return whether first goes before second, and the rule that says so.

    >>> decide(Candidate("::1", "::1"), Candidate("127.0.0.1", "127.0.0.1"))
    Decision(rule=6, keeps=True, because='precedence 50, the next has 35')
    """
    ours, theirs = _key(first, policy), _key(second, policy)
    for rule, mine, its in zip(_RULES, ours, theirs, strict=True):
        if mine != its:
            keeps = mine < its
            ahead, behind = (first, second) if keeps else (second, first)
            return Decision(rule, keeps, _because(rule, ahead, behind, policy))
    return Decision(10, True, "no rule tells it from the next")


def read_gai_conf(text: str, default: Policy = GLIBC) -> Policy:
    """Return the policy that a file of glibc sets.

    One line of a kind (``precedence``, ``label``) replaces the default's whole table of
    that kind, but for ``::/0``, which is put back if no line has it. What cannot be
    read is passed over, as glibc does; so is ``scopev4``.

    >>> read_gai_conf("precedence ::ffff:0:0/96 100").precedences
    (('::ffff:0:0/96', 100), ('::/0', 40))
    """
    found: dict[str, list[tuple[str, int]]] = {"precedence": [], "label": []}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) != 3 or words[0] not in found:
            continue
        kind, prefix, number = words
        try:
            network = IPv6Network(prefix, strict=False)
        except ValueError:
            continue
        if number.isdecimal():
            found[kind].append((str(network), int(number)))
    if not any(found.values()):
        return default
    return Policy(
        name="gai.conf",
        precedences=_or_default(found["precedence"], default.precedences),
        labels=_or_default(found["label"], default.labels),
    )


def _or_default(rows: list[tuple[str, int]], default: Rows) -> Rows:
    if not rows:
        return default
    if not any(prefix == "::/0" for prefix, _ in rows):
        rows.append(("::/0", dict(default)["::/0"]))
    return tuple(rows)


def scope_name(ip: str) -> str:
    """Return how far an address is known: link-local, global ...

    >>> scope_name("::1"), scope_name("10.0.0.1"), scope_name("ff05::2")
    ('link-local', 'global', 'site-local')
    """
    return _scope_name(_parsed(ip))


# The rules in the order of the key. Each number is the smaller, the earlier the address
# is to be tried.
_RULES = (1, 2, 5, 6, 8, 9)


def _key(candidate: Candidate, policy: Policy) -> tuple[int, ...]:
    address = _parsed(candidate.ip)
    shared = 0
    same_scope = same_label = False
    if candidate.source is not None:
        source = _parsed(candidate.source)
        same_scope = _scope(source) == _scope(address)
        same_label = _found(policy.labels, source) == _found(policy.labels, address)
        shared = _shared_bits(address, source)
    return (
        int(candidate.source is None),
        int(not same_scope),
        int(not same_label),
        -_found(policy.precedences, address),
        _scope(address),
        -shared,
    )


def _because(rule: int, ahead: Candidate, behind: Candidate, policy: Policy) -> str:
    address, other = _parsed(ahead.ip), _parsed(behind.ip)
    scope, other_scope = _scope_name(address), _scope_name(other)
    if rule == 1:
        return "it has a route, the next has none"
    if rule == 2:
        source = _scope_name(_parsed(behind.source or behind.ip))
        return (
            f"its source is {scope} like itself, the next is {other_scope} "
            f"from a source that is {source}"
        )
    if rule == 5:
        label = _found(policy.labels, address)
        return f"its source has the same label ({label}), the next's has another"
    if rule == 6:
        high = _found(policy.precedences, address)
        return f"precedence {high}, the next has {_found(policy.precedences, other)}"
    if rule == 8:
        return f"its scope is smaller: {scope}, the next is {other_scope}"
    bits = _shared_bits(address, _parsed(ahead.source or ahead.ip))
    fewer = _shared_bits(other, _parsed(behind.source or behind.ip))
    return f"{bits} leading bits as in its source, the next has {fewer}"


_LINK_LOCAL, _SITE_LOCAL, _GLOBAL = 2, 5, 14

# RFC 4291 section 2.7, where multicast has them in four bits of the address.
_SCOPE_NAMES = {
    1: "interface-local",
    _LINK_LOCAL: "link-local",
    4: "admin-local",
    _SITE_LOCAL: "site-local",
    8: "organization-local",
    _GLOBAL: "global",
}


def _scope(address: IPv6Address) -> int:
    """Return how far an address is known, in the numbers of multicast."""
    mapped = address.ipv4_mapped
    if mapped is not None:  # RFC 6724 section 3.2: private use is global
        return _LINK_LOCAL if mapped.is_link_local or mapped.is_loopback else _GLOBAL
    if address.is_multicast:
        return (int(address) >> 112) & 0xF
    if address.is_link_local or address.is_loopback:
        return _LINK_LOCAL
    return _SITE_LOCAL if address.is_site_local else _GLOBAL


def _scope_name(address: IPv6Address) -> str:
    number = _scope(address)
    return _SCOPE_NAMES.get(number, f"scope {number}")


def _shared_bits(address: IPv6Address, source: IPv6Address) -> int:
    """Return how many leading bits are the same; 0 for IPv4, which is not asked."""
    if address.ipv4_mapped is not None or source.ipv4_mapped is not None:
        return 0
    different = (int(address) ^ int(source)) >> 64
    return 64 - different.bit_length()


def _found(rows: Rows, address: IPv6Address) -> int:
    number = int(address)
    for shift, start, value in _longest_first(rows):
        if number >> shift == start:
            return value
    return 0  # only a table that was made by hand has no ::/0


@lru_cache(maxsize=8)
def _longest_first(rows: Rows) -> Sequence[tuple[int, int, int]]:
    """Return the rows as (bits to drop, what is left of the address, value)."""
    networks = [(IPv6Network(prefix), value) for prefix, value in rows]
    networks.sort(key=lambda row: -row[0].prefixlen)
    return [
        (shift, int(network.network_address) >> shift, value)
        for network, value in networks
        for shift in (128 - network.prefixlen,)
    ]


def _parsed(ip: str) -> IPv6Address:
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        raise AddressError(f"address {ip!r}: not an IP address") from None
    if isinstance(address, IPv4Address):
        return IPv6Address(f"::ffff:{address}")
    return address
