"""Race the addresses of one host for a connection.

In       an attempt for each address, in the order in which they are to begin
Out      the stream of the first attempt that connects
Source   RFC 8305 sections 4, 5 and 8 (Happy Eyeballs); connect(2); Go's net for the
         two accidents with a port that the kernel chose
Holds    a descriptor for each attempt under way; none when the race is over, but the
         winner's
Fails    Cancelled, DeadlineError, and what `control` raises that is no OSError; how
         an attempt failed is in its `error`

A host often has an IPv6 and an IPv4 address, and one of the ways leads nowhere: no
answer comes, and the kernel repeats its question for two minutes. So an attempt is
alone for a quarter of a second; then the next one begins beside it, or at once when it
has failed. None is given up for another, as a slow address may be the only one that
answers.

All of them are run on one line of execution, which waits for their descriptors at once.
It needs no task and no thread, so it is the same under every engine, and a
cancellation, a deadline or an error of `control` has one place to close them all.
"""

import errno
import os
import socket
from collections import deque
from collections.abc import Sequence
from itertools import zip_longest

from portside.engine import checkpoint, earliest, now, wait_any
from portside.errors import DeadlineError, Error, InUseError, from_os_error
from portside.events import socket_call
from portside.names import IPAddress, is_unspecified
from portside.net.ends import Ends
from portside.net.options import prepare_stream
from portside.net.stream import SocketStream
from portside.net.target import Control, sockaddr_of

__all__ = ["Attempt", "attempt_delay", "interleave", "race"]

ATTEMPT_DELAY_SECONDS = 0.25
"""How long an attempt is alone: RFC 8305 section 8, which chose it over the 300 ms that
Go has from RFC 6555."""

LEAST_DELAY_SECONDS = 0.1
"""The same where time is short: RFC 8305 section 8 has it as the least."""

FURTHER_PORTS = 2
"""How many more ports the kernel may choose, where the first does not do: as in Go."""


