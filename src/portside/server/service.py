"""What is served at an endpoint: a function of a conn, of a packet, or one of each.

In       functions
Out      one value that says what can be served, and where it is usually found
Source   RFC 862 to 868: a service has one port, and one way for each transport
Holds    nothing
Fails    HandlerError, in one sentence
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from portside.errors import HandlerError
from portside.names import PACKET_NETWORKS
from portside.net import Conn
from portside.net.packet import Packet
from portside.server.handlers import check_callable, handler_name

__all__ = ["Handler", "PacketHandler", "Service", "packet_handler", "service_of"]

Handler = Callable[[Conn], object]
"""Holds the conversation with one peer; its return ends the stream."""

PacketHandler = Callable[[Packet], object]
"""Answers one packet, or does not."""

Function = TypeVar("Function", bound=PacketHandler)

_MARK = "handles_packets"


@dataclass(frozen=True, kw_only=True)
class Service:
    """What speaks one protocol over streams, over packets, or over both.

    >>> def hello(conn):
    ...     conn.write(b"hello")
    >>> Service(stream=hello).transports
    ('tcp',)

    Attributes:
        stream: serves a conn.
        packet: answers a packet.
        port: where people look for it; 0 for no such place.
        is_guarded: it answers whoever asks, so its packets pass the guard: see
            `portside.server.guard`.
        dials: how many conns it dials for each that it serves, so that there are
            descriptors for those too.

    Raises:
        HandlerError: neither is given, or one is no function of one argument.
    """

    stream: Handler | None = None
    packet: PacketHandler | None = None
    port: int = 0
    is_guarded: bool = False
    dials: int = 0

    def __post_init__(self) -> None:
        if self.stream is None and self.packet is None:
            raise HandlerError("a service needs a handler: stream=, packet=, or both")
        if self.stream is not None:
            check_callable(self.stream, "the conn")
        if self.packet is not None:
            check_callable(self.packet, "the packet")

    @property
    def transports(self) -> tuple[str, ...]:
        """The networks that it is served at where nobody names one."""
        return tuple(
            network
            for network, handler in (("tcp", self.stream), ("udp", self.packet))
            if handler is not None
        )

    def check_network(self, network: str) -> None:
        """Return if it can be served there.

        Raises:
            HandlerError: it cannot: conns and packets are swapped.
        """
        if network in PACKET_NETWORKS and self.packet is None:
            raise HandlerError(
                f"handler {handler_name(self.stream)}: is a function of a conn, and "
                f"{network} carries packets: mark a function of a packet with "
                f"@packet_handler"
            )
        if network not in PACKET_NETWORKS and self.stream is None:
            raise HandlerError(
                f"handler {handler_name(self.packet)}: is a function of a packet, and "
                f"{network} carries conns: serve it at udp"
            )


def packet_handler(function: Function) -> Function:
    """Say of a function that it answers packets: a decorator.

    >>> @packet_handler
    ... def echo(packet):
    ...     packet.reply(packet.data)

    Raises:
        HandlerError: it is no function of one argument.
    """
    check_callable(function, "the packet")
    try:
        setattr(function, _MARK, True)
    except AttributeError:
        raise HandlerError(
            f"handler {handler_name(function)}: cannot be marked: write a def around it"
        ) from None
    return function


def service_of(handler: Any) -> Service:
    """Return what is to be served: a service as it is, a function as one of its kind.

    Raises:
        HandlerError: it is neither.
    """
    if isinstance(handler, Service):
        return handler
    if getattr(handler, _MARK, False):
        return Service(packet=handler)
    check_callable(handler, "the conn")
    return Service(stream=handler)
