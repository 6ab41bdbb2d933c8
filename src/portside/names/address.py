"""Hold an address: where one end of a conversation is.

In       the tuples of the socket module, or text
Out      values that compare, hash, print as people write them and never change
Source   RFC 5952 for the one spelling of an IPv6 address; RFC 4007 section 11 for
         zones; RFC 4291 section 2.5.5.2 for IPv4 inside IPv6
Holds    nothing
Fails    AddressError for what is not an address; `parse_ip` answers None

Two trees meet here. A socket that serves both IPv4 and IPv6 calls an IPv4 peer
``::ffff:192.0.2.1``; a limit per address, a log line or a comparison would then see two
peers where there is one. So an IPv4 address has one spelling from here on, and the long
one never shows.

The spelling of IPv6 is ours too, not the C library's: glibc writes ``::1.2.3.4`` where
RFC 5952 has ``::102:304``.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any, Self

from portside.errors import AddressError
from portside.names.hostport import join_host_port
from portside.names.special import Kind, classify

__all__ = ["Address", "IPAddress", "PipeAddress", "parse_ip"]

# Four numbers up to 255. No leading zeros: for inet_aton(3) they mean octal, for people
# decimal, so 010.0.0.1 would be two addresses.
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_DOTTED_QUAD = re.compile(rf"{_BYTE}(?:\.{_BYTE}){{3}}")

# The name or number of an interface. Linux has 16 bytes for a name with its NUL
# (IFNAMSIZ), and no "/" or white space in it; "%" and brackets would not be read back.
_ZONE = re.compile(r"[!-$&-.0-Z\\^-~]{1,15}")


def parse_ip(text: str) -> str | None:
    """Return an IP address in its one spelling; None if it is not one.

    An IPv6 address may have a zone, and one that holds an IPv4 address becomes that.

    >>> parse_ip("2001:DB8::0:1"), parse_ip("::ffff:192.0.2.1")
    ('2001:db8::1', '192.0.2.1')
    >>> parse_ip("fe80::1%eth0")
    'fe80::1%eth0'
    >>> print(parse_ip("127.0.0.01"), parse_ip("localhost"))
    None None
    """
    # The form in which a dual-stack socket tells its IPv4 peers is taken apart here, as
    # each connection brings two of them: measured, it takes a fifth of IPv6Address.
    quad = text.removeprefix("::ffff:")
    if _DOTTED_QUAD.fullmatch(quad):
        return quad
    literal, percent, zone = text.partition("%")
    if percent and not _ZONE.fullmatch(zone):
        return None
    # A zone that is a number goes to the kernel in 32 bits.
    if zone.isdigit() and int(zone) >= 1 << 32:
        return None
    try:
        address = IPv6Address(literal)
    except ValueError:
        return None
    if address.ipv4_mapped is not None:
        return None if percent else str(address.ipv4_mapped)
    return f"{address}{percent}{zone}"


@dataclass(frozen=True, slots=True)
class Address:
    """Where one end of a conversation is.

    Attributes:
        network: tcp, tcp4, tcp6, pipe ...
    """

    network: str

    def __str__(self) -> str:
        return self.network


@dataclass(frozen=True, slots=True)
class IPAddress(Address):
    """An IP address and a port.

    It is put in its one spelling when it is made, so equal addresses are equal values.

    >>> print(IPAddress("tcp", "2001:DB8::1", 443))
    [2001:db8::1]:443
    >>> IPAddress("tcp", "::ffff:192.0.2.1", 80) == IPAddress("tcp", "192.0.2.1", 80)
    True

    Attributes:
        ip: the host, a number and never a name.
        port: the process's end point on that host.
        zone: the interface that a link-local address belongs to, by name or number; it
            may also be given at the end of the ip (``fe80::1%eth0``).
    """

    ip: str
    port: int
    zone: str = ""

    def __post_init__(self) -> None:
        text = f"{self.ip}%{self.zone}" if self.zone else self.ip
        canonical = parse_ip(text)
        if canonical is None:
            raise AddressError(f"address {text!r}: not an IP address")
        if not 0 <= self.port <= 65535:
            raise AddressError(f"port {self.port}: not in 0-65535")
        ip, _, zone = canonical.partition("%")
        object.__setattr__(self, "ip", ip)
        object.__setattr__(self, "zone", zone)

    @classmethod
    def from_sockaddr(cls, network: str, sockaddr: tuple[Any, ...]) -> Self:
        """Return the address that the socket module gave as a tuple.

        >>> print(IPAddress.from_sockaddr("tcp", ("::ffff:192.0.2.1", 80, 0, 0)))
        192.0.2.1:80
        >>> print(IPAddress.from_sockaddr("tcp", ("fe80::1", 80, 0, 2)))
        [fe80::1%2]:80

        Args:
            network: what the address belongs to; the tuple does not say.
            sockaddr: (host, port), or (host, port, flow information, scope).
        """
        ip, port = sockaddr[:2]
        scope = sockaddr[3] if len(sockaddr) == 4 and "%" not in ip else 0
        return cls(network, ip, port, str(scope) if scope else "")

    @property
    def sockaddr(self) -> tuple[str, int] | tuple[str, int, int, int]:
        """The tuple that the socket module wants.

        A zone that is a name stays in the host: only ``getaddrinfo`` reads it there,
        while ``connect`` and ``bind`` drop it silently (measured on 3.11, Linux). Put
        the interface's number in its place before that.
        """
        if not self.is_ipv6:
            return (self.ip, self.port)
        if not self.zone or self.zone.isdigit():
            return (self.ip, self.port, 0, int(self.zone or 0))
        return (self.host, self.port, 0, 0)

    @property
    def host(self) -> str:
        """The ip with its zone."""
        return f"{self.ip}%{self.zone}" if self.zone else self.ip

    @property
    def is_ipv6(self) -> bool:
        """Whether it takes 128 bits and not 32."""
        return ":" in self.ip

    @property
    def kind(self) -> Kind:
        """What the address is for: loopback, private use, global unicast ..."""
        return classify(self.ip)

    def __str__(self) -> str:
        return join_host_port(self.host, self.port)


@dataclass(frozen=True, slots=True)
class PipeAddress(Address):
    """An end of a pipe in memory; both ends have the same one.

    >>> print(PipeAddress())
    pipe
    """

    network: str = "pipe"
