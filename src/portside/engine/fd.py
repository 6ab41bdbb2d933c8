"""A descriptor: the only place where a call that would block is tried again.

In       a socket; calls on it from the task whose turn it is
Out      what the call returned, once it could be done
Source   socket(7), send(2), recv(2), accept(2), connect(2)
Holds    the socket, until it is closed and the last task inside has left
Fails    OSError as the kernel gave it; ClosedError, DeadlineError, Cancelled

Every socket is non-blocking. A receive asks the kernel first when the last one filled
its buffer (there may be more), or when the client was accepted just now (it mostly has
said something), and waits first otherwise (there is probably nothing): so a message
costs poll, recv and send, and only the first recv may fail. An event is a
hint to ask; what the kernel answers is what counts.

A descriptor belongs to the engine that first uses it: a hub, or the threads without
one. Another one that reads or writes is refused, since a hub keeps in mind what it
armed for whom. Closing and moving deadlines may come from anywhere.
"""

import errno
import os
import socket
import struct
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from portside.engine import waist
from portside.engine.blocking import here
from portside.engine.gate import Gate
from portside.engine.open_descriptors import open_descriptors
from portside.engine.telling import bytes_text, endpoint_text
from portside.engine.verbs import Owner
from portside.errors import ClosedError, WouldBlockError
from portside.events import socket_call

__all__ = ["Buffer", "Descriptor"]

Buffer = bytes | bytearray | memoryview

Result = TypeVar("Result")
Socket = socket.socket  # by a name that the property `Descriptor.socket` does not hide

_TCP_INFO = getattr(socket, "TCP_INFO", -1)  # Linux; elsewhere nobody knows -1
_TCP_CLOSE = 7  # its first byte, tcp(7): no connection any more

_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close resets, socket(7)