class Attempt:
    """A connection to one address: on its way, there, or failed.

    Attributes:
        place: the address.
        error: why it failed; None as long as it has not.
        asked_at: when the kernel was asked to connect.
    """

    def __init__(
        self,
        place: IPAddress,
        local: IPAddress | None = None,
        control: Control | None = None,
    ) -> None:
        self.place = place
        self.error: Error | None = None
        self.asked_at = 0.0
        self._local = local
        self._control = control
        self._stream: SocketStream | None = None
        self._has_fixed_port = local is not None and local.port != 0
        self._further_ports = 0 if self._has_fixed_port else FURTHER_PORTS

    @property
    def number(self) -> int:
        """The descriptor's number; it can be written when a step may lead on."""
        assert self._stream is not None
        return self._stream.number

    def step(self) -> SocketStream | None:
        """Begin, or ask how it goes; return the stream once it is connected.

        It does not wait, and a failure is told in `error`.
        """
        try:
            return self._step()
        except OSError as error:
            self.fail(error)
            return None

    def fail(self, error: OSError) -> None:
        """Close it, and note why."""
        self.close()
        located = from_os_error(
            error,
            op="dial",
            network=self.place.network,
            local=self._local,
            remote=self.place,
        )
        if located is not error:
            located.__cause__ = error
        self.error = located

    def give_up(self) -> None:
        """Close it, if it is still under way."""
        if self._stream is not None and self.asked_at and socket_call.hooks:
            socket_call("connect", self.number, str(self.place), "given up")
        self.close()

    def close(self) -> None:
        """Give the descriptor back, if there is one."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _step(self) -> SocketStream | None:
        stream = self._stream or self._open()
        try:
            if not stream.try_connect(sockaddr_of(self.place)):
                return None
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            if self._has_fixed_port:
                raise InUseError(
                    "address already in use: these two ends have a conversation, or "
                    "had one a minute ago"
                ) from error
            if not self._further_ports:
                raise
        else:
            if not self._is_its_own_peer(stream):
                return stream
            stream.close(abort=True)  # or its TIME-WAIT would have this port
            if not self._further_ports:
                raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        self._further_ports -= 1
        self.close()
        return self._step()

    def _open(self) -> SocketStream:
        place, local = self.place, self._local
        family = socket.AF_INET6 if place.is_ipv6 else socket.AF_INET
        sock = SocketStream.open_socket(family, socket.SOCK_STREAM)
        self._stream = stream = SocketStream(sock, place.network, None, place)
        prepare_stream(sock)
        if self._has_fixed_port:
            # Unlike Go: the attempts of a race share the port, and after a conversation
            # its TIME-WAIT would refuse the port for a minute, to every other peer too.
            # A port that is listened to, or held without this, is refused all the same.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._control is not None:
            self._control("tcp6" if place.is_ipv6 else "tcp4", place, sock)
        if local is not None:
            self._bind(stream, local)
        self.asked_at = now()
        return stream

    def _bind(self, stream: SocketStream, local: IPAddress) -> None:
        try:
            stream.bind(sockaddr_of(local))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            reason = f"{local.host} is not an address of this host"
            raise Error(reason, errno=error.errno) from error

    def _is_its_own_peer(self, stream: SocketStream) -> bool:
        """Note both ends; return whether they are one.

        TCP lets a socket that got the very port it calls connect to itself (RFC 9293
        section 3.5): nobody listens there.
        """
        network, sock, peer = self.place.network, stream.socket, self.place
        local = IPAddress.from_sockaddr(network, sock.getsockname())
        if is_unspecified(peer.ip):
            peer = IPAddress.from_sockaddr(network, sock.getpeername())
        stream.ends = Ends(network, local, peer)
        return (local.ip, local.port) == (peer.ip, peer.port)


def race(attempts: Sequence[Attempt], until: float | None) -> SocketStream | None:
    """Return the stream of the first attempt that connects; None if none does.

    Where two are connected when it looks, it is the one that began first. The others
    are closed.

    Args:
        attempts: none of them begun.
        until: the end of it. Those that are under way then have failed by a
            DeadlineError; those that have not begun have no error.

    Raises:
        DeadlineError: the time was up before the first could begin.
        Cancelled: this task is told to end.
    """
    waiting = deque(attempts)
    running: list[Attempt] = []
    latest: Attempt | None = None
    delay = next_at = 0.0
    try:
        while True:
            for attempt in running.copy():
                stream = attempt.step()
                if stream is not None:
                    running.remove(attempt)
                    return stream
                if attempt.error is not None:
                    running.remove(attempt)
            if latest is not None:
                next_at = latest.asked_at + delay
            if waiting and (latest not in running or now() >= next_at):
                until = checkpoint(until)
                delay = attempt_delay(until, len(waiting))
                latest = waiting.popleft()
                running.append(latest)  # before it has a descriptor: see `finally`
            elif running:
                _wait(running, next_at if waiting else None, until)
            else:
                return None
    except DeadlineError:
        if latest is None:
            raise
        for attempt in running:
            attempt.give_up()
            attempt.fail(DeadlineError())
        return None
    finally:
        for attempt in running:
            attempt.give_up()


def _wait(running: list[Attempt], next_at: float | None, until: float | None) -> None:
    try:
        wait_any((), [each.number for each in running], earliest(next_at, until))
    except DeadlineError:
        if until is not None and now() >= until:
            raise


def attempt_delay(until: float | None, places_left: int) -> float:
    """Return how many seconds an attempt is alone before the next one begins.

    Where the time is short, it is shared out, so that the last address has its chance;
    but no share is under the least that RFC 8305 allows.

    Args:
        until: the end of the race; None is never.
        places_left: how many addresses there are to try, with this one.
    """
    if until is None:
        return ATTEMPT_DELAY_SECONDS
    share = (until - now()) / places_left
    return min(ATTEMPT_DELAY_SECONDS, max(share, LEAST_DELAY_SECONDS))


def interleave(places: Sequence[IPAddress]) -> list[IPAddress]:
    """Return the addresses with the families in turn, beginning with the first's.

    RFC 8305 section 4, with a First Address Family Count of 1: so the second attempt
    already takes the other way.

    >>> hosts = ("2001:db8::1", "2001:db8::2", "192.0.2.1")
    >>> [each.ip for each in interleave([IPAddress("tcp", ip, 80) for ip in hosts])]
    ['2001:db8::1', '192.0.2.1', '2001:db8::2']
    """
    first = [each for each in places if each.is_ipv6 == places[0].is_ipv6]
    second = [each for each in places if each.is_ipv6 != places[0].is_ipv6]
    turns = zip_longest(first, second)
    return [place for turn in turns for place in turn if place is not None]
