"""Send and receive packets: a datagram socket, bound or connected.

In       packets, each on its own: whole, or not at all
Out      packets, as they come; nothing says that all come, or once, or in order
Source   udp(7), RFC 768; Go's net.PacketConn and UDPConn for what is offered
Holds    nothing of a packet: what was not received yet is in the kernel's buffer, and
         what has no room there is dropped and counted
Fails    LimitError: too long a packet; RefusedError: of a connected one, nobody is
         there; DeadlineError, ClosedError, Cancelled

Nobody listens and nobody accepts: one socket hears everybody. There is no end of a
conversation either, since there is none; a peer that has gone is one of whom nothing
comes any more.
"""

import socket
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from portside.engine import Buffer, ControlMessages, DatagramDescriptor
from portside.errors import AddressError, ClosedError, Error, WouldBlockError
from portside.names import Address, IPAddress, UnixAddress
from portside.net import options
from portside.net.located import located_as
from portside.net.packet import MAX_UDP_BYTES, MAX_UNIX_BYTES, Packet, in_words
from portside.net.packet_options import PacketOptions
from portside.net.pktinfo import (
    Destination,
    ask_for_destinations,
    destination_of,
    may_be_others,
)
from portside.net.receiver import receiver_of

__all__ = ["PacketConn"]