class Descriptor:
    """A socket that waits by way of the engine.

    Attributes:
        reading: the turn to receive or accept.
        writing: the turn to send or connect.
        number: the descriptor's number, also after it has been closed.
    """

    def __init__(self, sock: Socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self.number = sock.fileno()
        self.reading = Gate(self._left, is_counted=False)
        self.writing = Gate(self._left)
        self._probably_empty = True
        self._was_reset = False
        self._has_ended = False  # our direction
        self._owner: Owner | None = None
        self._kind: tuple[int, int, int] | None = None  # of what is accepted here
        self._recv, self._recv_into = sock.recv, sock.recv_into
        self._send = sock.send
        self._last_out = threading.Lock()  # taken for good by who gives it back
        self._given_back = False
        open_descriptors[self.number] = weakref.ref(self)

    @classmethod
    def open_socket(cls, family: int, kind: int) -> Socket:
        """Return a new socket, closed at exec from birth."""
        sock = socket.socket(family, kind)
        if socket_call.hooks:
            told = socket.AddressFamily(family).name
            told += f", {socket.SocketKind(kind).name}"
            socket_call("socket", sock.fileno(), told, str(sock.fileno()))
        return sock

    @property
    def socket(self) -> Socket:
        """The socket, for its options and addresses."""
        return self._socket

    @property
    def closed(self) -> bool:
        """Whether it was closed on this side."""
        return self.reading.closed

    @property
    def given_back(self) -> bool:
        """Whether the kernel has the number back: closed, and nobody inside."""
        return self._given_back

    def receive(self, max_bytes: int) -> bytes:
        """Return what is there, at least a byte; nothing at the end of the stream."""
        # The first try of `_reading`, without its price: every message passes here.
        gate = self.reading
        engine = gate.engine
        if self._owner is not engine.owner:
            self._belong_to(engine.owner)
        if self._probably_empty and not gate.draining:
            engine.wait_read(self.number, gate.bound)
        else:
            self._probably_empty = True
            gate.check()  # which counts it: nothing is waited for
        if gate.closed:
            raise ClosedError
        recv = self._recv  # called as a method, it would be looked for in the class
        try:
            data = recv(max_bytes)
        except OSError as error:
            data = self._receive_again(error, max_bytes)
        if not data:
            self._check_end()
        if len(data) == max_bytes:
            self._probably_empty = False
        if socket_call.hooks:
            socket_call("recv", self.number, "", bytes_text(data))
        return data

    def receive_into(self, buffer: memoryview) -> int:
        """Put what is there into buffer and return how much; 0 at the end."""
        count = self._reading(self._recv_into, buffer)
        self._probably_empty = count < len(buffer)
        if socket_call.hooks:
            socket_call("recv", self.number, "", bytes_text(buffer[:count]))
        return count

    def send(self, data: Buffer) -> int:
        """Send the first bytes of data and return how many the kernel took."""
        # As in `receive`.
        gate = self.writing
        owner = gate.engine.owner
        if self._owner is not owner:
            self._belong_to(owner)
        if gate.closed:
            raise ClosedError
        send = self._send
        try:
            count = send(data)
        except OSError as error:
            count = self._send_again(error, data)
        if socket_call.hooks:
            socket_call("send", self.number, bytes_text(data), str(count))
        return count

    def send_many(self, buffers: Sequence[Buffer]) -> int:
        """Send the first bytes of several buffers, at most IOV_MAX of them."""
        count = self._writing("sendmsg", self._socket.sendmsg, buffers)
        if socket_call.hooks:
            told = f"{len(buffers)} buffers"
            socket_call("sendmsg", self.number, told, str(count))
        return count

    def accept_nowait(self) -> tuple[Socket, Any]:
        """Return the next connection and the address it comes from, if there is one.

        Raises:
            WouldBlockError: there is none.
        """
        if (kind := self._kind) is None:
            sock = self._socket
            kind = self._kind = int(sock.family), int(sock.type), sock.proto
        try:
            # What `socket.accept` does, without asking each time of what kind it is and
            # making enums of the answers: a third of its time (measured: 8 for 12 us).
            number, address = self._socket._accept()  # type: ignore[attr-defined]  # noqa: SLF001
            sock = socket.socket(*kind, fileno=number)
        except BlockingIOError:
            raise WouldBlockError from None
        except OSError as error:
            self._tell_failure("accept", "", error)
            raise
        if socket_call.hooks:
            told = f"{sock.fileno()} from {endpoint_text(address)}"
            socket_call("accept", self.number, "", told)
        return sock, address

    def bind(self, address: Any) -> None:
        """Give the socket its local address; the port may become known only now."""
        try:
            self._socket.bind(address)
        except OSError as error:
            self._tell_failure("bind", endpoint_text(address), error)
            raise
        if socket_call.hooks:
            wanted = endpoint_text(address)
            told = endpoint_text(self._socket.getsockname())
            result = "ok" if told == wanted else f"ok -> {told}"
            socket_call("bind", self.number, wanted, result)

    def listen(self, backlog: int) -> None:
        """Let clients wait to be accepted."""
        try:
            self._socket.listen(backlog)
        except OSError as error:
            self._tell_failure("listen", str(backlog), error)
            raise
        if socket_call.hooks:
            socket_call("listen", self.number, str(backlog), "ok")

    def connect(self, address: Any) -> None:
        """Connect; the writing gate's deadline bounds it."""
        self.writing.check()
        while not self.try_connect(address):
            waist.wait_write(self.number, self.writing.bound)
            self.writing.check()

    def try_connect(self, address: Any) -> bool:
        """Begin to connect, or ask how it goes; return whether it is done.

        As long as it is not, ask again when it can be written, or early.
        """
        # A failure is told once. Of one that still goes on, connect says EALREADY.
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        number = number or self._socket.connect_ex(address)
        if number in (errno.EINPROGRESS, errno.EALREADY, errno.EINTR):
            return False
        if socket_call.hooks:
            told = "ok" if number == 0 else os.strerror(number).lower()
            socket_call("connect", self.number, endpoint_text(address), told)
        if number not in (0, errno.EISCONN):
            raise OSError(number, os.strerror(number))
        return True

    def shutdown_write(self) -> None:
        """Tell the peer that nothing more comes (FIN); what was sent still arrives."""
        if self.writing.closed or (self._owner is not None and self._owner.gone):
            raise ClosedError
        self._end_direction()

    def _end_direction(self) -> None:
        self._has_ended = True  # before it does
        self._socket.shutdown(socket.SHUT_WR)
        if socket_call.hooks:
            socket_call("shutdown", self.number, "SHUT_WR", "ok")

    def close(self, *, abort: bool = False) -> None:
        """Close: whoever is inside gets ClosedError, the last one gives it back.

        Args:
            abort: reset the connection and drop what has not been sent.
        """
        if self.closed:
            return
        if self._owner is not None and self._owner.gone:
            self.abandon()  # in a fork: what we would say, we would say for the parent
            return
        if abort:
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            except OSError:
                pass  # the peer has reset it first: what we want is done
        self.reading.close()
        self.writing.close()
        self._left()

    def disown(self) -> None:
        """Let whoever uses it next have it: another hub, or a thread."""
        waist.closing(self.number)
        self._owner = None

    def abandon(self) -> None:
        """Close our copy of the number and say nothing to the peer: for forks.

        It takes no lock, as a thread that is not in this process may hold it, and wakes
        nobody, as who waits is in the other one.
        """
        if not self._given_back:
            open_descriptors.pop(self.number, None)
        self._given_back = True
        self.reading.abandon()
        self.writing.abandon()
        self._socket.close()
        if socket_call.hooks:
            socket_call("close", self.number, "", "ok, our copy")

    # Both begin without a check: who calls has entered the gate, or checked, just now.

    def _reading(self, call: Callable[[Any], Result], argument: object) -> Result:
        gate, engine = self.reading, here.engine
        if self._owner is not engine.owner:
            self._belong_to(engine.owner)
        if self._probably_empty and not (gate.draining and gate.ends_when_draining):
            engine.wait_read(self.number, gate.bound)
        elif not gate.is_counted:
            gate.check()
        while True:
            if gate.closed:
                raise ClosedError
            try:
                result = call(argument)
            except BlockingIOError:
                if gate.is_over:
                    raise
            except OSError as error:
                self._note_failure("recv", error)
                raise
            else:
                if not result:
                    self._check_end()
                return result
            gate.check()
            here.engine.wait_read(self.number, gate.bound)

    def _receive_again(self, error: OSError, max_bytes: int) -> bytes:
        """Go on after a first try that failed."""
        if not isinstance(error, BlockingIOError):
            self._note_failure("recv", error)
            raise error
        gate = self.reading
        if gate.is_over:
            raise error
        self._probably_empty = True  # so it waits first
        gate.check()
        return self._reading(self._recv, max_bytes)

    def _send_again(self, error: OSError, data: Buffer) -> int:
        if not isinstance(error, BlockingIOError):
            self._note_failure("send", error)
            raise error
        gate = self.writing
        gate.check()
        gate.wait(here.engine.wait_write, self.number)
        return self._writing("send", self._send, data)

    def _writing(
        self, name: str, call: Callable[[Any], Result], argument: object
    ) -> Result:
        gate, engine = self.writing, here.engine
        if self._owner is not engine.owner:
            self._belong_to(engine.owner)
        while True:
            if gate.closed:
                raise ClosedError
            try:
                return call(argument)
            except BlockingIOError:
                pass
            except OSError as error:
                self._note_failure(name, error)
                raise
            gate.check()
            gate.wait(here.engine.wait_write, self.number)

    def _belong_to(self, owner: Owner) -> None:
        if self._owner is not None:
            raise RuntimeError(
                f"descriptor {self.number} belongs to {self._owner}, and {owner} "
                f"cannot use it: read and write where it was first used, or detach it "
                f"there"
            )
        self._owner = owner

    def _check_end(self) -> None:
        """Raise where an end is none, or a cut reply would look whole.

        The kernel tells once that a connection is lost, to whoever asks first, and
        calls it an end from then on. That one may be a writer in another thread, which
        has not noted it yet. As long as we have not ended our direction, nothing else
        can have closed the connection.
        """
        try:
            state = self._socket.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 1)[0]
        except OSError:
            state = 0  # no TCP
        # In this order: another thread may be about to end our direction.
        if self._was_reset or (state == _TCP_CLOSE and not self._has_ended):
            raise OSError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))

    def _note_failure(self, name: str, error: OSError) -> None:
        self._was_reset = self._was_reset or error.errno == errno.ECONNRESET
        self._tell_failure(name, "", error)

    def _tell_failure(self, name: str, told: str, error: OSError) -> None:
        if socket_call.hooks:
            reason = os.strerror(error.errno or 0).lower()
            socket_call(name, self.number, told, reason)

    def _left(self) -> None:
        if not (self.reading.is_empty and self.writing.is_empty):
            return
        if not self._last_out.acquire(blocking=False):
            return
        self._given_back = True
        open_descriptors.pop(self.number, None)  # while the number is ours
        waist.closing(self.number)
        if socket_call.hooks:  # before: afterwards the number may be somebody else's
            socket_call("close", self.number, "", "ok")
        self._socket.close()
        self.reading.forget()
        self.writing.forget()
