"""Sockets that whoever started this process opened for it.

In       ``fd:3``, ``systemd:NAME``, and what systemd says in the environment
Out      the sockets, which listen already, and the network that they are on
Source   sd_listen_fds(3), systemd.socket(5), socket(7) for SO_ACCEPTCONN
Holds    which numbers are in use, so that one is not taken twice
Fails    NotFoundError: nothing was passed under this name; InUseError: it was taken;
         UnknownNetworkError: it carries packets; Error: no socket, or none that listens

Who starts a service in this way can keep its clients waiting while it restarts, and can
bind a port that the service itself has no right to. So a close here closes our copy and
leaves the rest alone: no file is removed, as it was not made here.
"""

import errno
import os
import socket
import weakref
from collections.abc import Mapping

from portside.engine import Descriptor
from portside.errors import Error, InUseError, NotFoundError, UnknownNetworkError
from portside.names import InheritedEndpoint
from portside.net.options import prepare_stream

__all__ = ["inherit"]

FIRST_NUMBER = 3
"""Where systemd begins: SD_LISTEN_FDS_START, sd_listen_fds(3)."""

UNNAMED = "unknown"
"""What a descriptor without a name is called: sd_listen_fds_with_names(3)."""

_taken: "weakref.WeakValueDictionary[int, Descriptor]" = weakref.WeakValueDictionary()

_NETWORKS = {
    (socket.AF_INET, socket.SOCK_STREAM): "tcp",
    (socket.AF_INET6, socket.SOCK_STREAM): "tcp",
    (socket.AF_UNIX, socket.SOCK_STREAM): "unix",
    (socket.AF_UNIX, socket.SOCK_SEQPACKET): "unixpacket",
}


def inherit(
    endpoint: InheritedEndpoint, environ: Mapping[str, str] = os.environ
) -> tuple[str, list[Descriptor]]:
    """Return the network and the sockets that were passed under a name.

    Args:
        endpoint: ``fd:NUMBER``; or ``systemd:NAME``, which may be several sockets.
        environ: where LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES are.
    """
    if endpoint.network == "fd":
        numbers = [int(endpoint.name)]
    else:
        numbers = _numbers_of(endpoint.name, environ)
    sockets: list[socket.socket] = []
    try:
        sockets.extend(map(_socket, numbers))
        networks = {_network(each) for each in sockets}
        if len(networks) > 1:
            raise Error(
                f"sockets of several networks have this name: {', '.join(networks)}"
            )
    except BaseException:
        for each in sockets:
            each.detach()  # they stay open: somebody may want them under another name
        raise
    network = networks.pop()
    descriptors = []
    for each in sockets:
        each.set_inheritable(False)
        if network == "tcp":
            prepare_stream(each)
        descriptor = _taken[each.fileno()] = Descriptor(each)
        descriptors.append(descriptor)
    return network, descriptors


def _numbers_of(name: str, environ: Mapping[str, str]) -> list[int]:
    pid, count = environ.get("LISTEN_PID", ""), environ.get("LISTEN_FDS", "")
    if not pid or not count.isdecimal():
        raise NotFoundError(
            "systemd passed no socket to this process: LISTEN_PID and LISTEN_FDS are "
            "not set"
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
        if sock.type == socket.SOCK_DGRAM:
            raise UnknownNetworkError(
                f"descriptor {sock.fileno()} carries packets and no conns ({what})"
            )
        raise Error(f"descriptor {sock.fileno()} is a socket of another kind ({what})")
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise Error(
            f"descriptor {sock.fileno()} is a socket of {network} that does not listen",
            errno=errno.EINVAL,
        )
    return network
