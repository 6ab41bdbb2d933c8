"""The streams of Unix sockets, which carry descriptors and may keep records apart.

In       a connected Unix socket
Out      bytes, with them descriptors; or records
Source   unix(7), recvmsg(2), cmsg(3)
Holds    bytes that came with descriptors nobody asked for, until they are read
Fails    LimitError: descriptors nobody asked for, more of them than were asked for, or
         a record longer than what was asked for; what came is still readable

A receive that is not ready for descriptors lets the kernel close them, and nobody would
ever know. So these streams ask with recvmsg(2), which tells: such a read fails once,
and the bytes are there for the next one. Where more come than were asked for, those
that came are closed too, as a half of them is of no use to anybody.

On a record's socket (``unixpacket``, SOCK_SEQPACKET) the kernel drops what is longer
than the buffer. So the length is asked first (MSG_PEEK with MSG_TRUNC), and a record
that is too long stays where it is. A record may be empty, and recv(2) returns 0 for it
as for the end; but only a record has a time stamp. So at a 0 the stamps are switched
on, an empty record is passed over, and the end is the end.
"""

import errno
import operator
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

from portside.engine import Buffer
from portside.errors import LimitError
from portside.events import socket_call
from portside.net.file_part import READ_BYTES
from portside.net.stream import SocketStream

__all__ = ["STREAMS", "RecordStream", "UnixStream"]

