"""A packet: one message, from whom it came and where it was sent to.

In       what the socket gave
Out      the message, its addresses, and the way back
Source   RFC 768 (UDP), unix(7)
Holds    itself, and what sends its answers
Fails    reply: as `PacketConn.send`, and LimitError

The addresses are made when they are asked for: an answer needs none of them, only what
the kernel said.
"""

import errno
import socket
from collections.abc import Callable
from typing import Any, Protocol

from portside.engine import Buffer, ControlMessages
from portside.errors import DeniedError, LimitError
from portside.names import Address, IPAddress
from portside.net.pktinfo import Destination

__all__ = ["HEADER_BYTES", "MAX_UDP_BYTES", "MAX_UNIX_BYTES", "Packet", "in_words"]

HEADER_BYTES = 28
"""What IPv4 and UDP put before the data of a packet: RFC 791, RFC 768."""

MAX_UDP_BYTES = 65535
"""More than any UDP packet has, so that none is truncated unless less is asked for."""

MAX_UNIX_BYTES = 256 * 1024
"""More than fits into the send buffer of a Unix socket as Linux makes it (212,992)."""

_MOST_SENT: dict[int, int] = {socket.AF_INET: 65507, socket.AF_INET6: 65527}
"""RFC 768 has 16 bits for the length with its header of 8; in IPv4 20 more count."""


class _Source(Protocol):
    """What it came from: a packet conn."""

    @property
    def local_address(self) -> Address:
        """Where its socket is bound."""

    def address_of(self, sockaddr: Any) -> Address:
        """Return the address that the kernel gave for a peer."""

    def local_address_of(self, destination: Destination) -> Address:
        """Return the address of ours that a packet was sent to."""

    def send_back(self, data: Buffer, to: Any, control: ControlMessages) -> None:
        """Send to who sent a packet, from where it was sent to."""

    def when_over(self, callback: Callable[[], None]) -> None:
        """Call back once it is closed or its server stops."""


class Packet:
    """A message that came.

    Attributes:
        data: its bytes; none at all is a message too.
        truncated: it was longer than was asked for, and the rest is lost.
        max_reply_bytes: what the next `reply` sends at the most; None for what the
            network carries. A server's guard sets it, for all replies together.
    """

    __slots__ = (
        "_destination",
        "_sender",
        "_source",
        "data",
        "max_reply_bytes",
        "truncated",
    )

    def __init__(
        self,
        data: bytes,
        sender: Any,
        source: _Source,
        destination: Destination | None = None,
        *,
        truncated: bool = False,
    ) -> None:
        self.data = data
        self.truncated = truncated
        self.max_reply_bytes: int | None = None
        self._sender = sender
        self._source = source
        self._destination = destination

    def __repr__(self) -> str:
        cut = ", truncated" if self.truncated else ""
        return f"<Packet of {len(self.data)} bytes from {self.address}{cut}>"

    @property
    def source(self) -> _Source:
        """The packet conn that it came by."""
        return self._source

    @property
    def address(self) -> IPAddress | Any:
        """Who sent it."""
        return self._source.address_of(self._sender)

    @property
    def local_address(self) -> IPAddress | Any:
        """Where it was sent to: one of our addresses, a group, or a broadcast."""
        if self._destination is None:
            return self._source.local_address
        return self._source.local_address_of(self._destination)

    @property
    def was_to_all(self) -> bool:
        """Whether it was sent to a group or a broadcast address, as far as is known."""
        return self._destination is not None and not self._destination.is_ours

    def reply(self, data: Buffer) -> None:
        """Send a packet back, from the address that was asked.

        Raises:
            LimitError: more than `max_reply_bytes`, or than the network carries.
            Error: as `PacketConn.send`.
        """
        if (most := self.max_reply_bytes) is not None:
            size = memoryview(data).nbytes
            if size > most:
                raise LimitError(
                    f"a reply of {size} bytes to a packet of {len(self.data)}: this "
                    f"server sends at most {max(most, 0)}",
                    limit=max(most, 0),
                )
            self.max_reply_bytes = most - size - HEADER_BYTES
        answer = () if self._destination is None else self._destination.answer
        self._source.send_back(data, self._sender, answer)


def in_words(
    error: OSError, data: Buffer, network: str, sock: socket.socket
) -> OSError:
    """Return the error of a send that says more than the kernel did, or as it is."""
    if error.errno == errno.EMSGSIZE:
        return _too_long(data, network, sock.family)
    is_denied = error.errno == errno.EACCES and sock.family != socket.AF_UNIX
    if is_denied and not sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST):
        return DeniedError(
            "permission denied: to a broadcast address only after set_broadcast(True)"
        )
    return error


def _too_long(data: Buffer, network: str, family: int) -> LimitError:
    most, size = _MOST_SENT.get(family, 0), memoryview(data).nbytes
    if size > most > 0:
        reason = f"a packet of {size} bytes is over the {most} of {network}"
    else:
        reason = f"a packet of {size} bytes is too long for this socket or its way"
    return LimitError(reason, limit=most)