class PacketConn(PacketOptions):
    """A socket for packets.

    Made by `listen_packet` (it hears everybody) and ``dial("udp", ...)`` (one address).
    """

    def __init__(
        self,
        descriptor: DatagramDescriptor,
        network: str,
        local_address: Address,
        remote_address: Address | None = None,
        *,
        remove_file: Callable[[], None] | None = None,
    ) -> None:
        self.network = network
        self.local_address: IPAddress | Any = local_address
        self.remote_address: IPAddress | Any = remote_address
        self._descriptor = descriptor
        self._remove_file = remove_file
        self._family = descriptor.socket.family
        self._receive_turn = descriptor.reading
        self._receive_turn.locate = located_as("receive", self)
        self._receive_turn.ends_when_draining = True
        self._send_turn = descriptor.writing
        self._send_turn.locate = located_as("send", self)
        self._is_unix = self._asks_more = self._family == socket.AF_UNIX
        if (
            remote_address is None
            and isinstance(local_address, IPAddress)
            and may_be_others(local_address.ip)
        ):
            ask_for_destinations(descriptor.socket)
            self._asks_more = True
        self._at_end: list[Callable[[], None]] = []
        self._has_ended = False

    def __repr__(self) -> str:
        remote = "" if self.remote_address is None else f"->{self.remote_address}"
        return f"<PacketConn {self.network} {self.local_address}{remote}>"

    # -- packets

    def receive(self, max_bytes: int | None = None) -> Packet:
        """Wait for a packet and return it.

        Args:
            max_bytes: of its data; the rest of a longer one is lost, and it says so
                (``truncated``). None is more than UDP can carry, and 256 KiB on
                ``unixgram``.

        Raises:
            ValueError: max_bytes is negative.
            RefusedError: this one is connected, and nobody is there (ICMP, RFC 1122
                section 4.1.3.3): what was sent before is lost.
            DeadlineError: the receive deadline or a timeout around came first.
            ClosedError: it was closed, perhaps meanwhile, or its server stops.
        """
        turn = self._receive_turn
        turn.enter()
        try:
            return self._receive(max_bytes, wait=True)
        except BlockingIOError:
            turn.raise_located(ClosedError("its server stops"))
        except OSError as error:
            turn.raise_located(error)
        finally:
            turn.leave()

    def receive_nowait(self, max_bytes: int | None = None) -> Packet:
        """Return a packet that has come.

        Raises:
            WouldBlockError: there is none.
            Error: as `receive`.
        """
        with self._receive_turn:
            try:
                return self._receive(max_bytes, wait=False)
            except BlockingIOError:
                raise WouldBlockError from None

    def __iter__(self) -> Iterator[Packet]:
        """Receive packet by packet, until this is closed or its server stops."""
        while True:
            try:
                packet = self.receive()
            except ClosedError:
                return
            yield packet

    def send(self, data: Buffer, address: Address | str | None = None) -> None:
        """Send one packet.

        That the kernel took it says nothing of whether it arrives.

        Args:
            data: all of its bytes; none is a packet too.
            address: to whom: an address, or ``host:port``, which is looked up each
                time. None where this one is connected.

        Raises:
            LimitError: longer than a packet can be.
            AddressError: no address where one is needed, or one where there is one
                already, or of another network or family.
            DeniedError: a broadcast address, and `set_broadcast` was not called.
            DeadlineError: no room in the kernel's buffer before the send deadline.
            Error: no way there, or none for a packet of this length.
        """
        try:  # before the turn, as others need not wait while a name is looked up
            to = self._to(address)
        except OSError as error:
            self._send_turn.raise_located(error)
        with self._send_turn:
            self._send(data, to)

    def send_many(self, packets: Iterable[tuple[Buffer, Address | str]]) -> int:
        """Send packets, each to its address, and return how many; one turn for all.

        Raises:
            As `send`; its ``sent`` is how many packets went before the one that failed.
        """
        count = 0
        with self._send_turn:
            for data, address in packets:
                try:
                    if count:
                        self._send_turn.check()
                    self._send(data, self._to(address))
                except OSError as error:
                    located = self._send_turn.located(error)
                    if isinstance(located, Error):
                        located.sent = count
                    raise located from None
                count += 1
        return count

    @property
    def dropped(self) -> int:
        """How many packets had no room in the kernel's buffer, and are lost.

        Linux only; elsewhere 0. SO_RXQ_OVFL tells the same beside each packet.
        """
        with self._setting() as sock:
            return options.dropped_packets(sock)

    # -- deadlines

    def set_deadline(self, at: float | None) -> None:
        """Set both deadlines: seconds on the clock of ``portside.now``; None for none.

        Raises:
            ClosedError: it is closed.
        """
        self.set_receive_deadline(at)
        self.set_send_deadline(at)

    def set_receive_deadline(self, at: float | None) -> None:
        """Let receive, waiting now or to come, fail with DeadlineError from then on."""
        self._check_open()
        self._receive_turn.set_deadline(at)

    def set_send_deadline(self, at: float | None) -> None:
        """Let send, waiting now or to come, fail with DeadlineError from then on."""
        self._check_open()
        self._send_turn.set_deadline(at)

    # -- the end

    def close(self) -> None:
        """Give the socket back; who waits inside gets ClosedError. Again is silent."""
        if not self.closed:
            self.remove_file()
        self._descriptor.close()
        self._end()

    def abandon(self) -> None:
        """Close this process's copy; who else has one goes on: for forks."""
        self._descriptor.abandon()

    def drain(self) -> None:
        """Let whoever receives see the end once there is no packet: for a server."""
        self._receive_turn.drain()
        self._end()

    def when_over(self, callback: Callable[[], None]) -> None:
        """Call back once it is closed or its server stops; at once if that was before.

        For what a handler keeps beyond one packet. The callback may come from any
        thread, more than once, and must not wait.
        """
        self._at_end.append(callback)
        if self._has_ended:  # said before we were in the list, or it is called twice
            callback()

    def remove_file(self) -> None:
        """Remove the file of a Unix socket, if this process made it."""
        if self._remove_file is not None:
            self._remove_file()

    def fileno(self) -> int:
        """Return the number of the socket; -1 once it is closed."""
        return -1 if self.closed else self._descriptor.number

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- what its packets ask of it

    def address_of(self, sockaddr: Any) -> Address:
        """Return the address of a peer as the kernel gave it."""
        if self._family == socket.AF_UNIX:
            return UnixAddress.from_sockaddr(self.network, sockaddr)
        return IPAddress.from_sockaddr(self.network, sockaddr)

    def local_address_of(self, destination: Destination) -> Address:
        """Return the address of ours that a packet was sent to."""
        assert isinstance(self.local_address, IPAddress)
        port = self.local_address.port
        return IPAddress(self.network, destination.ip, port, destination.zone)

    def send_back(self, data: Buffer, to: Any, control: ControlMessages) -> None:
        """Send to who sent a packet, from where it was sent to.

        A Unix peer that does not read keeps its sender waiting. Here that would be who
        answers everybody: so to such a one nothing is sent.
        """
        turn = self._send_turn
        turn.enter()
        try:
            if self.remote_address is not None:
                to = None
            elif not to:
                raise AddressError("its sender has no address to reply to")
            self._send(data, to, control, wait=not self._is_unix)
        except OSError as error:
            turn.raise_located(error)
        finally:
            turn.leave()

    # -- inside

    def _to(self, address: Address | str | None) -> Any:
        if self.remote_address is None:
            if address is None:
                raise AddressError("is not connected: say to whom the packet goes")
            return receiver_of(address, self.network, self._descriptor.socket)
        if address is not None:
            raise AddressError(
                f"is connected to {self.remote_address}: send without an address"
            )
        return None

    def _end(self) -> None:
        self._has_ended = True
        for callback in tuple(self._at_end):
            callback()

    def _receive(self, max_bytes: int | None, *, wait: bool) -> Packet:
        if max_bytes is None:
            if not self._asks_more:  # nearly always, and it cannot be truncated
                data, sender = self._descriptor.receive_from(MAX_UDP_BYTES, wait=wait)
                return Packet(data, sender, self)
            max_bytes = MAX_UNIX_BYTES if self._is_unix else MAX_UDP_BYTES
        if max_bytes < 0:
            raise ValueError(f"max_bytes must not be negative: {max_bytes}")
        data, control, is_cut, sender = self._descriptor.receive_message(
            max_bytes, wait=wait
        )
        return Packet(data, sender, self, destination_of(control), truncated=is_cut)

    def _send(
        self,
        data: Buffer,
        to: Any,
        control: ControlMessages = (),
        *,
        wait: bool = True,
    ) -> None:
        if isinstance(data, str):
            raise TypeError('a packet carries bytes, not text: encode it, or b"..."')
        try:
            self._descriptor.send_message(data, to, control, wait=wait)
        except OSError as error:
            said = in_words(error, data, self.network, self._descriptor.socket)
            located = self._send_turn.located(said)
            if isinstance(located, Error) and located.remote is None and to:
                located.remote = self.address_of(to)
            raise located from (None if located is error else error)
