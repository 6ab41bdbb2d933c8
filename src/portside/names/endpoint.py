"""Read an endpoint: which network, and where on it.

In       text that a person wrote: tcp://localhost:7, [::1]:http, :8080,
         unix:/run/echo.sock, fd:3, systemd:web
Out      its parts, each one possible; nothing is looked up
Source   RFC 1123 section 2.1 and RFC 1035 section 2.3.4 for host names; RFC 3986
         section 3 for the ``://``; the networks are named as in Go; sd_listen_fds(3)
Holds    the names of the networks
Fails    AddressError that names the text; UnknownNetworkError for the network

An endpoint looks like the beginning of a URL and is not one: it has no user, path or
query, and one that is given was meant for something else, so it is refused.

A host of numbers must be a whole IP address. ``1.2.3`` and ``0x7f.1`` are no names that
anybody has, but ``getaddrinfo`` takes them in the way of inet_aton(3) and connects to
1.2.0.3 and 127.0.0.1; 1.2.3.256 it looks up as a name. Each is a slip that would
surface far from where it was made.

A Unix socket has a path and no host, so ``//`` has no place behind ``unix:``. Docker
and others write ``unix:///run/x.sock`` all the same, and that is read;
``unix://x.sock`` is refused, as x.sock would stand where a host stands, and means a
relative path to one and ``/x.sock`` to the other. A path needs no lookup: its endpoint
is its address.
"""

import re
from dataclasses import dataclass

from portside.errors import AddressError, UnknownNetworkError
from portside.names.address import UnixAddress, parse_ip
from portside.names.closest import did_you_mean
from portside.names.hostport import join_host_port, parse_port, split_host_port

__all__ = [
    "INHERITED_NETWORKS",
    "NETWORKS",
    "PACKET_NETWORKS",
    "UNIX_NETWORKS",
    "AnyEndpoint",
    "Endpoint",
    "InheritedEndpoint",
    "check_network",
    "parse_endpoint",
]

NETWORKS = (
    *("tcp", "tcp4", "tcp6", "udp", "udp4", "udp6"),
    *("unix", "unixpacket", "unixgram"),
)

UNIX_NETWORKS = ("unix", "unixpacket", "unixgram")
"""Those whose addresses are paths."""

PACKET_NETWORKS = ("udp", "udp4", "udp6", "unixgram")
"""Those that carry packets, each on its own, and not conns."""

INHERITED_NETWORKS = ("fd", "systemd")
"""What stands in the place of a network where the socket exists already."""

# What would make the text a URL, and the word for it.
_URL_PARTS = {"@": "user", "/": "path", "?": "query", "#": "fragment"}

# What inet_aton(3) would try to read: decimal, octal or hexadecimal numbers with dots.
_NUMBERS = re.compile(r"(?:(?:0[xX][0-9a-fA-F]*|[0-9]+)(?:\.|$))+")

# A path may have them, but in a text they come from a slip: a line read with its end.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

# Descriptors are small: fs.nr_open of Linux is a million, and at most 2**31.
_FD = re.compile(r"[0-9]{1,9}")

