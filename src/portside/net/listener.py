"""Listen at an endpoint, and accept conns there.

In       an endpoint
Out      a listener: sockets that are bound, and the conns that come
Source   socket(7), listen(2), ipv6(7); Go's net for the choice of family
Holds    one socket for each address of the host; a wildcard is one dual-stack socket
Fails    InUseError, DeniedError, ResolveError, AddressError: from listen;
         ClosedError, DeadlineError: from accept
"""

import errno
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Self

from portside.engine import Descriptor, Event, Gate, shield, timeout, wait_accept
from portside.errors import (
    ClosedError,
    DeadlineError,
    Error,
    InUseError,
    WouldBlockError,
    from_os_error,
)
from portside.names import (
    Endpoint,
    IPAddress,
    is_unspecified,
    join_host_port,
    parse_ip,
)
from portside.net.conn import Conn
from portside.net.options import prepare_stream
from portside.net.resolve import Resolver, resolve
from portside.net.stream import SocketStream
from portside.net.target import Target, endpoint_of, sockaddr_of

__all__ = ["PASSED_OVER", "Control", "Listener", "listen"]

Control = Callable[[str, IPAddress, socket.socket], object]
"""Called with the network, the address and the socket, before it is bound or connected:
the place for options that nothing else sets."""

MAX_PASSED_OVER = 16
"""Connections in a row that were gone: more is a trouble of this host, to be told."""

_SAME_PORT_TRIES = 10
_CLOSE_SECONDS = 1.0
"""How long a close waits for the tasks inside accept to leave: they were woken."""

PASSED_OVER = frozenset(
    getattr(errno, name)
    for name in (
        "ECONNABORTED",  # the client left the queue: accept(2)
        "EINTR",
        "EPROTO",
        "EPERM",  # a firewall's rule
        "ENETDOWN",  # from here on errors of the new connection's network, which
        "ENOPROTOOPT",  # Linux passes on through accept: accept(2), "Error handling"
        "EHOSTDOWN",
        "ENONET",
        "EHOSTUNREACH",
        "EOPNOTSUPP",
        "ENETUNREACH",
    )
    if hasattr(errno, name)
)
"""The errno of a connection that was gone before it was accepted."""


class Listener:
    """Sockets that are listened to, at one endpoint."""

    def __init__(self, network: str, descriptors: list[Descriptor]) -> None:
        self.network = network
        self._descriptors = descriptors
        self._addresses = tuple(
            IPAddress.from_sockaddr(network, each.socket.getsockname())
            for each in descriptors
        )
        self._next = 0
        self._gate = Gate(self._left)
        self._is_free = Event()

    def __repr__(self) -> str:
        places = ", ".join(str(each) for each in self._addresses)
        return f"<Listener {self.network} {places}>"

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """Where it listens; with port 0, the port that the kernel chose."""
        return self._addresses

    @property
    def address(self) -> IPAddress:
        """Where it listens, where that is one address.

        Raises:
            Error: the host has several addresses; see `addresses`.
        """
        if len(self._addresses) != 1:
            places = ", ".join(str(each) for each in self._addresses)
            raise Error(f"listens at several addresses, see addresses: {places}")
        return self._addresses[0]

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._gate.closed

    def filenos(self) -> tuple[int, ...]:
        """Return the numbers of its sockets, for a wait."""
        return tuple(each.number for each in self._descriptors)

    def accept(self) -> Conn:
        """Wait for a client and return the conn to it.

        A connection that broke before it was accepted is passed over.

        Raises:
            DeadlineError: the deadline or a timeout around came first, even if a client
                was waiting when it was asked.
            ClosedError: this listener was closed, perhaps meanwhile.
            Error: no descriptors or no memory left; the client still waits.
        """
        try:
            self._gate.enter()
            try:
                while True:
                    self._gate.check()
                    try:
                        return self.accept_nowait()
                    except WouldBlockError:
                        wait_accept(self.filenos(), self._gate.deadline)
            finally:
                self._gate.leave()
        except Error as error:
            raise self._located(error) from None

    def accept_nowait(self) -> Conn:
        """Return the conn to a client that waits, asking each address in turn.

        Raises:
            WouldBlockError: there is none.
            Error: no descriptors or no memory left; the client still waits.
        """
        passed_over = 0
        for _ in self._descriptors:
            self._next = (self._next + 1) % len(self._descriptors)
            bound = self._addresses[self._next]
            while True:
                try:
                    sock, peer = self._descriptors[self._next].accept_nowait()
                except WouldBlockError:
                    break
                except OSError as error:
                    if error.errno in PASSED_OVER and passed_over < MAX_PASSED_OVER:
                        passed_over += 1
                        continue
                    raise self._located(error) from error
                try:
                    return self._conn(sock, bound, peer)
                except OSError:
                    sock.close()  # it is gone already: it has no addresses any more
        raise self._located(WouldBlockError())

    def set_deadline(self, at: float | None) -> None:
        """Let accept, waiting now or to come, fail with DeadlineError from then on.

        Args:
            at: seconds on the clock of ``portside.now``; None takes it off.

        Raises:
            ClosedError: this listener is closed.
        """
        if self.closed:
            raise self._located(ClosedError(op="set"))
        self._gate.set_deadline(at)

    def close(self) -> None:
        """Listen no more; clients in the queue are reset, accepted conns live on.

        Returns when the address can be listened to again. Again is silent.
        """
        if self.closed:
            return
        self._gate.close()
        if self._gate.is_empty:
            self._left()
        try:
            with shield(), timeout(_CLOSE_SECONDS):
                self._is_free.wait()
        except DeadlineError:
            pass  # who is inside holds it a little longer; it is closed all the same

    def abandon(self) -> None:
        """Close this process's copy; who else has one goes on listening: for forks."""
        for each in self._descriptors:
            each.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _left(self) -> None:
        for each in self._descriptors:
            each.close()
        self._is_free.set()

    def _conn(self, sock: socket.socket, bound: IPAddress, peer: object) -> Conn:
        local = bound
        if is_unspecified(bound.ip):
            local = IPAddress.from_sockaddr(self.network, sock.getsockname())
        assert isinstance(peer, tuple)
        remote = IPAddress.from_sockaddr(self.network, peer)
        return Conn(SocketStream(sock, self.network, local, remote))

    def _located(self, error: OSError) -> Error:
        return from_os_error(
            error, op="accept", network=self.network, local=self._addresses[0]
        )


