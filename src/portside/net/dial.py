"""Connect to an endpoint.

In       an endpoint
Out      a conn to the first of its addresses that answers
Source   RFC 8305 (Happy Eyeballs), in `racing`; Go's net.Dialer for the local address
Holds    nothing
Fails    the class of the first failure (RefusedError, DeadlineError ...), with all of
         them in ``attempts``; ResolveError, AddressError

The addresses are raced, those of ``tcp4`` and ``tcp6`` as well. Go tries the addresses
of one family one after another; but RFC 8305 staggers the whole list, and of two
servers that share a name one may be silent just as an IPv6 route may be. So a silent
address costs a quarter of a second and not its share of the timeout, which Go has to
give it: each attempt goes on until one has won, or the time is up.

With ``attempts`` the whole is tried again when any of it was refused or timed out: a
server that is starting, or that has more clients waiting than its queue holds, is there
a moment later. Here the time is shared out, as nothing else would end the first race.
The pause doubles each time and is drawn from its upper half, so that clients that were
turned away together do not come back together.
"""

import os
from typing import Literal, overload

from portside.engine import checkpoint, now, sleep
from portside.engine import timeout as bounded
from portside.errors import (
    AddressError,
    Error,
    RefusedError,
    TimedOutError,
    from_os_error,
)
from portside.names import (
    PACKET_NETWORKS,
    Endpoint,
    IPAddress,
    UnixAddress,
    is_unspecified,
    join_host_port,
    parse_ip,
    parse_port,
    split_host_port,
)
from portside.net.conn import Conn
from portside.net.listen_packet import connect_packets
from portside.net.packet_conn import PacketConn
from portside.net.racing import Attempt, interleave, race
from portside.net.resolve import Resolver, resolve
from portside.net.target import Control, Target, endpoint_of
from portside.net.unix import dial_unix
from portside.net.unixgram import dial_unixgram

__all__ = ["dial"]

MIN_ATTEMPT_SECONDS = 1.0
"""What each attempt gets at the least: Linux repeats a lost SYN after 1 s, tcp(7)."""

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
"""The pause before the second attempt, and the longest: a guess, never measured."""


@overload  # a str may be one of these words: then the first of the two holds
def dial(  # type: ignore[overload-overlap]
    target: Literal["udp", "udp4", "udp6", "unixgram"],
    address: str,
    *,
    timeout: float | None = None,
    local: str | IPAddress | None = None,
    control: Control | None = None,
    resolver: Resolver | None = None,
) -> PacketConn: ...


@overload
def dial(
    target: Target,
    address: str | None = None,
    *,
    timeout: float | None = None,
    attempts: int = 1,
    local: str | IPAddress | None = None,
    control: Control | None = None,
    resolver: Resolver | None = None,
) -> Conn: ...


def dial(
    target: Target,
    address: str | None = None,
    *,
    timeout: float | None = None,
    attempts: int = 1,
    local: str | IPAddress | None = None,
    control: Control | None = None,
    resolver: Resolver | None = None,
) -> Conn | PacketConn:
    """Connect to an endpoint and return the conn.

    For ``udp`` that is a packet conn to one address: nothing is sent, so that nobody is
    there is learned when something was. Its network given by itself (``dial("udp",
    "localhost:7")``) tells a type checker which of the two it is.

    A host with several addresses is called at all of them: at the next one 250 ms after
    the last, or at once when that has failed. The first that answers is taken. Where
    the timeout is short, the 250 ms become its share for each address, but never less
    than 100 ms; addresses whose turn does not come are not tried.

    Args:
        target: a network (``"tcp"``), a whole endpoint (``"tcp://localhost:7"``) or an
            address, as of a listener.
        address: ``host:port``, with a network; an empty host is this one.
        timeout: seconds for all of it: resolving, each address, each attempt.
        attempts: how often to try while it is refused or times out.
        local: the address to call from: ``"192.0.2.1"``, ``"192.0.2.1:7"``, ``":7"``;
            None, an empty host, and port 0, leave the choice to the kernel. Addresses
            of the other family are passed over.
        control: called before each connect.
        resolver: who is asked for the host's addresses; None is the system.

    Raises:
        AddressError: no such endpoint can be, or none that `local` can call.
        ResolveError: the host has no address.
        RefusedError: nobody listens there.
        InUseError: the local port is taken.
        DeadlineError: the time was up.
        Error: anything else; it is of the class of the first failure, and ``attempts``
            has every one, in the order in which they began.
    """
    endpoint = endpoint_of(target, address)
    if attempts < 1:
        raise ValueError(f"attempts must be at least 1, not {attempts}")
    if isinstance(endpoint, UnixAddress) and endpoint.network in PACKET_NETWORKS:
        return dial_unixgram(endpoint, control)
    if not isinstance(endpoint, Endpoint):
        return dial_unix(
            endpoint,
            timeout=timeout,
            attempts=attempts,
            local=local,
            control=control,
            pause=_pause,
        )
    source = None if local is None else _source(local, endpoint.network)
    failures: list[Error] = []
    with bounded(timeout):
        try:
            places = _places(endpoint, resolver, source)
            if endpoint.network in PACKET_NETWORKS:
                return connect_packets(places, source, control)
            for left in range(attempts, 0, -1):
                conn, failed = _try_all(places, left, source, control)
                if conn is not None:
                    return conn
                failures += failed
                retriable = any(
                    isinstance(each, RefusedError | TimedOutError) for each in failed
                )
                if left == 1 or not retriable:
                    break
                _pause(attempts - left)
        except Error as error:
            if not failures:  # then it was the lookup, or the time was up before
                error.op, error.remote = "dial", _place(endpoint)
                error.network = endpoint.network
                raise
    raise _summary(endpoint, source, failures)


