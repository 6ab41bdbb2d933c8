"""To whom a packet goes, as a socket wants to be told.

In       an address, or ``host:port``; the socket that is to send there
Out      what sendto(2) takes
Source   ipv6(7) for IPv4 addresses on a dual-stack socket
Holds    nothing
Fails    AddressError: of another network or family than the socket; ResolveError
"""

import socket
from typing import Any

from portside.errors import AddressError
from portside.names import Address, Endpoint, IPAddress, UnixAddress
from portside.net.resolve import resolve
from portside.net.target import endpoint_of, sockaddr_of

__all__ = ["receiver_of"]


def receiver_of(address: Address | str, network: str, sock: socket.socket) -> Any:
    """Return what the socket module wants, so that sock sends to an address.

    Args:
        address: as text ``host:port``, or a path on a Unix network.
        network: of the socket.
        sock: a datagram socket.
    """
    if sock.family == socket.AF_UNIX:
        if isinstance(address, str):
            address = UnixAddress(network, address)
        if not isinstance(address, UnixAddress):
            raise _misfit(address, network)
        return address.sockaddr
    if isinstance(address, str):
        endpoint = endpoint_of(network, address)
        assert isinstance(endpoint, Endpoint)
        found = resolve(network, endpoint.host, endpoint.port)
        # Of a name with addresses of both families, one that this socket reaches.
        address = next((each for each in found if _reaches(sock, each)), found[0])
    if not isinstance(address, IPAddress) or not _reaches(sock, address):
        raise _misfit(address, network)
    if not address.port:
        raise AddressError(f"address {str(address)!r}: nobody is at port 0")
    if address.is_ipv6:
        return sockaddr_of(address)
    if sock.family == socket.AF_INET:
        return address.sockaddr
    return (f"::ffff:{address.ip}", address.port)


def _reaches(sock: socket.socket, address: IPAddress) -> bool:
    if address.is_ipv6 or sock.family == socket.AF_INET:
        return address.is_ipv6 == (sock.family == socket.AF_INET6)
    return not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


def _misfit(address: Address, network: str) -> AddressError:
    return AddressError(
        f"address {str(address)!r}: this socket of {network} cannot send there"
    )
