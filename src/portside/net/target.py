"""What is meant by the first arguments of dial and listen.

In       ``("tcp", "localhost:7")``, ``("tcp://localhost:7",)``, or an `Address`
Out      an endpoint; and for an address, what the socket module wants
Fails    AddressError, UnknownNetworkError
"""

import socket
from collections.abc import Callable
from typing import Any

from portside.errors import AddressError, UnknownNetworkError
from portside.names import (
    INHERITED_NETWORKS,
    PACKET_NETWORKS,
    UNIX_NETWORKS,
    Address,
    AnyEndpoint,
    Endpoint,
    InheritedEndpoint,
    IPAddress,
    UnixAddress,
    check_network,
    parse_endpoint,
)

__all__ = [
    "Control",
    "Target",
    "address_of",
    "endpoint_of",
    "sockaddr_of",
    "stream_endpoint_of",
]

Target = str | Address | AnyEndpoint

Control = Callable[[str, Any, socket.socket], object]
"""Called with the network, the address (an `IPAddress` or a `UnixAddress`) and the
socket, before it is bound or connected: for options that nothing else sets."""

_COLON_NETWORKS = (*UNIX_NETWORKS, *INHERITED_NETWORKS)
"""Those that are written without slashes."""


def endpoint_of(target: Target, address: str | None) -> AnyEndpoint:
    """Return the endpoint that a caller named in one of the three ways.

    >>> print(endpoint_of("tcp", "localhost:echo"))
    tcp://localhost:7
    >>> print(endpoint_of("tcp4://localhost:7", None))
    tcp4://localhost:7
    >>> endpoint_of("unix", "/run/echo.sock")
    UnixAddress(network='unix', path='/run/echo.sock')
    """
    if isinstance(target, Endpoint | InheritedEndpoint):
        return target
    if isinstance(target, IPAddress):
        return Endpoint(target.network, target.host, target.port)
    if isinstance(target, UnixAddress):
        target.sockaddr  # noqa: B018  it says what is wrong with the path
        return target
    if isinstance(target, Address):
        check_network(target.network)
    text = str(target)
    if address is None:
        if "://" not in text and text.partition(":")[0] not in _COLON_NETWORKS:
            raise AddressError(
                f"endpoint {text!r}: has no network (write tcp://{text}, "
                f"or give the network first)"
            )
        return parse_endpoint(text)
    check_network(text)
    endpoint = parse_endpoint(address, default_network=text)
    said = f"{text}:" if text in UNIX_NETWORKS else f"{text}://"
    if endpoint.network != text or address.startswith(said):
        raise AddressError(
            f"endpoint {address!r}: the network {text!r} is given already"
        )
    return endpoint


def stream_endpoint_of(target: Target, address: str | None) -> AnyEndpoint:
    """Return the endpoint, of a network that carries conns.

    Raises:
        UnknownNetworkError: it carries packets, or no network was said.
    """
    endpoint = endpoint_of(target, address)
    if not isinstance(endpoint, InheritedEndpoint):
        check_network(endpoint.network)
    if endpoint.network in PACKET_NETWORKS:
        raise UnknownNetworkError(
            f"network {endpoint.network!r}: carries packets, each on its own, and no "
            f"conns: use listen_packet"
        )
    return endpoint


def address_of(network: str, sockaddr: Any) -> IPAddress | UnixAddress:
    """Return the address that the socket module gave, by the network it is of."""
    if network in UNIX_NETWORKS:
        return UnixAddress.from_sockaddr(network, sockaddr)
    return IPAddress.from_sockaddr(network, sockaddr)


def sockaddr_of(address: IPAddress) -> tuple[Any, ...]:
    """Return the tuple for connect and bind, a zone's name turned into its number."""
    if not address.zone or address.zone.isdigit():
        return address.sockaddr
    try:
        index = socket.if_nametoindex(address.zone)
    except OSError:
        raise AddressError(
            f"address {str(address)!r}: no interface {address.zone!r} on this host"
        ) from None
    return (address.ip, address.port, 0, index)
