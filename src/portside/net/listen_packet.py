"""Hear packets at an endpoint, or exchange them with one address.

In       an endpoint
Out      a packet conn: bound, or bound and connected
Source   udp(7), bind(2), connect(2) for datagram sockets; Go's net.ListenPacket
Holds    nothing
Fails    InUseError, DeniedError, ResolveError, AddressError

No address is shared unless it is a group's (SO_REUSEADDR): for datagrams that option
lets a second server take the packets of the first without a word.
"""

import socket

from portside.engine import DatagramDescriptor
from portside.errors import (
    AddressError,
    DeniedError,
    Error,
    UnknownNetworkError,
    from_os_error,
)
from portside.names import (
    PACKET_NETWORKS,
    Address,
    AnyEndpoint,
    InheritedEndpoint,
    IPAddress,
    UnixAddress,
    is_multicast,
    is_unspecified,
)
from portside.net.bind import bind_at, bind_everywhere
from portside.net.inherited import inherit_packets
from portside.net.packet_conn import PacketConn
from portside.net.pktinfo import CONTROL_BYTES
from portside.net.resolve import Resolver
from portside.net.target import Control, Target, endpoint_of, sockaddr_of
from portside.net.unixgram import listen_unixgram

__all__ = ["connect_packets", "listen_packet", "listen_packets"]


def listen_packet(
    target: Target,
    address: str | None = None,
    *,
    control: Control | None = None,
    resolver: Resolver | None = None,
) -> PacketConn:
    """Hear packets at an endpoint.

    An empty host, ``0.0.0.0`` or ``[::]`` is every address of this host, IPv4 and IPv6
    in one socket; answers leave from the address that was asked. Of a name with several
    addresses the first is taken; see `listen_packets`.

    >>> with listen_packet("udp", "127.0.0.1:0") as packets:
    ...     packets.send(b"to myself", packets.local_address)
    ...     packets.receive().data
    b'to myself'

    Args:
        target: a network (``"udp"``, ``"unixgram"``), a whole endpoint (``"udp://:7"``)
            or an address.
        address: ``host:port``, with a network; port 0 lets the kernel choose. A
            multicast group's address hears that group alone, together with others on
            this host; `PacketConn.join` it.
        control: called before the bind.
        resolver: who is asked for the host's addresses; None is the system.

    Raises:
        AddressError: no such endpoint can be.
        ResolveError: the host has no address.
        InUseError: somebody hears there already.
        DeniedError: no right to this port (under 1024, for most users).
    """
    return _listen(_packet_endpoint(target, address), control, resolver, at_most=1)[0]


def listen_packets(
    target: Target,
    address: str | None = None,
    *,
    control: Control | None = None,
    resolver: Resolver | None = None,
) -> list[PacketConn]:
    """Hear packets at each address of an endpoint's host, all at one port.

    The arguments and the errors are those of `listen_packet`.
    """
    return _listen(_packet_endpoint(target, address), control, resolver)


def _listen(
    endpoint: AnyEndpoint,
    control: Control | None,
    resolver: Resolver | None,
    at_most: int | None = None,
) -> list[PacketConn]:
    if isinstance(endpoint, UnixAddress):
        return [listen_unixgram(endpoint, control)]
    if isinstance(endpoint, InheritedEndpoint):
        return _inherited(endpoint)

    def open_at(at: IPAddress, is_dual: bool) -> DatagramDescriptor:
        descriptor = _open(at)
        try:
            if is_multicast(at.ip):
                descriptor.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bind_at(descriptor, at, control, is_dual=is_dual)
        except BaseException:
            descriptor.close()
            raise
        return descriptor

    network = endpoint.network
    return [
        PacketConn(each, network, _bound(network, each))
        for each in bind_everywhere(endpoint, resolver, open_at, at_most=at_most)
    ]


def connect_packets(
    places: list[IPAddress], source: IPAddress | None, control: Control | None
) -> PacketConn:
    """Return a packet conn to the first place that there is a way to: for `dial`.

    Raises:
        AddressError: to port 0.
        Error: there is a way to none of them; it is the first one's.
    """
    first: Error | None = None
    for place in places:
        try:
            return _connect(place, source, control)
        except Error as error:
            first = first or error
    assert first is not None
    raise first


def _connect(
    place: IPAddress, source: IPAddress | None, control: Control | None
) -> PacketConn:
    if not place.port:
        raise AddressError(
            "nobody is at port 0", op="dial", network=place.network, remote=place
        )
    descriptor = _open(place)
    try:
        if source is not None:
            any_ip = "::" if place.is_ipv6 else "0.0.0.0"
            ip = any_ip if is_unspecified(source.ip) else source.ip
            at = IPAddress(place.network, ip, source.port, source.zone)
            bind_at(descriptor, at, control, is_dual=False)
        elif control is not None:
            family = 6 if place.is_ipv6 else 4
            control(f"udp{family}", place, descriptor.socket)
        _connect_now(descriptor, place)
        return PacketConn(
            descriptor, place.network, _bound(place.network, descriptor), place
        )
    except OSError as error:
        descriptor.close()
        located = from_os_error(
            error, op="dial", network=place.network, local=source, remote=place
        )
        if located is error:
            raise
        raise located from error
    except BaseException:
        descriptor.close()
        raise


def _connect_now(descriptor: DatagramDescriptor, place: IPAddress) -> None:
    try:
        descriptor.connect_now(sockaddr_of(place))
    except PermissionError as error:
        sock = descriptor.socket
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST):
            raise
        raise DeniedError(
            "permission denied: to a broadcast address only with SO_BROADCAST, which "
            "listen_packet has as set_broadcast; set SO_BROADCAST in control= here"
        ) from error


def _open(at: IPAddress) -> DatagramDescriptor:
    family = socket.AF_INET6 if at.is_ipv6 else socket.AF_INET
    sock = DatagramDescriptor.open_socket(family, socket.SOCK_DGRAM)
    return DatagramDescriptor(sock, CONTROL_BYTES)


def _packet_endpoint(target: Target, address: str | None) -> AnyEndpoint:
    endpoint = endpoint_of(target, address)
    if isinstance(endpoint, InheritedEndpoint):
        return endpoint
    if endpoint.network not in PACKET_NETWORKS:
        raise UnknownNetworkError(
            f"network {endpoint.network!r}: carries conns, and no packets: use listen"
        )
    return endpoint


def _inherited(endpoint: InheritedEndpoint) -> list[PacketConn]:
    try:
        network, descriptors = inherit_packets(endpoint)
    except OSError as error:
        located = from_os_error(
            error, op="listen", network=endpoint.network, local=endpoint
        )
        if located is error:
            raise
        raise located from error
    return [PacketConn(each, network, _bound(network, each)) for each in descriptors]


def _bound(network: str, descriptor: DatagramDescriptor) -> Address:
    name = descriptor.socket.getsockname()
    if network == "unixgram":
        return UnixAddress.from_sockaddr(network, name)
    return IPAddress.from_sockaddr(network, name)
