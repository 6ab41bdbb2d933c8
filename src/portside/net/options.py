"""Options of sockets, in words.

In       a socket and what is wanted of it
Source   tcp(7), socket(7); the keep-alive times are those of Go's net
Fails    OSError as the kernel gives it
"""

import math
import socket
import struct
import sys

from portside.errors import Error

__all__ = [
    "KEEP_ALIVE_COUNT",
    "KEEP_ALIVE_SECONDS",
    "UNSENT_BYTES",
    "dropped_packets",
    "peer_credentials",
    "prepare_stream",
    "set_buffer_sizes",
    "set_keep_alive",
    "set_linger",
]

KEEP_ALIVE_SECONDS = 15.0
"""Silence before the first probe, and between probes; the kernel's own is two hours."""

KEEP_ALIVE_COUNT = 9
"""Probes without an answer before the peer is given up."""


_SO_MEMINFO = 55
_MEMINFO = struct.Struct("9I")  # linux/sock_diag.h: the last is the packets dropped


def dropped_packets(sock: socket.socket) -> int:
    """Return how many packets the receive buffer had no room for; 0 if not Linux."""
    if not sys.platform.startswith("linux"):
        return 0
    raw = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
    return int(_MEMINFO.unpack(raw)[-1])


UNSENT_BYTES = 262144
"""What the kernel takes of us before it is sent. Unless it is told it takes what
tcp_wmem allows, 4 MiB mostly, also for a peer that reads nothing: at a stroke, while
everybody else waits."""


def prepare_stream(sock: socket.socket) -> None:
    """Set what every stream socket of ours has.

    No delay, a bound of what is unsent, and probes of a silent peer. Set on a listener,
    it is inherited by what it accepts (Linux, tcp(7)).
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    set_keep_alive(sock, KEEP_ALIVE_SECONDS, KEEP_ALIVE_SECONDS, KEEP_ALIVE_COUNT)


def set_keep_alive(
    sock: socket.socket, idle: float, interval: float, count: int
) -> None:
    """Probe a silent peer after idle seconds, every interval seconds, count times."""
    idle_seconds, interval_seconds = (
        max(1, math.ceil(idle)),
        max(1, math.ceil(interval)),
    )
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle_seconds)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval_seconds)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, count)


def set_linger(sock: socket.socket, seconds: int | None) -> None:
    """Say what close does with unsent bytes: 0 drops, None sends them behind us."""
    value = struct.pack("ii", seconds is not None, seconds or 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, value)


def set_buffer_sizes(
    sock: socket.socket, receive: int | None, send: int | None
) -> None:
    """Set the kernel's buffers in bytes; None leaves one as it is."""
    if receive is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    if send is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send)


def peer_credentials(sock: socket.socket) -> tuple[int, int, int]:
    """Return pid, uid and gid of the process at the other end of a Unix socket."""
    if sock.family != socket.AF_UNIX:
        raise Error("only the peer of a Unix socket is on this host for sure")
    size = struct.calcsize("3i")
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    pid, uid, gid = struct.unpack("3i", raw)
    return pid, uid, gid
