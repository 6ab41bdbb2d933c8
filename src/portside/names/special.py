"""Tell what an IP address is for.

In       an IP address as text, IPv4 or IPv6; a zone is overlooked
Out      the most specific block it lies in, with what may be done with its addresses
Source   IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190),
         both as of their update of 2025-10-09; RFC 5771 and RFC 4291 section 2.7 for
         multicast, which has registries of its own
Holds    the table below
Fails    AddressError for what is not an IP address

The tables are ours because those in ``ipaddress`` follow the Python version: whether
64:ff9b:1::1 or 2001:20::1 is global, 3.12.1 and 3.13.0 do not agree, and to both the
documentation address 3fff::1 is global. Here an address has one kind on each Python.

An IPv4 address inside IPv6 (``::ffff:127.0.0.1``) is of the kind "IPv4-mapped", since
that is what it is on paper. The ``is_...`` questions look through it at the IPv4
address: they are asked to let a peer in or keep it out, and the kernel sends such
packets as IPv4.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from portside.errors import AddressError

__all__ = [
    "Kind",
    "classify",
    "is_link_local",
    "is_loopback",
    "is_multicast",
    "is_private",
    "is_unspecified",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """What the addresses of one block are for.

    Each question is None where the registry gives no answer: the block is deprecated,
    or it depends on the address embedded in it.

    Attributes:
        name: loopback, private use, documentation ...
        rfc: where it is defined.
        prefix: the block.
        allocated: year and month; empty for what is not in these two registries.
        source: may be the source of a packet that passes a router.
        destination: may be the destination of such a packet.
        forwardable: a router may forward a packet to it.
        globally_reachable: it may be forwarded beyond one administration's networks.
        reserved: IP itself treats it in a special way.
    """

    name: str
    rfc: str
    prefix: str
    allocated: str
    source: bool | None
    destination: bool | None
    forwardable: bool | None
    globally_reachable: bool | None
    reserved: bool | None


# The last column answers in the order of Kind: Source, Destination, Forwardable,
# Globally reachable, Reserved. A letter is yes, "-" no, "?" no answer. The names are
# shorter than the registry's, and the same for both versions of IP.
_BLOCKS = (
    ("0.0.0.0/0", "global unicast", "RFC 791", "", "SDFG-"),
    ("0.0.0.0/8", "this network", "RFC 791 section 3.2", "1981-09", "S---R"),
    ("0.0.0.0/32", "unspecified", "RFC 1122 section 3.2.1.3", "1981-09", "S---R"),
    ("10.0.0.0/8", "private use", "RFC 1918", "1996-02", "SDF--"),
    ("100.64.0.0/10", "shared address space", "RFC 6598", "2012-04", "SDF--"),
    ("127.0.0.0/8", "loopback", "RFC 1122 section 3.2.1.3", "1981-09", "----R"),
    ("169.254.0.0/16", "link-local", "RFC 3927", "2005-05", "SD--R"),
    ("172.16.0.0/12", "private use", "RFC 1918", "1996-02", "SDF--"),
    (
        "192.0.0.0/24",
        "protocol assignments",
        "RFC 6890 section 2.1",
        "2010-01",
        "-----",
    ),
    ("192.0.0.0/29", "IPv4 service continuity", "RFC 7335", "2011-06", "SDF--"),
    ("192.0.0.8/32", "IPv4 dummy address", "RFC 7600", "2015-03", "S----"),
    ("192.0.0.9/32", "PCP anycast", "RFC 7723", "2015-10", "SDFG-"),
    ("192.0.0.10/32", "TURN anycast", "RFC 8155", "2017-02", "SDFG-"),
    (
        "192.0.0.170/32",
        "NAT64/DNS64 discovery",
        "RFC 8880, RFC 7050",
        "2013-02",
        "----R",
    ),
    (
        "192.0.0.171/32",
        "NAT64/DNS64 discovery",
        "RFC 8880, RFC 7050",
        "2013-02",
        "----R",
    ),
    ("192.0.2.0/24", "documentation (TEST-NET-1)", "RFC 5737", "2010-01", "-----"),
    ("192.31.196.0/24", "AS112", "RFC 7535", "2014-12", "SDFG-"),
    ("192.52.193.0/24", "AMT", "RFC 7450", "2014-12", "SDFG-"),
    (
        "192.88.99.0/24",
        "6to4 relay anycast (deprecated)",
        "RFC 7526",
        "2001-06",
        "?????",
    ),
    ("192.88.99.2/32", "6a44 relay anycast", "RFC 6751", "2012-10", "SDF--"),
    ("192.168.0.0/16", "private use", "RFC 1918", "1996-02", "SDF--"),
    ("192.175.48.0/24", "AS112 direct delegation", "RFC 7534", "1996-01", "SDFG-"),
    ("198.18.0.0/15", "benchmarking", "RFC 2544", "1999-03", "SDF--"),
    ("198.51.100.0/24", "documentation (TEST-NET-2)", "RFC 5737", "2010-01", "-----"),
    ("203.0.113.0/24", "documentation (TEST-NET-3)", "RFC 5737", "2010-01", "-----"),
    # Not in that registry: never a source; how far it goes depends on group and TTL.
    ("224.0.0.0/4", "multicast", "RFC 5771", "", "-D???"),
    ("240.0.0.0/4", "reserved", "RFC 1112 section 4", "1989-08", "----R"),
    (
        "255.255.255.255/32",
        "limited broadcast",
        "RFC 919, RFC 8190",
        "1984-10",
        "-D--R",
    ),
    # RFC 4291 section 2.4: what no other row names is global unicast.
    ("::/0", "global unicast", "RFC 4291 section 2.4", "", "SDFG-"),
    ("::/128", "unspecified", "RFC 4291", "2006-02", "S---R"),
    ("::1/128", "loopback", "RFC 4291", "2006-02", "----R"),
    ("::ffff:0:0/96", "IPv4-mapped", "RFC 4291", "2006-02", "----R"),
    ("64:ff9b::/96", "IPv4-IPv6 translation", "RFC 6052", "2010-10", "SDFG-"),
    ("64:ff9b:1::/48", "IPv4-IPv6 translation (local)", "RFC 8215", "2017-06", "SDF--"),
    ("100::/64", "discard-only", "RFC 6666", "2012-06", "SDF--"),
    ("100:0:0:1::/64", "IPv6 dummy prefix", "RFC 9780", "2025-04", "S----"),
    ("2001::/23", "protocol assignments", "RFC 2928", "2000-09", "-----"),
    ("2001::/32", "Teredo", "RFC 4380, RFC 8190", "2006-01", "SDF?-"),
    ("2001:1::1/128", "PCP anycast", "RFC 7723", "2015-10", "SDFG-"),
    ("2001:1::2/128", "TURN anycast", "RFC 8155", "2017-02", "SDFG-"),
    ("2001:1::3/128", "DNS-SD registration anycast", "RFC 9665", "2024-04", "SDFG-"),
    ("2001:2::/48", "benchmarking", "RFC 5180", "2008-04", "SDF--"),
    ("2001:3::/32", "AMT", "RFC 7450", "2014-12", "SDFG-"),
    ("2001:4:112::/48", "AS112", "RFC 7535", "2014-12", "SDFG-"),
    ("2001:10::/28", "ORCHID (deprecated)", "RFC 4843", "2007-03", "?????"),
    ("2001:20::/28", "ORCHIDv2", "RFC 7343", "2014-07", "SDFG-"),
    ("2001:30::/28", "drone remote ID", "RFC 9374", "2022-12", "SDFG-"),
    ("2001:db8::/32", "documentation", "RFC 3849", "2004-07", "-----"),
    ("2002::/16", "6to4", "RFC 3056", "2001-02", "SDF?-"),
    ("2620:4f:8000::/48", "AS112 direct delegation", "RFC 7534", "2011-05", "SDFG-"),
    ("3fff::/20", "documentation", "RFC 9637", "2024-07", "-----"),
    ("5f00::/16", "segment routing (SRv6) SIDs", "RFC 9602", "2024-04", "SDF--"),
    ("fc00::/7", "unique local", "RFC 4193, RFC 8190", "2005-10", "SDF--"),
    ("fe80::/10", "link-local", "RFC 4291", "2006-02", "SD--R"),
    ("ff00::/8", "multicast", "RFC 4291 section 2.7", "", "-D???"),
)

_UNSPECIFIED = frozenset({"0.0.0.0/32", "::/128"})
_LOOPBACK = frozenset({"127.0.0.0/8", "::1/128"})
_LINK_LOCAL = frozenset({"169.254.0.0/16", "fe80::/10"})
_MULTICAST = frozenset({"224.0.0.0/4", "ff00::/8"})
_PRIVATE = frozenset({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"})


def _table(version: int) -> list[tuple[int, int, Kind]]:
    """Return the rows as (bits to drop, what is left of the address, kind)."""
    rows = []
    for prefix, name, rfc, allocated, letters in _BLOCKS:
        network = ip_network(prefix)
        if network.version != version:
            continue
        answers = ({"-": False, "?": None}.get(letter, True) for letter in letters)
        kind = Kind(name, rfc, prefix, allocated, *answers)
        shift = network.max_prefixlen - network.prefixlen
        rows.append((shift, int(network.network_address) >> shift, kind))
    # The most specific block first: it is the answer.
    return sorted(rows, key=lambda row: row[0])


_ROWS = {4: _table(4), 6: _table(6)}


def classify(ip: str) -> Kind:
    """Return the most specific block that an address lies in.

    >>> classify("127.0.0.1").name, classify("8.8.8.8").name
    ('loopback', 'global unicast')
    >>> classify("2001:db8::1").globally_reachable
    False

    Raises:
        AddressError: it is not an IP address.
    """
    return _kind(_parsed(ip))


def is_unspecified(ip: str) -> bool:
    """Whether it stands for no address: every address of this host, to a listener.

    >>> is_unspecified("0.0.0.0"), is_unspecified("0.0.0.1")
    (True, False)
    """
    return _unmapped_prefix(ip) in _UNSPECIFIED


def is_loopback(ip: str) -> bool:
    """Whether it never leaves this host.

    >>> is_loopback("127.4.2.42"), is_loopback("::1"), is_loopback("::ffff:127.0.0.1")
    (True, True, True)
    """
    return _unmapped_prefix(ip) in _LOOPBACK


def is_link_local(ip: str) -> bool:
    """Whether it means a host only together with a link (the zone in IPv6).

    >>> is_link_local("fe80::1%eth0"), is_link_local("169.254.0.1")
    (True, True)
    """
    return _unmapped_prefix(ip) in _LINK_LOCAL


def is_multicast(ip: str) -> bool:
    """Whether it stands for a group of hosts.

    >>> is_multicast("224.0.0.251"), is_multicast("ff02::fb")
    (True, True)
    """
    return _unmapped_prefix(ip) in _MULTICAST


def is_private(ip: str) -> bool:
    """Whether it is for use inside one site: RFC 1918, or unique local in IPv6.

    Narrower than in ``ipaddress``, where it means "not global" and so also holds for
    loopback or documentation; ask `classify` for ``globally_reachable`` then.

    >>> is_private("192.168.1.1"), is_private("fd00::1"), is_private("127.0.0.1")
    (True, True, False)
    """
    return _unmapped_prefix(ip) in _PRIVATE


def _parsed(ip: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(ip)
    except ValueError:
        raise AddressError(f"address {ip!r}: not an IP address") from None


def _kind(address: IPv4Address | IPv6Address) -> Kind:
    number = int(address)
    return next(
        kind
        for shift, start, kind in _ROWS[address.version]
        if number >> shift == start
    )


def _unmapped_prefix(ip: str) -> str:
    address = _parsed(ip)
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    return _kind(address).prefix
