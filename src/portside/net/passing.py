"""Pass descriptors to the process at the other end, and take them from it.

In       bytes, and descriptors of files, sockets, pipes: whatever has one
Out      the same bytes, and in the other process descriptors of the same things
Source   unix(7), SCM_RIGHTS
Holds    nothing
Fails    LimitError: more came than were asked for; Error: no Unix socket; as a read and
         a write do

They travel with bytes, and never alone. They are the sender's to close all the same:
what comes out is a copy. On a stream (``unix``) a receive that returns some ends with
the bytes that they came with, but may begin with bytes that were sent before those. A
buffered read (`read_line`, `read_exactly`) reads ahead, so it may meet bytes with
descriptors that were meant for later: that fails with a LimitError, and the descriptors
are lost. So let the peer ask before it is sent some, or read with `receive_descriptors`
alone, or use ``unixpacket``, where no read reaches over the end of a record.
"""

import os
from collections.abc import Sequence
from typing import Protocol

from portside.engine import Buffer
from portside.errors import Error
from portside.net.reading import CHUNK_BYTES, Reading
from portside.net.unix_stream import UnixStream
from portside.net.writing import Writing

__all__ = ["MAX_DESCRIPTORS", "HasFileno", "Passing"]

MAX_DESCRIPTORS = 253
"""What Linux passes in one call: SCM_MAX_FD, unix(7)."""


class HasFileno(Protocol):
    """A file, a socket, a conn: whatever has a descriptor."""

    def fileno(self) -> int:
        """Return the descriptor's number."""


class Passing(Reading, Writing):
    """What the conn of a Unix socket can do besides; `Conn` is this too."""

    def send_descriptors(
        self, data: Buffer, descriptors: Sequence[int | HasFileno]
    ) -> None:
        """Send all of data, and descriptors with its first byte.

        Args:
            data: at least a byte.
            descriptors: at most 253 of them; they stay open here.

        Raises:
            ValueError: no data, too many descriptors, or one that is not open.
            Error: not a Unix socket; else as `write`.
        """
        numbers = [_number(each) for each in descriptors]
        if len(numbers) > MAX_DESCRIPTORS:
            raise ValueError(
                f"{len(numbers)} descriptors are over the {MAX_DESCRIPTORS} of a call"
            )
        with memoryview(data).cast("B") as view, self._write_turn:
            if not len(view):
                raise ValueError("descriptors need at least a byte to travel with")
            stream = self._unix_stream()
            if self._write_ended:
                self._raise_ended()
            self._send_held()
            self._has_written = True
            sent = stream.send_descriptors(view, numbers)
            self._send_all(view, sent)

    def receive_descriptors(
        self, max_bytes: int = CHUNK_BYTES, max_descriptors: int = MAX_DESCRIPTORS
    ) -> tuple[bytes, list[int]]:
        """Return what is there and the descriptors that came with it: yours to close.

        They are closed at exec. Bytes that were read ahead come first, with none. At
        the end there are neither bytes nor descriptors.

        Raises:
            LimitError: more than max_descriptors came. All are closed; the bytes are
                still readable.
            Error: not a Unix socket; else as `read`.
        """
        if max_bytes < 1 or max_descriptors < 1:
            raise ValueError("max_bytes and max_descriptors must be at least 1")
        with self._read_turn:
            stream = self._unix_stream()
            if self._buffer:
                return self._take(max_bytes), []
            try:
                data, descriptors = stream.receive_descriptors(
                    max_bytes, max_descriptors
                )
            except BlockingIOError:
                return b"", []  # declared idle, and the server stops: `Conn.idle`
            if not data and not descriptors:
                self._end_seen = True
            return data, descriptors

    def _unix_stream(self) -> UnixStream:
        if not isinstance(self._stream, UnixStream):
            raise Error("only a Unix socket can pass descriptors")
        return self._stream


def _number(descriptor: int | HasFileno) -> int:
    if not isinstance(descriptor, int):
        return descriptor.fileno()
    try:
        os.fstat(descriptor)
    except OSError:  # sendmsg(2) would say EBADF, as if the conn were closed
        raise ValueError(f"descriptor {descriptor} is not open") from None
    return descriptor