def listen(
    target: Target,
    address: str | None = None,
    *,
    backlog: int | None = None,
    control: Control | None = None,
    resolver: Resolver | None = None,
) -> Listener:
    """Listen at an endpoint.

    A name with several addresses is listened to at all of them, on one port. An empty
    host, ``0.0.0.0`` or ``[::]`` is every address of this host, IPv4 and IPv6 in one
    socket (``tcp4`` and ``tcp6`` keep to their own).

    >>> with listen("tcp", "127.0.0.1:0") as listener:
    ...     listener.address.ip
    '127.0.0.1'

    Args:
        target: a network (``"tcp"``), a whole endpoint (``"tcp://:7"``) or an address.
        address: ``host:port``, with a network; port 0 lets the kernel choose.
        backlog: how many clients may wait to be accepted; None is the kernel's most
            (``somaxconn``), and more than that is cut to it, listen(2).
        control: called before each bind.
        resolver: who is asked for the host's addresses; None is the system.

    Raises:
        AddressError: no such endpoint can be.
        ResolveError: the host has no address.
        InUseError: somebody listens there already.
        DeniedError: no right to this port (under 1024, for most users).
    """
    endpoint = endpoint_of(target, address)
    most = _somaxconn()
    backlog = most if backlog is None else min(backlog, most)
    try:
        places = _places(endpoint, resolver)
    except Error as error:
        error.op, error.network, error.remote = "listen", endpoint.network, None
        error.local = join_host_port(endpoint.host, endpoint.port)
        raise
    tries = _SAME_PORT_TRIES if endpoint.port == 0 and len(places) > 1 else 1
    while True:
        tries -= 1
        try:
            return Listener(endpoint.network, _open_all(places, backlog, control))
        except InUseError:
            if not tries:
                raise  # the port that the first place got is taken at another


def _places(endpoint: Endpoint, resolver: Resolver | None) -> list[IPAddress]:
    network, host, port = endpoint.network, endpoint.host, endpoint.port
    ip = parse_ip(host) if host else "::"
    if ip is not None and is_unspecified(ip.partition("%")[0]):
        if network == "tcp4" or (network == "tcp" and not socket.has_ipv6):
            return [IPAddress(network, "0.0.0.0", port)]
        return [IPAddress(network, "::", port)]
    return resolve(network, host, port, resolver)


def _open_all(
    places: list[IPAddress], backlog: int, control: Control | None
) -> list[Descriptor]:
    opened: list[Descriptor] = []
    port = places[0].port
    try:
        for place in places:
            at = IPAddress(place.network, place.ip, port, place.zone)
            opened.append(_open_either(at, backlog, control))
            port = opened[0].socket.getsockname()[1]
    except BaseException:
        for descriptor in opened:
            descriptor.close()
        raise
    return opened


def _open_either(at: IPAddress, backlog: int, control: Control | None) -> Descriptor:
    is_dual = at.network == "tcp" and at.ip == "::"
    try:
        return _open(at, backlog, control, is_dual=is_dual)
    except OSError as error:
        no_ipv6 = error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
        if is_dual and no_ipv6:  # a kernel without IPv6, or one told to have none
            any_ipv4 = IPAddress(at.network, "0.0.0.0", at.port)
            return _open(any_ipv4, backlog, control, is_dual=False)
        raise


def _open(
    at: IPAddress, backlog: int, control: Control | None, *, is_dual: bool
) -> Descriptor:
    family = socket.AF_INET6 if at.is_ipv6 else socket.AF_INET
    try:
        descriptor = Descriptor(Descriptor.open_socket(family, socket.SOCK_STREAM))
    except OSError as error:
        raise _located(error, at.network, at) from error
    sock = descriptor.socket
    try:
        # Or the port of a server that ended is taken until its last TIME-WAIT is over.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not is_dual)
        prepare_stream(sock)
        if control is not None:
            concrete = "tcp6" if at.is_ipv6 else "tcp4"
            control(concrete, at, sock)
        descriptor.bind(sockaddr_of(at))
        descriptor.listen(backlog)
    except OSError as error:
        descriptor.close()
        raise _located(error, at.network, at) from error
    except BaseException:
        descriptor.close()
        raise
    return descriptor


def _located(error: OSError, network: str, local: object) -> Error:
    return from_os_error(error, op="listen", network=network, local=local)


def _somaxconn() -> int:
    try:
        with open("/proc/sys/net/core/somaxconn") as file:
            return int(file.read())
    except (OSError, ValueError):
        return socket.SOMAXCONN
