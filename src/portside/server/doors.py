"""What a server hears at: listeners for conns, packet conns for packets.

In       services, each with its endpoints
Out      all of them open, or none
Source   RFC 862 to 868: a service is found at one port, over TCP and over UDP
Holds    the listeners and the packet conns
Fails    HandlerError: conns and packets are swapped; InUseError, DeniedError ... of the
         first endpoint that cannot be had

An endpoint without a network is that of every transport that the service speaks, all at
one port.
"""

from collections.abc import Iterable, Iterator

from portside.errors import InUseError
from portside.names import (
    PACKET_NETWORKS,
    Address,
    AnyEndpoint,
    Endpoint,
    InheritedEndpoint,
    IPAddress,
    is_loopback,
    parse_endpoint,
)
from portside.net import Listener, PacketConn, listen, listen_packets
from portside.net.inherited import inherited_network
from portside.net.target import Target, endpoint_of
from portside.server.guard import Guard
from portside.server.packets import PacketDoor
from portside.server.service import Handler, Service

__all__ = ["Doors"]

SAME_PORT_TRIES = 10
"""How often to look for a port that every transport has free: a guess."""


class Doors:
    """Where a server is found.

    Attributes:
        conns: the listeners, each with the handler of its conns.
        packets: the packet conns with their handlers.
    """

    def __init__(self) -> None:
        self.conns: list[tuple[Listener, Handler]] = []
        self.packets: list[PacketDoor] = []
        self._served: list[tuple[Service, Listener | PacketConn]] = []
        # Endpoints that stand together are to have one port.
        self._places: list[tuple[Service, list[AnyEndpoint]]] = []

    def add(self, service: Service, targets: Iterable[Target]) -> None:
        """Say where a service is to be found, once the doors are opened.

        Raises:
            AddressError: no such endpoint can be.
            HandlerError: an endpoint of conns for a handler of packets, or swapped.
        """
        for target in targets:
            endpoints = _endpoints(service, target)
            for endpoint in endpoints:
                if not isinstance(endpoint, InheritedEndpoint):
                    service.check_network(endpoint.network)
            self._places.append((service, endpoints))

    def open(
        self, backlog: int | None, *, guard_packets: bool, processes: int = 1
    ) -> None:
        """Open all of them; clients wait in the queue, packets in the buffer.

        Args:
            guard_packets: services that answer whoever asks are guarded.
            processes: how many will hear there.

        Raises:
            Error: one that cannot be had; then none is open.
        """
        conns: list[tuple[Listener, Handler]] = []
        found: list[tuple[PacketConn, Service]] = []
        served: list[tuple[Service, Listener | PacketConn]] = []
        try:
            for service, endpoints in self._places:
                for endpoint in endpoints:
                    service.check_network(_network(endpoint))
                listeners, heard = _open_at_one_port(endpoints, backlog)
                served += [(service, each) for each in listeners]
                served += [(service, each) for each in heard]
                found += [(packets, service) for packets in heard]
                for listener in listeners:
                    assert service.stream is not None
                    conns.append((listener, service.stream))
        except BaseException:
            _close_all(listener for listener, _ in conns)
            _close_all(packets for packets, _ in found)
            raise
        self.conns += conns
        self._served += served
        # Each guard is to know all ports, so that no service answers another.
        ports = _ports(packets.local_address for packets, _ in found)
        # And what one service has answered counts for the others.
        guards = {
            on_loopback: Guard(ports, on_loopback=on_loopback, processes=processes)
            for on_loopback in (False, True)
        }
        for packets, service in found:
            guard = None
            if guard_packets and service.is_guarded:
                guard = guards[_is_loopback(packets.local_address)]
            assert service.packet is not None
            self.packets.append(PacketDoor(packets, service.packet, guard))

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Every address that something is heard at."""
        conns = [each for listener, _ in self.conns for each in listener.addresses]
        return (*conns, *(door.packets.local_address for door in self.packets))

    @property
    def served(self) -> Iterator[tuple[Service, Address]]:
        """Every address with what is served there, as it was added."""
        for service, heard_by in self._served:
            if isinstance(heard_by, Listener):
                yield from ((service, each) for each in heard_by.addresses)
            else:
                yield service, heard_by.local_address

    @property
    def conns_each(self) -> int:
        """How many conns there are at the most for one that is accepted."""
        return 1 + max((each.dials for each, _ in self._places), default=0)

    def descriptors(self) -> set[int]:
        """Return the numbers of all sockets."""
        numbers = {n for listener, _ in self.conns for n in listener.filenos()}
        return numbers | {door.packets.fileno() for door in self.packets}

    def close(self) -> None:
        """Hear nobody any more; again is silent."""
        for listener, _ in self.conns:
            listener.close()
        for door in self.packets:
            door.packets.close()

    def abandon(self) -> None:
        """Close this process's copies: a child hears there."""
        for listener, _ in self.conns:
            listener.abandon()
        for door in self.packets:
            door.packets.abandon()

    def remove_files(self) -> None:
        """Remove the files of Unix sockets, where this process made them."""
        for listener, _ in self.conns:
            listener.remove_file()
        for door in self.packets:
            door.packets.remove_file()


def _open_at_one_port(
    endpoints: list[AnyEndpoint], backlog: int | None
) -> tuple[list[Listener], list[PacketConn]]:
    tries = SAME_PORT_TRIES
    while True:
        tries -= 1
        listeners: list[Listener] = []
        found: list[PacketConn] = []
        port = 0
        try:
            for endpoint in endpoints:
                at = _with_port(endpoint, port)
                if _network(at) in PACKET_NETWORKS:
                    found += listen_packets(at)
                else:
                    listeners.append(listen(at, backlog=backlog))
                    port = _first_port(listeners[-1])
            return listeners, found
        except BaseException as error:
            _close_all(listeners)
            _close_all(found)
            is_free_to_choose = any(map(_asks_for_any_port, endpoints))
            is_taken = isinstance(error, InUseError)
            if is_taken and is_free_to_choose and port and tries:
                continue  # the port that the first one got is taken at another
            raise


def _close_all(opened: Iterable[Listener | PacketConn]) -> None:
    for each in opened:
        each.close()


def _network(endpoint: AnyEndpoint) -> str:
    """Return its network; a socket that was passed says its own."""
    if isinstance(endpoint, InheritedEndpoint):
        return inherited_network(endpoint)
    return endpoint.network


def _endpoints(service: Service, target: Target) -> list[AnyEndpoint]:
    endpoint = parse_endpoint(target) if isinstance(target, str) else target
    if isinstance(endpoint, Endpoint) and not endpoint.network:
        return [
            Endpoint(network, endpoint.host, endpoint.port)
            for network in service.transports
        ]
    return [endpoint_of(endpoint, None)]


def _with_port(endpoint: AnyEndpoint, port: int) -> AnyEndpoint:
    if _asks_for_any_port(endpoint) and isinstance(endpoint, Endpoint):
        return Endpoint(endpoint.network, endpoint.host, port)
    return endpoint


def _asks_for_any_port(endpoint: AnyEndpoint) -> bool:
    return isinstance(endpoint, Endpoint) and endpoint.port == 0


def _first_port(listener: Listener) -> int:
    first = listener.addresses[0]
    return first.port if isinstance(first, IPAddress) else 0


def _ports(addresses: Iterable[Address]) -> frozenset[int]:
    return frozenset(each.port for each in addresses if isinstance(each, IPAddress))


def _is_loopback(address: Address) -> bool:
    return isinstance(address, IPAddress) and is_loopback(address.ip)
