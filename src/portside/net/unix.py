"""Unix sockets: from a path to a conn, or to a socket that is listened to.

In       a `UnixAddress`
Out      a conn to who listens there; or a descriptor that listens, and its file
Source   unix(7), connect(2), bind(2)
Holds    nothing
Fails    RefusedError: a socket's file, and nobody behind it; NotFoundError: no file;
         InUseError: somebody listens there; DeniedError; DeadlineError; AddressError

Who may connect is what the file's mode says (write), and there is no moment in which it
says more than was asked for: Linux makes the file with the mode of the socket, which is
set before it is bound; and until the socket listens, which is last, all are refused.
The umask, which belongs to every thread of the process, is left alone.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Callable

from portside.engine import Descriptor, checkpoint, now, sleep
from portside.engine import timeout as bounded
from portside.errors import (
    AddressError,
    DeadlineError,
    Error,
    NotFoundError,
    RefusedError,
    UnknownNetworkError,
    from_os_error,
)
from portside.names import InheritedEndpoint, UnixAddress
from portside.net.conn import Conn
from portside.net.ends import Ends
from portside.net.socket_file import SocketFile, chown_to, lock_path, remove_stale
from portside.net.target import Control
from portside.net.unix_stream import STREAMS

__all__ = ["bind_path", "dial_error", "dial_unix", "open_unix"]

_KINDS = {"unix": socket.SOCK_STREAM, "unixpacket": socket.SOCK_SEQPACKET}

FIRST_LOOK_SECONDS = 0.001
LONGEST_LOOK_SECONDS = 0.05
"""Between two looks whether a full queue has room, which no event tells: a guess."""


def dial_unix(
    endpoint: UnixAddress | InheritedEndpoint,
    *,
    timeout: float | None,
    attempts: int,
    local: object,
    control: Control | None,
    pause: Callable[[int], None],
) -> Conn:
    """Connect to a Unix socket; for `dial`, which says what each argument is.

    Args:
        pause: waits before the next attempt, and is told how many there were.

    Raises:
        RefusedError: nobody listens there.
        NotFoundError: there is no such file.
        DeadlineError: the time was up, perhaps while its queue was full.
    """
    if isinstance(endpoint, InheritedEndpoint) or endpoint.sockaddr == b"":
        raise AddressError(f"endpoint {str(endpoint)!r}: only to listen at")
    if endpoint.network not in _KINDS:
        raise UnknownNetworkError(
            f"network {endpoint.network!r}: carries packets, and has no conns to dial"
        )
    if local is not None:
        raise AddressError(f"local {local!r}: {endpoint.network} has no such choice")
    failures: list[Error] = []
    with bounded(timeout):
        try:
            while len(failures) < attempts:
                if failures:
                    pause(len(failures) - 1)
                try:
                    return _connect(endpoint, control)
                except (RefusedError, NotFoundError) as error:
                    failures.append(error)
        except DeadlineError:
            if not failures:
                raise
    raise _summary(endpoint, failures)


def open_unix(
    address: UnixAddress,
    backlog: int,
    control: Control | None,
    mode: int | None,
    owner: str | None,
) -> tuple[Descriptor, SocketFile | None]:
    """Listen at a path; for `listen`, which says what each argument is.

    Returns:
        The socket, and the file that goes when it is closed; None for an abstract name.

    Raises:
        InUseError: somebody listens there, or a file that is no socket is there.
    """
    kind = _KINDS[address.network]
    sock = Descriptor.open_socket(socket.AF_UNIX, kind)
    descriptor = Descriptor(sock)
    try:
        if control is not None:
            control(address.network, address, sock)
        if address.is_abstract:
            descriptor.bind(address.sockaddr)
            descriptor.listen(backlog)
            return descriptor, None
        with lock_path(address.path):
            if mode is not None:
                with contextlib.suppress(OSError):  # elsewhere no socket has a mode
                    os.fchmod(descriptor.number, mode)
            bind_path(descriptor, address, kind)
            file = SocketFile(address.path)
            try:
                if mode is not None:
                    os.chmod(address.path, mode)  # what the umask took away
                if owner is not None:
                    chown_to(address.path, owner)
                descriptor.listen(backlog)
            except BaseException:
                file.remove()
                raise
        return descriptor, file
    except BaseException:
        descriptor.close()
        raise


def bind_path(descriptor: Descriptor, address: UnixAddress, kind: int) -> None:
    """Bind a new socket of a kind at a path, also where a stale file is; hold its lock.

    Raises:
        InUseError: somebody is behind the file, or it is no socket.
    """
    try:
        descriptor.bind(address.sockaddr)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        remove_stale(address.path, kind)
        descriptor.bind(address.sockaddr)


def dial_error(error: OSError, address: UnixAddress) -> Error:
    """Return the error of a dial with its place, in words where errno's mislead."""
    if error.errno == errno.EPROTOTYPE:
        reason = f"a socket of another kind is there: not {address.network}"
        error = Error(reason, errno=errno.EPROTOTYPE)
    return from_os_error(error, op="dial", network=address.network, remote=address)


def _connect(endpoint: UnixAddress, control: Control | None) -> Conn:
    network = endpoint.network
    sock = Descriptor.open_socket(socket.AF_UNIX, _KINDS[network])
    stream = STREAMS[network](sock, network, None, endpoint)
    try:
        if control is not None:
            control(network, endpoint, sock)
        look = FIRST_LOOK_SECONDS
        while True:
            bound = checkpoint()
            try:
                stream.connect(endpoint.sockaddr)
                break
            except BlockingIOError:  # its queue is full, and poll(2) tells of no room
                sleep(look if bound is None else max(0.0, min(look, bound - now())))
                look = min(2 * look, LONGEST_LOOK_SECONDS)
        local = UnixAddress.from_sockaddr(network, sock.getsockname())
        stream.ends = Ends(network, local, endpoint)
        return Conn(stream)
    except OSError as error:
        stream.close()
        located = dial_error(error, endpoint)
        if located is error:
            raise
        raise located from error
    except BaseException:
        stream.close()
        raise


def _summary(endpoint: UnixAddress, failures: list[Error]) -> Error:
    first = failures[0]
    if len(failures) == 1:
        first.attempts = (first,)
        return first
    error = type(first)(
        f"{first.reason} ({len(failures)} attempts)",
        op="dial",
        network=endpoint.network,
        remote=endpoint,
        errno=first.errno,
    )
    error.attempts = tuple(failures)
    error.__cause__ = ExceptionGroup("each attempt failed", failures)
    return error