def _source(local: str | IPAddress, network: str) -> IPAddress | None:
    """Return the local address; None where it leaves all to the kernel.

    One that is unspecified is a port alone, and goes with both families.
    """
    if isinstance(local, IPAddress):
        if local.network[:3] != network[:3]:
            raise AddressError(
                f"local address {str(local)!r}: is of network {local.network}, and "
                f"{network} is dialled"
            )
        source = IPAddress(network, local.ip, local.port, local.zone)
    else:
        host, port = _split_local(local)
        ip = parse_ip(host or ("::" if network.endswith("6") else "0.0.0.0"))
        if ip is None:
            raise AddressError(
                f"local address {local!r}: {host!r} is not an IP address "
                f"(write HOST or HOST:PORT, with one of this host's)"
            )
        source = IPAddress(network, ip, parse_port(port))
    if network.endswith(("4", "6")) and source.is_ipv6 != network.endswith("6"):
        version = 6 if source.is_ipv6 else 4
        raise AddressError(
            f"local address {str(local)!r}: is an IPv{version} address, and {network} "
            f"is without them"
        )
    return None if is_unspecified(source.ip) and not source.port else source


def _split_local(text: str) -> tuple[str, str]:
    if not text:
        raise AddressError("local address '': is empty (write HOST or HOST:PORT)")
    if parse_ip(text) is not None:
        return text, ""
    if ":" not in text or text.endswith("]"):
        text = f"{text}:"
    return split_host_port(text)


def _places(
    endpoint: Endpoint, resolver: Resolver | None, source: IPAddress | None
) -> list[IPAddress]:
    host = endpoint.host
    if not host and source is not None and not is_unspecified(source.ip):
        host = "::1" if source.is_ipv6 else "127.0.0.1"
    places = resolve(endpoint.network, host, endpoint.port, resolver)
    if len(places) == 1 and places[0].ip == "::" and endpoint.network in ("tcp", "udp"):
        # What a dual-stack listener calls itself, also on a host without IPv6.
        places.append(IPAddress(endpoint.network, "0.0.0.0", endpoint.port))
    if source is None or is_unspecified(source.ip):
        return interleave(places)
    callable_places = [each for each in places if each.is_ipv6 == source.is_ipv6]
    if not callable_places:
        version = 6 if source.is_ipv6 else 4
        found = ", ".join(each.host for each in places)
        raise AddressError(
            f"the host has no IPv{version} address to be called from {source.host}, "
            f"only {found}"
        )
    return callable_places


def _try_all(
    places: list[IPAddress],
    attempts_left: int,
    source: IPAddress | None,
    control: Control | None,
) -> tuple[Conn | None, list[Error]]:
    until = _share(checkpoint(), attempts_left, MIN_ATTEMPT_SECONDS)
    tried = [Attempt(each, _local_for(each, source), control) for each in places]
    stream = race(tried, until)
    failed = [each.error for each in tried if each.error is not None]
    return None if stream is None else Conn(stream), failed


def _local_for(place: IPAddress, source: IPAddress | None) -> IPAddress | None:
    if source is None or not is_unspecified(source.ip):
        return source
    ip = "::" if place.is_ipv6 else "0.0.0.0"
    return IPAddress(place.network, ip, source.port)


def _share(until: float | None, parts: int, least: float) -> float | None:
    if until is None:
        return None
    present = now()
    return min(until, present + max((until - present) / parts, least))


def _pause(tries_made: int) -> None:
    longest = min(FIRST_PAUSE_SECONDS * 2**tries_made, LONGEST_PAUSE_SECONDS)
    part = 0.5 + int.from_bytes(os.urandom(2), "big") / 131072
    bound = checkpoint()
    sleep(longest * part if bound is None else min(longest * part, bound - now()))


def _summary(
    endpoint: Endpoint, source: IPAddress | None, failures: list[Error]
) -> Error:
    first = failures[0]
    if len(failures) == 1:
        first.attempts = (first,)
        return first
    reason = f"{first.reason} ({len(failures)} attempts)"
    error = type(first)(reason, errno=first.errno)
    error.attempts = tuple(failures)
    error.__cause__ = ExceptionGroup("each attempt failed", failures)
    return from_os_error(
        error,
        op="dial",
        network=endpoint.network,
        local=source,
        remote=_place(endpoint),
    )


def _place(endpoint: Endpoint) -> str:
    return join_host_port(endpoint.host, endpoint.port)
