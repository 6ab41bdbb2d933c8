"""Hold an address: where one end of a conversation is.

In       what the socket module calls an address, or text
Out      values that compare, hash, print as people write them and never change
Source   RFC 5952 for the one spelling of an IPv6 address; RFC 4007 section 11 for
         zones; RFC 4291 section 2.5.5.2 for IPv4 inside IPv6; unix(7) for paths
Holds    nothing
Fails    AddressError for what is not an address; `parse_ip` answers None

Two trees meet here. A socket that serves both IPv4 and IPv6 calls an IPv4 peer
``::ffff:192.0.2.1``; a limit per address, a log line or a comparison would then see two
peers where there is one. So an IPv4 address has one spelling from here on, and the long
one never shows.

The spelling of IPv6 is ours too, not the C library's: glibc writes ``::1.2.3.4`` where
RFC 5952 has ``::102:304``.

The name of a Unix socket is whatever its owner gave it, so one that comes from a peer
is taken as it is: with a line feed or a NUL in it, or a byte longer than we could bind.
What cannot be bound or dialled is refused where that is tried (`UnixAddress.sockaddr`),
and what would break a log line is escaped where it is shown.
"""

import os
import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any, Self

from portside.errors import AddressError
from portside.names.hostport import join_host_port
from portside.names.special import Kind, classify

__all__ = ["Address", "IPAddress", "PipeAddress", "UnixAddress", "parse_ip"]

# Four numbers up to 255. No leading zeros: for inet_aton(3) they mean octal, for people
# decimal, so 010.0.0.1 would be two addresses.
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_DOTTED_QUAD = re.compile(rf"{_BYTE}(?:\.{_BYTE}){{3}}")

# The name or number of an interface. Linux has 16 bytes for a name with its NUL
# (IFNAMSIZ), and no "/" or white space in it; "%" and brackets would not be read back.
_ZONE = re.compile(r"[!-$&-.0-Z\\^-~]{1,15}")

# unix(7): of 108 bytes. A path ends in a NUL, an abstract name begins with one.
_MAX_PATH_BYTES = 107


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
        network: tcp, tcp4, tcp6, unix, pipe ...
    """

    network: str

    @property
    def endpoint_text(self) -> str:
        """The address with its network, as `parse_endpoint` reads it."""
        return f"{self.network}://{self}"

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


@dataclass(frozen=True, slots=True)
class UnixAddress(Address):
    """The name of a Unix socket: a file's path, or an abstract name.

    >>> address = UnixAddress("unix", "/run/echo.sock")
    >>> print(address, address.endpoint_text)
    /run/echo.sock unix:/run/echo.sock
    >>> UnixAddress("unix", "@echo").sockaddr
    b'\\x00echo'

    Attributes:
        path: of the file; ``@name`` for an abstract name, which lives in the kernel and
            ends with its socket; empty for a socket without a name, as most clients
            are. A file whose name begins with "@" is written ``./@name``.
    """

    path: str

    @classmethod
    def from_sockaddr(cls, network: str, sockaddr: str | bytes | None) -> Self:
        """Return the address that the socket module gave.

        >>> UnixAddress.from_sockaddr("unix", b"\\0echo")
        UnixAddress(network='unix', path='@echo')

        Args:
            network: unix, unixpacket or unixgram.
            sockaddr: a path; bytes with a NUL in front for an abstract name; nothing
                for no name.
        """
        path = os.fsdecode(sockaddr or "")
        if path.startswith("\0"):
            return cls(network, f"@{path[1:]}")
        return cls(network, f"./{path}" if path.startswith("@") else path)

    @property
    def sockaddr(self) -> str | bytes:
        """What the socket module wants; for ``@`` alone what lets the kernel choose.

        Raises:
            AddressError: no socket can have this name.
        """
        try:
            raw = os.fsencode(self.path)
        except UnicodeEncodeError:
            raise self._wrong("has half of a character") from None
        name = raw.removeprefix(b"@")
        if not raw:
            raise self._wrong("is empty (write unix:PATH, or unix:@NAME)")
        if b"\0" in raw and not self.is_abstract:
            raise self._wrong("has a NUL, which ends a path")
        if len(name) > _MAX_PATH_BYTES:
            raise self._wrong(
                f"{len(name)} bytes are over the {_MAX_PATH_BYTES} of a Unix socket "
                f"(go to its directory and give a shorter, relative path)"
            )
        if self.is_abstract:
            return b"\0" + name if name else b""
        return self.path

    @property
    def is_abstract(self) -> bool:
        """Whether no file stands for it: Linux only."""
        return self.path.startswith("@")

    @property
    def endpoint_text(self) -> str:
        """The address with its network, as `parse_endpoint` reads it."""
        return f"{self.network}:{self}"

    def __str__(self) -> str:
        if not self.path:
            return "(unnamed)"
        return self.path if self.path.isprintable() else repr(self.path)[1:-1]

    def _wrong(self, reason: str) -> AddressError:
        return AddressError(f"path {self.path!r}: {reason}")
