"""A listener: sockets that are bound, and the conns that come.

In       descriptors that listen, as `listen` opens them
Out      conns, one for each client
Source   accept(2), listen(2)
Holds    the descriptors, and the file of a Unix socket, until it is closed
Fails    ClosedError, DeadlineError, WouldBlockError; Error: no descriptors, no memory
"""

import errno
import socket
from types import TracebackType
from typing import Any, Self

from portside.engine import Descriptor, Event, Gate, shield, timeout, wait_accept
from portside.errors import (
    ClosedError,
    DeadlineError,
    Error,
    WouldBlockError,
    from_os_error,
)
from portside.names import IPAddress, UnixAddress, is_unspecified
from portside.net.conn import Conn
from portside.net.socket_file import SocketFile
from portside.net.stream import SocketStream
from portside.net.target import address_of
from portside.net.unix_stream import STREAMS

__all__ = ["PASSED_OVER", "Listener"]

MAX_PASSED_OVER = 16
"""Connections in a row that were gone: more is a trouble of this host, to be told."""

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

    def __init__(
        self,
        network: str,
        descriptors: list[Descriptor],
        file: SocketFile | None = None,
    ) -> None:
        self.network = network
        self._descriptors = descriptors
        self._file = file
        self._addresses = tuple(
            address_of(network, each.socket.getsockname()) for each in descriptors
        )
        # None for every address of this host: then a conn's own is asked for.
        self._bound = [
            None if isinstance(each, IPAddress) and is_unspecified(each.ip) else each
            for each in self._addresses
        ]
        self._numbers = tuple(each.number for each in descriptors)
        self._next = 0
        self._gate = Gate(self._left)
        self._is_free = Event()

    def __repr__(self) -> str:
        places = ", ".join(str(each) for each in self._addresses)
        return f"<Listener {self.network} {places}>"

    @property
    def addresses(self) -> tuple[IPAddress | Any, ...]:
        """Where it listens; with port 0, the port that the kernel chose.

        Each is an `IPAddress`, or a `UnixAddress`: the network tells which, and a type
        checker is not made to ask.
        """
        return self._addresses

    @property
    def address(self) -> IPAddress | Any:
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
        return self._numbers

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
                        wait_accept(self.filenos(), self._gate.bound)
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
            bound = self._bound[self._next]
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

        Returns when the address can be listened to again. The file of a Unix socket
        goes, if this process made it and it is still the same. Again is silent.
        """
        if self.closed:
            return
        self.remove_file()  # first: who finds it is not refused by nobody
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

    def remove_file(self) -> None:
        """Remove the file of a Unix socket, where a fork listens on: nobody new comes.

        In a process that did not make it, and again, it does nothing.
        """
        if self._file is not None:
            self._file.remove()

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

    def _conn(
        self, sock: socket.socket, bound: IPAddress | UnixAddress | None, peer: Any
    ) -> Conn:
        local = bound or sock.getsockname()  # now: it may be gone when it is asked for
        kind = STREAMS.get(self.network, SocketStream)
        return Conn(kind.accepted(sock, self.network, local, peer))

    def _located(self, error: OSError) -> Error:
        return from_os_error(
            error, op="accept", network=self.network, local=self._addresses[0]
        )
