"""Options of a packet conn, in words.

In       what is wanted of its socket
Source   socket(7), ip(7), ipv6(7)
Holds    nothing; `PacketConn` is this and what sends and receives
Fails    ClosedError: it is closed; Error as the kernel gives it
"""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from portside.engine import DatagramDescriptor
from portside.errors import ClosedError
from portside.names import IPAddress
from portside.net import options
from portside.net.located import located_as
from portside.net.multicast import join_group, leave_group, set_multicast

__all__ = ["PacketOptions"]


class PacketOptions:
    """What can be set about a packet conn."""

    network: str
    local_address: IPAddress | Any
    remote_address: IPAddress | Any
    _descriptor: DatagramDescriptor

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._descriptor.closed

    def set_broadcast(self, enabled: bool) -> None:
        """Allow sending to broadcast addresses: every host of a network gets those."""
        with self._setting() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, enabled)

    def set_buffer_sizes(
        self, *, receive: int | None = None, send: int | None = None
    ) -> None:
        """Set the kernel's buffers, in bytes; Linux doubles what it is told.

        What comes while the receive buffer is full is dropped.
        """
        with self._setting() as sock:
            options.set_buffer_sizes(sock, receive, send)

    def join(self, group: str, interface: str = "") -> None:
        """Hear what is sent to a multicast group too.

        Args:
            group: its IP address.
            interface: the name of the interface to hear it on; empty lets the routes
                choose.

        Raises:
            AddressError: no multicast address of this family, or no such interface.
            Error: the kernel cannot, as for too many groups.
        """
        with self._setting() as sock:
            join_group(sock, group, interface)

    def leave(self, group: str, interface: str = "") -> None:
        """Hear the group no more; the arguments are those of `join`."""
        with self._setting() as sock:
            leave_group(sock, group, interface)

    def set_multicast(
        self,
        *,
        interface: str | None = None,
        max_hops: int | None = None,
        hear_own: bool | None = None,
    ) -> None:
        """Say how packets to a group are sent; None leaves one as it is.

        Args:
            interface: the name of the interface that they leave by.
            max_hops: how many routers may pass them on, from 0 (this host) to 255; the
                kernel's default is 1, this network.
            hear_own: whether members on this host get them; the default is yes.
        """
        with self._setting() as sock:
            set_multicast(sock, interface, max_hops, hear_own)

    def _check_open(self) -> None:
        if self.closed:
            raise located_as("set", self)(ClosedError())

    @contextlib.contextmanager
    def _setting(self) -> Iterator[socket.socket]:
        self._check_open()
        try:
            yield self._descriptor.socket
        except OSError as error:
            located = located_as("set", self)(error)
            if located is error:
                raise
            raise located from error
