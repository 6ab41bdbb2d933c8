"""Unix datagram sockets: packets between processes of one host.

In       a `UnixAddress`
Out      a packet conn: bound to a path, or connected to one
Source   unix(7): unlike UDP it loses nothing, and keeps the order; a sender waits while
         the receiver's queue is full
Holds    nothing
Fails    as `unix`

Who has no name of its own cannot be answered. So a client gets one from the kernel, an
abstract name that nobody else has (Linux only; elsewhere it stays without).
"""

import socket
import sys

from portside.engine import DatagramDescriptor
from portside.errors import AddressError, from_os_error
from portside.names import UnixAddress
from portside.net.packet_conn import PacketConn
from portside.net.pktinfo import CONTROL_BYTES
from portside.net.socket_file import SocketFile, lock_path
from portside.net.target import Control
from portside.net.unix import bind_path, dial_error

__all__ = ["dial_unixgram", "listen_unixgram"]


def listen_unixgram(address: UnixAddress, control: Control | None) -> PacketConn:
    """Hear packets at a path or an abstract name; for `listen_packet`.

    Raises:
        InUseError: somebody hears there, or a file that is no socket is there.
    """
    descriptor = _open()
    file: SocketFile | None = None
    try:
        if control is not None:
            control(address.network, address, descriptor.socket)
        if address.is_abstract:
            descriptor.bind(address.sockaddr)
        else:
            with lock_path(address.path):
                bind_path(descriptor, address, socket.SOCK_DGRAM)
                file = SocketFile(address.path)
        bound = UnixAddress.from_sockaddr(
            address.network, descriptor.socket.getsockname()
        )
        remove = None if file is None else file.remove
        return PacketConn(descriptor, address.network, bound, remove_file=remove)
    except OSError as error:
        descriptor.close()
        located = from_os_error(
            error, op="listen", network=address.network, local=address
        )
        if located is error:
            raise
        raise located from error
    except BaseException:
        descriptor.close()
        raise


def dial_unixgram(address: UnixAddress, control: Control | None) -> PacketConn:
    """Return a packet conn to a path or an abstract name; for `dial`.

    Raises:
        RefusedError: a socket's file, and nobody behind it.
        NotFoundError: there is no such file.
    """
    if address.sockaddr == b"":
        raise AddressError(f"endpoint {address.endpoint_text!r}: only to listen at")
    descriptor = _open()
    try:
        if control is not None:
            control(address.network, address, descriptor.socket)
        if sys.platform.startswith("linux"):
            descriptor.bind(b"")  # the kernel chooses a name: unix(7), "Autobind"
        descriptor.connect_now(address.sockaddr)
        own = UnixAddress.from_sockaddr(
            address.network, descriptor.socket.getsockname()
        )
        return PacketConn(descriptor, address.network, own, address)
    except OSError as error:
        descriptor.close()
        located = dial_error(error, address)
        if located is error:
            raise
        raise located from error
    except BaseException:
        descriptor.close()
        raise


def _open() -> DatagramDescriptor:
    sock = DatagramDescriptor.open_socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    return DatagramDescriptor(sock, CONTROL_BYTES)
