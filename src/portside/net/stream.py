"""What a conn is built on: a source and a sink of bytes.

In       what the conn wants to receive or send
Out      some of it; the conn asks again for the rest
Holds    a gate for each direction, and between whom it is
Fails    OSError as it comes; the conn says where it happened

A TCP socket, an end of a pipe, a TLS session, a fault for a test: each is a
`ByteStream`, and the conn on top cannot tell them apart.
"""

import contextlib
import os
import socket
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol, Self

from portside.engine import Buffer, Descriptor, Gate, closing, wait_read
from portside.events import socket_call
from portside.names import Address
from portside.net.ends import Ends

__all__ = ["ByteStream", "Kept", "SocketStream"]


Socket = socket.socket  # by a name that the property `ByteStream.socket` does not hide


class ByteStream(Protocol):
    """Both directions of a conversation.

    Who calls has the turn of that direction, and has just checked its gate: once for
    each call of receive and send.
    """

    ends: Ends
    """Between whom they are."""

    @property
    def reading(self) -> Gate:
        """The turn, the deadline and the end of receiving."""

    @property
    def writing(self) -> Gate:
        """The turn, the deadline and the end of sending."""

    @property
    def closed(self) -> bool:
        """Whether it was closed on this side."""

    @property
    def socket(self) -> Socket | None:
        """The socket below, for its options; None where there is none."""

    def receive(self, max_bytes: int) -> bytes:
        """Wait for at least a byte and return what is there; nothing at the end.

        Raises:
            BlockingIOError: there is nothing, and the gate says that this may end.
        """

    def receive_into(self, buffer: memoryview) -> int:
        """Do the same into a buffer, and return how much."""

    def send(self, data: Buffer) -> int:
        """Wait for room and send the first bytes; return how many."""

    def send_many(self, buffers: Sequence[Buffer]) -> int:
        """Send the first bytes of several buffers, not more than 1024 of them."""

    def send_file(self, file: int, offset: int, max_bytes: int) -> int:
        """Send the first bytes of a part of a file; return how many, 0 at its end."""

    def shutdown_write(self) -> None:
        """Tell the peer that nothing more comes."""

    def close(self, *, abort: bool = False) -> None:
        """End both directions and wake who is inside; abort drops what is unsent."""

    def keep(self) -> "Kept | None":
        """Close the reading gate, and keep what is below the gates for the caller.

        From then on nobody else's close does more than close the gates.

        Returns:
            None where there is nothing to keep: somebody else closes it, this is a
            fork and it is the parent's, or a close loses nothing that was sent.
        """

    def disown(self) -> None:
        """Let another hub or thread use it from now on."""

    def abandon(self) -> None:
        """Close this process's copy of what it shares with a fork."""


class Kept(Protocol):
    """What is left of a stream that is closed to everybody but one task."""

    @property
    def socket(self) -> Socket | None:
        """The socket below; None where there is none."""

    @property
    def writing(self) -> Gate:
        """The gate that is still open for those who write."""

    def end_writing(self) -> None:
        """Close the writing gate, and tell the peer that nothing more comes."""

    def drop(self, max_bytes: int) -> int:
        """Take what is there and forget it; return how much, 0 at the end.

        Raises:
            BlockingIOError: there is nothing.
        """

    def wait_to_drop(self, deadline: float) -> None:
        """Return when there may be something to drop, or the end."""

    def give_back(self) -> None:
        """Close it, when the last one inside has left."""


class SocketStream(Descriptor):
    """A connected stream socket as a source and sink of bytes.

    Args:
        network, local, remote: as `Ends` has them.
    """

    def __init__(
        self, sock: Socket, network: str, local: Address | Any, remote: Address | Any
    ) -> None:
        super().__init__(sock)
        self.ends = Ends(network, local, remote)

    @classmethod
    def accepted(
        cls, sock: Socket, network: str, local: Address | Any, remote: Any
    ) -> Self:
        """Return the stream of a client: who mostly has sent something by now."""
        stream = cls(sock, network, local, remote)
        stream._probably_empty = False
        return stream

    def send_file(self, file: int, offset: int, max_bytes: int) -> int:
        """Let the kernel send from the page cache, past our memory: sendfile(2)."""
        number = self.number
        count = self._writing(
            "sendfile", partial(os.sendfile, number, file, offset), max_bytes
        )
        if socket_call.hooks:
            told = f"{max_bytes} bytes at {offset} of descriptor {file}"
            socket_call("sendfile", number, told, str(count))
        return count

    def keep(self) -> Self | None:
        """Close the reading gate, and keep the number for the caller."""
        if self._owner is not None and self._owner.gone:
            return None
        if not self._last_out.acquire(blocking=False):
            return None
        self.reading.close()
        closing(self.number)  # the caller may wait for it in the hub where others did
        return self

    def end_writing(self) -> None:
        """Close the writing gate, and end our direction."""
        self.writing.close()
        if not self._has_ended:
            with contextlib.suppress(OSError):  # the peer is gone: `drop` sees it
                self._end_direction()

    def drop(self, max_bytes: int) -> int:
        """Take what is there and forget it; return how much, 0 at the end."""
        n_bytes = len(self.socket.recv(max_bytes))
        if socket_call.hooks:
            socket_call("recv", self.number, "", f"{n_bytes} bytes, dropped")
        return n_bytes

    def wait_to_drop(self, deadline: float) -> None:
        """Return when there may be something to drop, or the end."""
        wait_read(self.number, deadline)

    def give_back(self) -> None:
        """Give the number back, or leave that to the last one inside."""
        self._last_out.release()
        self._left()
