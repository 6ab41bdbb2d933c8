"""Connect to an endpoint.

In       an endpoint
Out      a conn to the first of its addresses that answers
Source   connect(2); Go's net.Dialer for the share of the time that each address gets
Holds    nothing
Fails    the class of the first failure (RefusedError, DeadlineError ...), with all of
         them in ``attempts``; ResolveError, AddressError

The addresses are tried one after another, in the order in which they were resolved. The
time that is left is shared out, so that one address that never answers leaves some for
the next.

With ``attempts`` the whole is tried again when it was refused or timed out: a server
that is starting, or that has more clients waiting than its queue holds, is there a
moment later. The pause doubles each time and is drawn from its upper half, so that
clients that were turned away together do not come back together.
"""

import errno
import os
import socket

from portside.engine import checkpoint, now, sleep
from portside.engine import timeout as bounded
from portside.errors import (
    Error,
    RefusedError,
    TimedOutError,
    from_os_error,
)
from portside.names import Endpoint, IPAddress, is_unspecified, join_host_port
from portside.net.conn import Conn
from portside.net.listener import Control
from portside.net.options import prepare_stream
from portside.net.resolve import Resolver, resolve
from portside.net.stream import SocketStream
from portside.net.target import Target, endpoint_of, sockaddr_of

__all__ = ["dial"]

MIN_ADDRESS_SECONDS = 2.0
"""What each address gets at the least, taken from the last ones: as in Go."""

MIN_ATTEMPT_SECONDS = 1.0
"""What each attempt gets at the least: Linux repeats a lost SYN after 1 s, tcp(7)."""

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
"""The pause before the second attempt, and the longest: a guess, never measured."""


def dial(
    target: Target,
    address: str | None = None,
    *,
    timeout: float | None = None,
    attempts: int = 1,
    control: Control | None = None,
    resolver: Resolver | None = None,
) -> Conn:
    """Connect to an endpoint and return the conn.

    Args:
        target: a network (``"tcp"``), a whole endpoint (``"tcp://localhost:7"``) or an
            address, as of a listener.
        address: ``host:port``, with a network; an empty host is this one.
        timeout: seconds for all of it: resolving, each address, each attempt.
        attempts: how often to try while it is refused or times out.
        control: called before each connect.
        resolver: who is asked for the host's addresses; None is the system.

    Raises:
        AddressError: no such endpoint can be.
        ResolveError: the host has no address.
        RefusedError: nobody listens there.
        DeadlineError: the time was up.
        Error: anything else; it is of the class of the first failure, and ``attempts``
            has every one.
    """
    endpoint = endpoint_of(target, address)
    if attempts < 1:
        raise ValueError(f"attempts must be at least 1, not {attempts}")
    failures: list[Error] = []
    with bounded(timeout):
        try:
            places = _places(endpoint, resolver)
            for left in range(attempts, 0, -1):
                conn = _try_each(places, left, control, failures)
                if conn is not None:
                    return conn
                retriable = isinstance(failures[-1], RefusedError | TimedOutError)
                if left == 1 or not retriable:
                    break
                _pause(attempts - left)
        except Error as error:
            if not failures:  # then it was the lookup, or the time was up before
                error.op, error.remote = "dial", _place(endpoint)
                error.network = endpoint.network
                raise
    raise _summary(endpoint, failures)


def _places(endpoint: Endpoint, resolver: Resolver | None) -> list[IPAddress]:
    places = resolve(endpoint.network, endpoint.host, endpoint.port, resolver)
    if len(places) == 1 and places[0].ip == "::" and endpoint.network == "tcp":
        # What a dual-stack listener calls itself, also on a host without IPv6.
        places.append(IPAddress(endpoint.network, "0.0.0.0", endpoint.port))
    return places


def _try_each(
    places: list[IPAddress],
    attempts_left: int,
    control: Control | None,
    failures: list[Error],
) -> Conn | None:
    until = _share(checkpoint(), attempts_left, MIN_ATTEMPT_SECONDS)
    for index, place in enumerate(places):
        places_left = len(places) - index
        try:
            return _connect(
                place, _share(until, places_left, MIN_ADDRESS_SECONDS), control
            )
        except Error as error:
            failures.append(error)
        checkpoint()
        if until is not None and now() >= until:
            break
    return None


def _share(until: float | None, parts: int, least: float) -> float | None:
    if until is None:
        return None
    present = now()
    return min(until, present + max((until - present) / parts, least))


def _connect(place: IPAddress, until: float | None, control: Control | None) -> Conn:
    family = socket.AF_INET6 if place.is_ipv6 else socket.AF_INET
    stream: SocketStream | None = None
    try:
        sock = SocketStream.open_socket(family, socket.SOCK_STREAM)
        stream = SocketStream(sock, place.network, None, place)
        prepare_stream(sock)
        if control is not None:
            control("tcp6" if place.is_ipv6 else "tcp4", place, sock)
        stream.writing.set_deadline(until)
        stream.connect(sockaddr_of(place))
        stream.writing.set_deadline(None)
        stream.local_address = IPAddress.from_sockaddr(
            place.network, sock.getsockname()
        )
        if stream.local_address == place:
            # TCP lets a socket that got the very port it calls connect to itself (RFC
            # 9293 section 3.5): nobody listens there. Go's net looks for that as well.
            raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        if is_unspecified(place.ip):
            peer = sock.getpeername()
            stream.remote_address = IPAddress.from_sockaddr(place.network, peer)
        return Conn(stream)
    except OSError as error:
        if stream is not None:
            stream.close()
        located = _located(error, place.network, place)
        if located is error:
            raise
        raise located from error
    except BaseException:
        if stream is not None:
            stream.close()
        raise


def _pause(tries_made: int) -> None:
    longest = min(FIRST_PAUSE_SECONDS * 2**tries_made, LONGEST_PAUSE_SECONDS)
    part = 0.5 + int.from_bytes(os.urandom(2), "big") / 131072
    bound = checkpoint()
    sleep(longest * part if bound is None else min(longest * part, bound - now()))


def _located(error: OSError, network: str, remote: object) -> Error:
    return from_os_error(error, op="dial", network=network, remote=remote)


def _summary(endpoint: Endpoint, failures: list[Error]) -> Error:
    first = failures[0]
    if len(failures) == 1:
        first.attempts = (first,)
        return first
    reason = f"{first.reason} ({len(failures)} attempts)"
    error = type(first)(reason, errno=first.errno)
    error.attempts = tuple(failures)
    error.__cause__ = ExceptionGroup("each attempt failed", failures)
    return _located(error, endpoint.network, _place(endpoint))


def _place(endpoint: Endpoint) -> str:
    return join_host_port(endpoint.host, endpoint.port)
