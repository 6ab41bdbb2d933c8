"""Listen at an endpoint.

In       an endpoint
Out      a listener there
Source   socket(7), listen(2), ipv6(7); Go's net for the choice of family
Holds    one socket for each address of the host; a wildcard is one dual-stack socket
Fails    InUseError, DeniedError, ResolveError, AddressError, NotFoundError
"""

import socket

from portside.engine import Descriptor
from portside.errors import Error, from_os_error
from portside.names import (
    Endpoint,
    InheritedEndpoint,
    IPAddress,
    UnixAddress,
)
from portside.net.bind import bind_at, bind_everywhere
from portside.net.inherited import inherit
from portside.net.listener import Listener
from portside.net.options import prepare_stream
from portside.net.resolve import Resolver
from portside.net.target import Control, Target, stream_endpoint_of
from portside.net.unix import open_unix

__all__ = ["listen"]


def listen(
    target: Target,
    address: str | None = None,
    *,
    backlog: int | None = None,
    control: Control | None = None,
    resolver: Resolver | None = None,
    mode: int | None = None,
    owner: str | None = None,
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
        mode: of the file of a Unix socket, as ``0o660``: who may write to it may
            connect. None is what the umask leaves of 0o777.
        owner: of that file: ``"user"``, ``"user:group"`` or ``":group"``.

    Raises:
        AddressError: no such endpoint can be.
        ResolveError: the host has no address.
        InUseError: somebody listens there already.
        DeniedError: no right to this port (under 1024, for most users), or directory.
        NotFoundError: nothing was passed under this name; no such directory.
        ValueError: a mode or an owner where no file is made; no such owner.
    """
    endpoint = stream_endpoint_of(target, address)
    makes_file = isinstance(endpoint, UnixAddress) and not endpoint.is_abstract
    if (mode, owner) != (None, None) and not makes_file:
        raise ValueError(f"mode and owner are of a socket's file: {endpoint} has none")
    if not isinstance(endpoint, Endpoint):
        return _listen_beside_ip(endpoint, backlog, control, mode, owner)
    most = _somaxconn()
    longest = most if backlog is None else min(backlog, most)

    def open_at(at: IPAddress, is_dual: bool) -> Descriptor:
        return _open(at, longest, control, is_dual=is_dual)

    return Listener(endpoint.network, bind_everywhere(endpoint, resolver, open_at))


def _listen_beside_ip(
    endpoint: UnixAddress | InheritedEndpoint,
    backlog: int | None,
    control: Control | None,
    mode: int | None,
    owner: str | None,
) -> Listener:
    most = _somaxconn()
    try:
        if isinstance(endpoint, UnixAddress):
            most = most if backlog is None else min(backlog, most)
            descriptor, file = open_unix(endpoint, most, control, mode, owner)
            return Listener(endpoint.network, [descriptor], file)
        network, descriptors = inherit(endpoint)
        if backlog is not None:
            for each in descriptors:
                each.listen(min(backlog, most))
        return Listener(network, descriptors)
    except OSError as error:
        place = endpoint if isinstance(endpoint, UnixAddress) else endpoint.name
        located = _located(error, endpoint.network, place)
        if located is error:
            raise
        raise located from error


def _open(
    at: IPAddress, backlog: int, control: Control | None, *, is_dual: bool
) -> Descriptor:
    family = socket.AF_INET6 if at.is_ipv6 else socket.AF_INET
    descriptor = Descriptor(Descriptor.open_socket(family, socket.SOCK_STREAM))
    sock = descriptor.socket
    try:
        # Or the port of a server that ended is taken until its last TIME-WAIT is over.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        prepare_stream(sock)
        bind_at(descriptor, at, control, is_dual=is_dual)
        descriptor.listen(backlog)
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
