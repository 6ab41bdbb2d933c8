"""A datagram socket that waits: the calls of `fd` for messages.

In       messages to send, each to its address; room for one that comes
Out      one message for each call, whole or told as cut off
Source   udp(7), ip(7), unix(7), recv(2) on MSG_TRUNC, sendmsg(2)
Holds    what a `Descriptor` holds
Fails    as a `Descriptor`; what an earlier message has met (ICMP) is told to the next
         call of a connected socket, and of no other

A stream that gave less than was asked for is probably empty. A datagram says nothing of
the next one, and they come in bursts: so here the kernel is asked until it has no more,
and only then, or after many, there is a wait. A wake-up takes all that has come.
"""

import socket
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from portside.engine.blocking import here
from portside.engine.fd import Buffer, Descriptor
from portside.engine.telling import endpoint_text
from portside.errors import ClosedError, WouldBlockError
from portside.events import socket_call

__all__ = ["ControlMessages", "DatagramDescriptor"]

ControlMessages = Sequence[tuple[int, int, bytes]]
"""Level, type and data of each: cmsg(3)."""

MAX_IN_A_ROW = 64
"""Messages that are received without a wait: as many as the operations of a turn."""

Result = TypeVar("Result")


class DatagramDescriptor(Descriptor):
    """A datagram socket that waits by way of the engine.

    Args:
        sock: the socket.
        control_bytes: room for control messages of each message that comes; 0 asks for
            none, and a Unix socket gets none.
    """

    def __init__(self, sock: socket.socket, control_bytes: int = 0) -> None:
        super().__init__(sock)
        self.reading.is_counted = True  # many are received without a wait
        # With room for them a Unix peer opens descriptors here (SCM_RIGHTS, unix(7)).
        self._control_bytes = 0 if sock.family == socket.AF_UNIX else control_bytes
        self._recvfrom = sock.recvfrom
        self._in_a_row = 0

    def receive_from(self, max_bytes: int, *, wait: bool = True) -> tuple[bytes, Any]:
        """Return the next message and whom it is from; what is over is cut off.

        Raises:
            BlockingIOError: there is nothing, and the gate says that this may end, or
                it is not to wait.
        """
        receive = self._reading if wait else self._reading_now
        data, sender = receive(self._recvfrom, max_bytes)
        self._note_one()
        if socket_call.hooks:
            told = f"{len(data)} bytes from {endpoint_text(sender)}"
            socket_call("recvfrom", self.number, "", told)
        return data, sender

    def receive_message(
        self, max_bytes: int, *, wait: bool = True
    ) -> tuple[bytes, Any, bool, Any]:
        """Return the next message with all that the kernel says of it.

        Returns:
            The message, its control messages, whether it is cut off, whom it is from.

        Raises:
            BlockingIOError: there is nothing, and the gate says that this may end, or
                it is not to wait.
        """
        receive = self._reading if wait else self._reading_now
        data, control, flags, sender = receive(self._recvmsg, max_bytes)
        self._note_one()
        is_cut = bool(flags & socket.MSG_TRUNC)
        if socket_call.hooks:
            told = f"{len(data)} bytes from {endpoint_text(sender)}"
            more = ", cut off" if is_cut else ""
            socket_call("recvmsg", self.number, "", told + more)
        return data, control, is_cut, sender

    def send_message(
        self,
        data: Buffer,
        receiver: Any = None,
        control: ControlMessages = (),
        *,
        wait: bool = True,
    ) -> None:
        """Send one message, whole.

        Args:
            receiver: None for the one that the socket is connected to.
            control: control messages, as that which names the source address.
            wait: for room; else WouldBlockError is raised where there is none.
        """
        name = "send" if receiver is None else "sendmsg" if control else "sendto"

        def send(_: object) -> int:
            if receiver is None:
                return self._send(data)
            if control:
                return self._socket.sendmsg((data,), control, 0, receiver)
            return self._socket.sendto(data, receiver)

        if wait:
            self._writing(name, send, None)
        else:
            self._writing_now(send)
        if socket_call.hooks:
            to = f" to {endpoint_text(receiver)}" if receiver else ""
            socket_call(name, self.number, f"{len(data)} bytes{to}", "ok")

    def connect_now(self, receiver: Any) -> None:
        """Send to one address alone from now on, and hear it alone: at once.

        Raises:
            OSError: no way to it.
        """
        self._socket.connect(receiver)
        if socket_call.hooks:
            socket_call("connect", self.number, endpoint_text(receiver), "ok")

    def _note_one(self) -> None:
        self._in_a_row += 1
        # In a flood there is always one more, and what a wait would see (a signal, the
        # end of a lifeline) is to be seen all the same.
        self._probably_empty = self._in_a_row >= MAX_IN_A_ROW
        if self._probably_empty:
            self._in_a_row = 0

    def _reading_now(self, call: Callable[[Any], Result], argument: object) -> Result:
        owner = here.engine.owner
        if self._owner is not owner:
            self._belong_to(owner)
        if self.closed:
            raise ClosedError
        return call(argument)

    def _writing_now(self, call: Callable[[Any], int]) -> None:
        owner = here.engine.owner
        if self._owner is not owner:
            self._belong_to(owner)
        try:
            call(None)
        except BlockingIOError:
            raise WouldBlockError("its receiver's queue is full") from None

    def _recvmsg(self, max_bytes: int) -> tuple[bytes, Any, int, Any]:
        return self._socket.recvmsg(max_bytes, self._control_bytes)