_SO_TIMESTAMP = 29  # of Linux, socket(7): the socket module does not have it
_TIMESTAMP_SPACE = socket.CMSG_SPACE(struct.calcsize("@ll"))  # a struct timeval
_Message = tuple[bytes, list[tuple[int, int, bytes]], int, Any]
_SHOWN_BYTES = 24  # of each call, where calls are looked at: as of other sockets
_CLOEXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class UnixStream(SocketStream):
    """A connected Unix socket as a source and sink of bytes and descriptors."""

    _kept = b""  # came with descriptors nobody asked for

    def receive(self, max_bytes: int) -> bytes:
        """Return what is there, at least a byte; nothing at the end.

        Raises:
            LimitError: descriptors came with it. They are closed, the bytes are not
                lost.
        """
        if self._kept:
            return self._take_kept(max_bytes)
        data, _ = self._receive_message(max_bytes, 0)
        return data

    def receive_into(self, buffer: memoryview) -> int:
        """Do the same into a buffer, and return how much."""
        data = self.receive(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def receive_descriptors(
        self, max_bytes: int, max_descriptors: int
    ) -> tuple[bytes, list[int]]:
        """Return what is there, and the descriptors that came with it."""
        if self._kept:
            return self._take_kept(max_bytes), []
        return self._receive_message(max_bytes, max_descriptors)

    def send_descriptors(self, data: Buffer, descriptors: Sequence[int]) -> int:
        """Send the first bytes of data and all the descriptors; return how many."""
        rights = struct.pack(f"{len(descriptors)}i", *descriptors)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
        count = self._writing(
            "sendmsg", lambda it: self.socket.sendmsg([it], ancillary), data
        )
        if socket_call.hooks:
            told = _told(bytes(data[:_SHOWN_BYTES]), len(descriptors), len(data))
            socket_call("sendmsg", self.number, told, str(count))
        return count

    def _receive_message(
        self, max_bytes: int, max_descriptors: int
    ) -> tuple[bytes, list[int]]:
        # Without the padding that CMSG_SPACE has: one more would fit into it.
        space = socket.CMSG_LEN(4 * max_descriptors) if max_descriptors else 0
        data, ancillary, flags, _ = self._reading(
            lambda wanted: self._ask(wanted, space), max_bytes
        )
        descriptors = _descriptors(ancillary) if ancillary else []
        if not data and not descriptors:
            self._check_end()
        self._probably_empty = len(data) < max_bytes
        if socket_call.hooks:
            socket_call("recvmsg", self.number, "", _told(data, len(descriptors)))
        if flags & socket.MSG_CTRUNC:
            for each in descriptors:
                os.close(each)
            self._kept = data
            raise LimitError(_too_many(max_descriptors), limit=max_descriptors)
        return data, descriptors

    def _ask(self, max_bytes: int, space: int) -> _Message:
        return self.socket.recvmsg(max_bytes, space, _CLOEXEC)

    def _take_kept(self, max_bytes: int) -> bytes:
        data, self._kept = self._kept[:max_bytes], self._kept[max_bytes:]
        return data


class RecordStream(UnixStream):
    """A Unix socket that keeps records apart: one send is one record is one receive."""

    _has_timestamps = False

    def send(self, data: Buffer) -> int:
        """Send a record, whole.

        Raises:
            LimitError: it is longer than the send buffer can hold.
        """
        try:
            return super().send(data)
        except OSError as error:
            raise self._too_long(error, len(data)) from None

    def send_many(self, buffers: Sequence[Buffer]) -> int:
        """Send several buffers as one record."""
        try:
            return super().send_many(buffers)
        except OSError as error:
            raise self._too_long(error, sum(map(len, buffers))) from None

    def send_file(self, file: int, offset: int, max_bytes: int) -> int:
        """Send a record of at most 64 KiB: where sendfile(2) ends one is its affair."""
        data = os.pread(file, min(max_bytes, READ_BYTES), offset)
        return self.send(data) if data else 0  # an empty record is one too

    def send_descriptors(self, data: Buffer, descriptors: Sequence[int]) -> int:
        """Send a record with descriptors."""
        try:
            return super().send_descriptors(data, descriptors)
        except OSError as error:
            raise self._too_long(error, len(data)) from None

    def drop(self, max_bytes: int) -> int:
        """Take the next record and forget it; return a length, 0 at the end alone."""
        try:
            data, _, flags, _ = self._ask(max_bytes, 0)
        except LimitError:
            return len(self.socket.recv(max_bytes))  # the kernel drops the rest
        return len(data) or int(bool(flags & socket.MSG_CTRUNC))

    def _ask(self, max_bytes: int, space: int) -> _Message:
        sock, max_bytes = self.socket, operator.index(max_bytes)
        while True:
            length = sock.recv_into(bytearray(1), 1, socket.MSG_PEEK | socket.MSG_TRUNC)
            if length > max_bytes:
                raise _over(length, max_bytes)
            if not length and not self._has_timestamps:
                sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMP, 1)
                self._has_timestamps = True
            room = space + _TIMESTAMP_SPACE if self._has_timestamps else space
            message = sock.recvmsg(length or 1, room, _CLOEXEC)
            data, ancillary, flags, _ = message
            is_end = not ancillary and not flags & socket.MSG_CTRUNC
            if data or is_end or flags & socket.MSG_CTRUNC or _descriptors(ancillary):
                return message

    def _take_kept(self, max_bytes: int) -> bytes:
        if len(self._kept) > max_bytes:
            raise _over(len(self._kept), max_bytes)
        return super()._take_kept(max_bytes)

    def _too_long(self, error: OSError, length: int) -> OSError:
        if error.errno != errno.EMSGSIZE:
            return error
        limit = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        return LimitError(
            f"a record of {length} bytes is over what the send buffer of {limit} bytes "
            f"can hold (set_buffer_sizes)",
            limit=limit,
        )


STREAMS: dict[str, type[SocketStream]] = {
    "unix": UnixStream,
    "unixpacket": RecordStream,
}
"""The stream of a network, where it is not that of all."""


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found: list[int] = []
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            count = len(data) // 4
            found += struct.unpack(f"{count}i", data[: 4 * count])
    return found


def _told(data: bytes, n_descriptors: int, length: int | None = None) -> str:
    length = len(data) if length is None else length
    shown = f" {data[:_SHOWN_BYTES]!r}" if data else " (the end)"
    more = " ..." if length > _SHOWN_BYTES else ""
    passed = f" and {n_descriptors} descriptors" if n_descriptors else ""
    return f"{length} bytes{shown}{more}{passed}"


def _over(length: int, max_bytes: int) -> LimitError:
    return LimitError(
        f"a record of {length} bytes is over max_bytes={max_bytes}", limit=max_bytes
    )


def _too_many(max_descriptors: int) -> str:
    if max_descriptors:
        return (
            f"more than max_descriptors={max_descriptors} came with these bytes, and "
            f"all were closed"
        )
    return (
        "descriptors came with these bytes, and were closed: receive_descriptors "
        "takes them"
    )
