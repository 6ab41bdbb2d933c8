"""Sockets that whoever started this process opened for it.

In       ``fd:3``, ``systemd:NAME``, and what systemd says in the environment
Out      the sockets, which listen already, and the network that they are on
Source   sd_listen_fds(3), systemd.socket(5), socket(7) for SO_ACCEPTCONN
Holds    which numbers are in use, so that one is not taken twice
Fails    NotFoundError: nothing was passed under this name; InUseError: it was taken;
         UnknownNetworkError: it carries packets and is to carry conns, or the other
         way round; Error: no socket, or none that listens or is bound

Who starts a service in this way can keep its clients waiting while it restarts, and can
bind a port that the service itself has no right to. So a close here closes our copy and
leaves the rest alone: no file is removed, as it was not made here.
"""

import errno
import os
import re
import socket
import weakref
from collections.abc import Callable, Mapping
from typing import TypeVar

from portside.engine import DatagramDescriptor, Descriptor
from portside.errors import Error, InUseError, NotFoundError, UnknownNetworkError
from portside.names import PACKET_NETWORKS, InheritedEndpoint
from portside.net.options import prepare_stream
from portside.net.pktinfo import CONTROL_BYTES

__all__ = ["inherit", "inherit_packets", "inherited_network"]

FIRST_NUMBER = 3
"""Where systemd begins: SD_LISTEN_FDS_START, sd_listen_fds(3)."""

_COUNT = re.compile(r"[0-9]{1,6}")  # fs.nr_open of Linux is a million

UNNAMED = "unknown"
"""What a descriptor without a name is called: sd_listen_fds_with_names(3)."""

Taken = TypeVar("Taken", bound=Descriptor)

_taken: "weakref.WeakValueDictionary[int, Descriptor]" = weakref.WeakValueDictionary()

_NETWORKS = {
    (socket.AF_INET, socket.SOCK_STREAM): "tcp",
    (socket.AF_INET6, socket.SOCK_STREAM): "tcp",
    (socket.AF_UNIX, socket.SOCK_STREAM): "unix",
    (socket.AF_UNIX, socket.SOCK_SEQPACKET): "unixpacket",
    (socket.AF_INET, socket.SOCK_DGRAM): "udp",
    (socket.AF_INET6, socket.SOCK_DGRAM): "udp",
    (socket.AF_UNIX, socket.SOCK_DGRAM): "unixgram",
}


def inherited_network(
    endpoint: InheritedEndpoint, environ: Mapping[str, str] = os.environ
) -> str:
    """Return the network of the sockets that were passed under a name.

    They stay as they are: whoever knows what to do with that network takes them.
    """
    network, sockets = _sockets(endpoint, environ, lambda sock, network: None)
    for each in sockets:
        each.detach()
    return network


def inherit(
    endpoint: InheritedEndpoint, environ: Mapping[str, str] = os.environ
) -> tuple[str, list[Descriptor]]:
    """Return the network and the listening sockets that were passed under a name.

    Args:
        endpoint: ``fd:NUMBER``; or ``systemd:NAME``, which may be several sockets.
        environ: where LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES are.
    """
    network, sockets = _sockets(endpoint, environ, _check_listens)
    if network == "tcp":
        for each in sockets:
            prepare_stream(each)
    return network, [_take(each, Descriptor(each)) for each in sockets]


def inherit_packets(
    endpoint: InheritedEndpoint, environ: Mapping[str, str] = os.environ
) -> tuple[str, list[DatagramDescriptor]]:
    """Do the same for sockets that carry packets."""
    network, sockets = _sockets(endpoint, environ, _check_hears)
    return network, [
        _take(each, DatagramDescriptor(each, CONTROL_BYTES)) for each in sockets
    ]


def _take(sock: socket.socket, descriptor: Taken) -> Taken:
    sock.set_inheritable(False)
    _taken[descriptor.number] = descriptor
    return descriptor


def _sockets(
    endpoint: InheritedEndpoint,
    environ: Mapping[str, str],
    check: Callable[[socket.socket, str], None],
) -> tuple[str, list[socket.socket]]:
    if endpoint.network == "fd":
        numbers = [int(endpoint.name)]
    else:
        numbers = _numbers_of(endpoint.name, environ)
    sockets: list[socket.socket] = []
    try:
        sockets.extend(map(_socket, numbers))
        networks = {_network(each) for each in sockets}
        for each in sockets:
            check(each, _network(each))
        if len(networks) > 1:
            raise Error(
                f"sockets of several networks have this name: {', '.join(networks)}"
            )
    except BaseException:
        for each in sockets:
            each.detach()  # they stay open: somebody may want them under another name
        raise
    return networks.pop(), sockets


def _numbers_of(name: str, environ: Mapping[str, str]) -> list[int]:
    pid, count = environ.get("LISTEN_PID", ""), environ.get("LISTEN_FDS", "")
    if not pid or not _COUNT.fullmatch(count):
        raise NotFoundError(
            "systemd passed no socket to this process: LISTEN_PID and LISTEN_FDS are "
            "not set, or say nothing"
        )
    if pid != str(os.getpid()):
        raise NotFoundError(
            f"systemd passed its sockets to process {pid} (LISTEN_PID), and this is "
            f"{os.getpid()}"
        )
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    names = [*(each or UNNAMED for each in names), *[UNNAMED] * int(count)]
    names = names[: int(count)]
    numbers = [FIRST_NUMBER + i for i, each in enumerate(names) if each == name]
    if not numbers:
        known = ", ".join(dict.fromkeys(names)) or "none at all"
        raise NotFoundError(f"systemd passed no socket of this name (it has: {known})")
    return numbers


def _socket(number: int) -> socket.socket:
    before = _taken.get(number)
    if before is not None and not before.given_back:
        raise InUseError(f"descriptor {number} is listened to already")
    try:
        return socket.socket(fileno=number)
    except OSError as error:
        if error.errno == errno.EBADF:
            raise NotFoundError(
                f"descriptor {number} is not open: nobody passed it to this process"
            ) from None
        if error.errno == errno.ENOTSOCK:
            raise Error(
                f"descriptor {number} is no socket", errno=errno.ENOTSOCK
            ) from None
        raise


def _network(sock: socket.socket) -> str:
    network = _NETWORKS.get((sock.family, sock.type))
    if network is None:
        what = f"{socket.AddressFamily(sock.family).name}, {sock.type.name}"
        raise Error(f"descriptor {sock.fileno()} is a socket of another kind ({what})")
    return network


def _check_listens(sock: socket.socket, network: str) -> None:
    number = sock.fileno()
    if network in PACKET_NETWORKS:
        raise UnknownNetworkError(
            f"descriptor {number} is of {network}: it carries packets and no conns"
        )
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise Error(
            f"descriptor {number} is a socket of {network} that does not listen",
            errno=errno.EINVAL,
        )


def _check_hears(sock: socket.socket, network: str) -> None:
    number, name = sock.fileno(), sock.getsockname()
    if network not in PACKET_NETWORKS:
        raise UnknownNetworkError(
            f"descriptor {number} is of {network}: it carries conns and no packets"
        )
    if _is_connected(sock):
        raise Error(
            f"descriptor {number} is a socket of {network} that is connected: it hears "
            f"one peer alone",
            errno=errno.EISCONN,
        )
    is_bound = name[1] if isinstance(name, tuple) else name
    if not is_bound:
        raise Error(
            f"descriptor {number} is a socket of {network} that is not bound: nobody "
            f"can send to it",
            errno=errno.EINVAL,
        )


def _is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
