"""What is meant by the first arguments of dial and listen.

In       ``("tcp", "localhost:7")``, ``("tcp://localhost:7",)``, or an `IPAddress`
Out      an endpoint; and for an address, what the socket module wants
Fails    AddressError, UnknownNetworkError
"""

import socket
from typing import Any

from portside.errors import AddressError
from portside.names import (
    Address,
    Endpoint,
    IPAddress,
    check_network,
    parse_endpoint,
)

__all__ = ["Target", "endpoint_of", "sockaddr_of"]

Target = str | Address | Endpoint


def endpoint_of(target: Target, address: str | None) -> Endpoint:
    """Return the endpoint that a caller named in one of the three ways.

    >>> print(endpoint_of("tcp", "localhost:echo"))
    tcp://localhost:7
    >>> print(endpoint_of("tcp4://localhost:7", None))
    tcp4://localhost:7
    """
    if isinstance(target, Endpoint):
        return target
    if isinstance(target, IPAddress):
        return Endpoint(target.network, target.host, target.port)
    if isinstance(target, Address):
        check_network(target.network)
    text = str(target)
    if address is None:
        if "://" not in text:
            raise AddressError(
                f"endpoint {text!r}: has no network (write tcp://{text}, "
                f"or give the network first)"
            )
        return parse_endpoint(text)
    check_network(text)
    if "://" in address:
        raise AddressError(
            f"endpoint {address!r}: the network {text!r} is given already"
        )
    return parse_endpoint(address, default_network=text)


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
