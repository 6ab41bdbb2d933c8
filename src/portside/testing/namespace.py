"""Network namespaces without a name, and devices in them.

In       the right to make them: root's, or that of a user namespace
Out      a namespace that a thread can enter, with one TUN device that has addresses
Source   network_namespaces(7), setns(2), netdevice(7), rtnetlink(7), tuntap.rst
         in the kernel's documentation; the numbers are those of the headers linux/
         sched.h, sockios.h, if_tun.h, rtnetlink.h, netlink.h, if.h and if_link.h
Holds    a descriptor for each namespace: the last one closed is its end
Fails    DeniedError: no right; NotFoundError: no /dev/net/tun; Error: no Linux, no IPv6

A namespace is a property of the thread, so one thread of a process can be in it while
the others stay where they are. What the thread opens, starts or forks there belongs
there for life: a socket keeps its namespace wherever it is used later. The threads that
are used again (`engine.threads`) would carry a namespace from one job to the next, so
they are sent home at both ends of a block. A namespace that
is held by descriptors and not by a file under /var/run/netns goes when the process
does, whatever ends that.

The devices are set up by system calls and not by `ip`: no program is needed. TUN and
not TAP: IP packets are what a stream is made of, and with no neighbours to look for the
kernel neither asks (ARP) nor waits a second to see whether an address is taken (RFC
4862), which would count as traffic and depend on time.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys
import threading
import time
from types import TracebackType
from typing import Any, Self

from portside.engine import may_block, now
from portside.engine.threads import pool
from portside.errors import ClosedError, DeniedError, Error, NotFoundError

__all__ = ["DEVICE", "Namespace", "make_namespace"]

DEVICE = "link0"
"""The name of the TUN device in every namespace; it is seen in no other."""

_USABLE_SECONDS = 5.0
"""How long the kernel may take to look at a new IPv6 address: it takes milliseconds."""

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_SIOCSIFADDR, _SIOCSIFDSTADDR = 0x8916, 0x8918
_RTM_NEWLINK, _NLM_F_REQUEST_ACK = 16, 0x1 | 0x4
_IFF_UP, _IFLA_TXQLEN = 0x1, 13

_PREFIX_BITS = 64
"""Of an IPv6 address: RFC 4291 section 2.5.4."""

_QUEUE_PACKETS = 4096
"""What the kernel holds for who reads the device, 500 if it is not told: a burst that
waits for a busy machine is to be lost by the link and counted, not before."""

_OWN = "/proc/thread-self/ns/net"


class _Entered(threading.local):
    """Where the thread was before each block that it is in."""

    def __init__(self) -> None:
        self.before: list[int] = []


_entered = _Entered()


class Namespace:
    """A network namespace, as a block in which the calling thread is.

    ::

        with namespace:
            listener = net.listen("tcp", ":0")  # belongs there, also outside the block
            subprocess.run(["ss", "-tn"])  # and so does a child

    Children that are started inside stay inside, and so do threads. Under the model
    ``thread`` it is not certain where a handler runs: one that dials enters by itself.

    Args:
        number: the descriptor of a namespace; `close` closes it.
    """

    def __init__(self, number: int) -> None:
        self._number = number

    def __enter__(self) -> Self:
        if self._number < 0:
            raise ClosedError("the link is closed, and its namespaces are gone")
        if not may_block():
            raise RuntimeError(
                "the tasks of a hub share a thread, and with it the namespace: enter "
                "the block on a plain thread, and start the hub inside"
            )
        before = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call("setns", self._number, _CLONE_NEWNET)
        except OSError as error:
            os.close(before)
            raise _told(error, "enter a network namespace") from error
        _entered.before.append(before)
        pool.trim()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        before = _entered.before.pop()
        try:
            _call("setns", before, _CLONE_NEWNET)
        finally:
            os.close(before)
        pool.trim()

    def close(self) -> None:
        """Let go of it; it ends with the last socket or process in it."""
        number, self._number = self._number, -1
        if number >= 0:
            os.close(number)
            pool.trim()

    def open_tun(self) -> int:
        """Make the TUN device and return its descriptor; the caller closes it.

        The device is there until the last copy of the descriptor is closed.
        """
        with self:
            tun = _open_tun()
            try:
                request = struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI)
                fcntl.ioctl(tun, _TUNSETIFF, request)
            except OSError as error:
                os.close(tun)
                raise _told(error, "make a TUN device") from error
        return tun

    def set_addresses(self, ip: str, ip6: str, *, peer: str) -> None:
        """Give the device its addresses and switch it on, and the loopback too.

        Args:
            ip: its IPv4 address.
            ip6: its IPv6 address; all of the same 64 bits are at the other end.
            peer: the IPv4 address at the other end.
        """
        try:
            with self, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                fcntl.ioctl(sock, _SIOCSIFADDR, _request(ip))
                fcntl.ioctl(sock, _SIOCSIFDSTADDR, _request(peer))
                _switch_on("lo")
                _switch_on(DEVICE, _QUEUE_PACKETS)
                _add_ipv6(ip6)
                _wait_until_usable(ip6)
        except OSError as error:
            raise _told(error, "set an address of a TUN device") from error


def make_namespace() -> Namespace:
    """Return a new namespace, in which there is nothing; the caller closes it.

    Raises:
        DeniedError: no right.
        Error: the system has no namespaces.
    """
    if not sys.platform.startswith("linux"):
        raise Error("only Linux has network namespaces", op="make", network="link")
    made: list[Namespace | OSError] = []
    # On a thread of its own: root of a user namespace alone may leave the namespace it
    # is in, and not come back.
    thread = threading.Thread(target=_leave_and_return, args=(made,), name="namespace")
    thread.start()
    thread.join()
    (result,) = made
    if isinstance(result, OSError):
        raise _told(result, "make a network namespace") from result
    return result


def _leave_and_return(made: list[Namespace | OSError]) -> None:
    numbers: list[int] = []
    try:
        numbers.append(os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC))
        _call("unshare", _CLONE_NEWNET)
        numbers.append(os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC))
        _call("setns", numbers[0], _CLONE_NEWNET)
        made.append(Namespace(numbers.pop()))
    except OSError as error:
        made.append(error)
    finally:
        for number in numbers:
            os.close(number)


def _call(name: str, *args: int) -> None:
    # By ctypes: the os module has these two from Python 3.12 on.
    function: Any = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(*args) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)


def _open_tun() -> int:
    try:
        return os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
            told = "no /dev/net/tun: load the module tun, or let the container have it"
            raise NotFoundError(told, op="make", network="link") from error
        raise _told(error, "open /dev/net/tun") from error


def _request(ip: str) -> bytes:
    # struct ifreq with a sockaddr_in: name, family, port, address, and zeros to 40.
    return struct.pack(
        "16sHH4s16x", DEVICE.encode(), socket.AF_INET, 0, socket.inet_aton(ip)
    )


def _switch_on(name: str, queue_packets: int | None = None) -> None:
    # By netlink, rtnetlink(7): no ioctl sets the queue for root of a user namespace.
    index = socket.if_nametoindex(name)
    body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, _IFF_UP, _IFF_UP)
    if queue_packets is not None:
        body += struct.pack("=HHI", 8, _IFLA_TXQLEN, queue_packets)
    head = struct.pack("=IHHII", 16 + len(body), _RTM_NEWLINK, _NLM_F_REQUEST_ACK, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        sock.send(head + body)
        number = -struct.unpack_from("=i", sock.recv(4096), 16)[0]
    if number:
        raise OSError(number, os.strerror(number), name)


def _add_ipv6(ip: str) -> None:
    # struct in6_ifreq: address, length of the prefix, index of the device.
    index = socket.if_nametoindex(DEVICE)
    address = socket.inet_pton(socket.AF_INET6, ip)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sIi", address, _PREFIX_BITS, index)
        fcntl.ioctl(sock, _SIOCSIFADDR, request)


def _told(error: OSError, what: str) -> Error:
    if isinstance(error, Error):
        return error
    if error.errno in (errno.EPERM, errno.EACCES):
        told = (
            f"no right to {what}: run as root, or as a user who may open /dev/net/tun "
            f"under: unshare --map-root-user --net"
        )
        return DeniedError(told, op="make", network="link")
    if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
        told = f"cannot {what}: this kernel has no IPv6"
        return Error(told, op="make", network="link")
    return Error(
        f"cannot {what}: {os.strerror(error.errno or 0).lower()}",
        op="make",
        network="link",
        errno=error.errno,
    )


def _wait_until_usable(ip6: str) -> None:
    """Return when the kernel has looked that nobody else has the address.

    It has nobody to ask here, and all the same does it a little later by itself.
    """
    until = now() + _USABLE_SECONDS
    while True:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            try:
                sock.bind((ip6, 0))
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL or now() >= until:
                    raise
            else:
                return
        time.sleep(0.001)