# RFC 1123 section 2.1: letters, digits, and hyphens inside; 63 at most by RFC 1035. The
# underscore is no host's by the standard, but it is in DNS and in many a LAN.
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen, or whom to call: before any name is looked up.

    >>> print(Endpoint("tcp", "::1", 80))
    tcp://[::1]:80

    Attributes:
        network: tcp, tcp4, tcp6, udp, udp4 or udp6; empty where none was said.
        host: a name, or an IP address as it was written; empty for this host.
        port: 0 lets the kernel choose.
    """

    network: str
    host: str
    port: int

    def __str__(self) -> str:
        place = join_host_port(self.host, self.port)
        return f"{self.network}://{place}" if self.network else place


@dataclass(frozen=True, slots=True)
class InheritedEndpoint:
    """A socket that whoever started this process has opened for it.

    >>> print(InheritedEndpoint("fd", "3"), InheritedEndpoint("systemd", "web"))
    fd:3 systemd:web

    Attributes:
        network: fd or systemd: how it is found. Which network it is on, it says itself.
        name: the descriptor's number, or the name that systemd gave it.
    """

    network: str
    name: str

    def __str__(self) -> str:
        return f"{self.network}:{self.name}"


AnyEndpoint = Endpoint | UnixAddress | InheritedEndpoint
"""Whatever `parse_endpoint` may return."""


def parse_endpoint(text: str, *, default_network: str | None = None) -> AnyEndpoint:
    """Return the parts of ``network://host:port`` or ``unix:path``.

    >>> parse_endpoint("tcp://localhost:echo")
    Endpoint(network='tcp', host='localhost', port=7)
    >>> parse_endpoint(":8080", default_network="tcp4")
    Endpoint(network='tcp4', host='', port=8080)
    >>> parse_endpoint("unix:/run/echo.sock")
    UnixAddress(network='unix', path='/run/echo.sock')
    >>> parse_endpoint("fd:3")
    InheritedEndpoint(network='fd', name='3')

    Args:
        text: what to read; the network may be missing.
        default_network: the network if the text has none; None leaves it empty.

    Raises:
        UnknownNetworkError: Portside knows no such network.
        AddressError: anything else is wrong with it.
    """
    network, place = _split_network(text, default_network or "")
    if network in UNIX_NETWORKS:
        return _unix(text, network, place)
    if not text:
        raise AddressError("endpoint '': is empty (write HOST:PORT)")
    if " " in text or not text.isprintable():
        raise AddressError(f"endpoint {text!r}: has a space or a control character")
    if network in INHERITED_NETWORKS:
        return _inherited(text, network, place)
    if network or text.startswith("://"):
        check_network(network)
    for mark, part in _URL_PARTS.items():
        if mark in place:
            hint = f"unix:{text}" if text[0] in "/.@" else "HOST:PORT"
            raise AddressError(f"endpoint {text!r}: has a {part} (write {hint})")
    host, port = split_host_port(place)
    _check_host(host, network)
    protocol = network.rstrip("46") or "tcp"
    return Endpoint(network, host, parse_port(port, protocol))


def check_network(network: str) -> None:
    """Return if Portside knows a network of this name.

    Raises:
        UnknownNetworkError: it does not; the error lists those it knows.
    """
    if network not in NETWORKS:
        hint = did_you_mean(network, NETWORKS)
        raise UnknownNetworkError(
            f"network {network!r}: unknown network (known: {', '.join(NETWORKS)}){hint}"
        )


def _split_network(text: str, default: str) -> tuple[str, str]:
    head, colon, rest = text.partition(":")
    if colon and head in (*UNIX_NETWORKS, *INHERITED_NETWORKS):
        return head, rest
    head, mark, rest = text.partition("://")
    if mark and (head in NETWORKS or default not in UNIX_NETWORKS):
        return head, rest
    return default, text


def _unix(text: str, network: str, path: str) -> UnixAddress:
    if text != path and path.startswith("//"):
        if not path.startswith("///"):
            bare = path.removeprefix("//")
            raise AddressError(
                f"endpoint {text!r}: has a host (write {network}:/{bare}, or "
                f"{network}:{bare} for a path from the current directory)"
            )
        path = path.removeprefix("//")
    address = UnixAddress(network, path)
    address.sockaddr  # noqa: B018  it says what is wrong with the path
    if _CONTROL.search(path):
        raise AddressError(f"endpoint {text!r}: has a control character")
    return address


def _inherited(text: str, network: str, name: str) -> InheritedEndpoint:
    if network == "fd":
        if not _FD.fullmatch(name):
            raise AddressError(f"endpoint {text!r}: not a descriptor (write fd:3)")
        return InheritedEndpoint(network, str(int(name)))
    if not name or ":" in name:
        raise AddressError(
            f"endpoint {text!r}: not a name (write systemd:NAME, the "
            f"FileDescriptorName= of the socket unit)"
        )
    return InheritedEndpoint(network, name)


def _check_host(host: str, network: str) -> None:
    if not host:
        return
    ip = parse_ip(host)
    if ip is None:
        reason = _why_no_name(host)
        if reason:
            raise AddressError(f"host {host!r}: {reason}")
        return
    version = 6 if ":" in ip else 4
    if network.endswith(("4", "6")) and not network.endswith(str(version)):
        raise AddressError(
            f"host {host!r}: is an IPv{version} address, and {network} is without them"
        )


def _why_no_name(host: str) -> str:
    """Return why no host can have this name; empty if one can."""
    if ":" in host or "%" in host:
        return "not an IPv6 address"
    if _NUMBERS.fullmatch(host):
        return "not an IPv4 address (four numbers to 255, no leading zeros)"
    name = host.removesuffix(".")
    if len(name) > 253:
        return f"name of {len(name)} characters is over 253"
    for label in name.split("."):
        if not _LABEL.fullmatch(label):
            return f"not a host name, for its part {label!r}"
    return ""
