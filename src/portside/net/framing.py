"""Numbers, records and frames on a conn, in network byte order.

In       integers, structs, and messages with their length in front
Out      bytes, big endian; and back
Source   RFC 1700 for the order; struct for the formats
Holds    nothing
Fails    ValueError: a number does not fit; as `Reading` and `Writing` do
"""

import struct
from collections.abc import Iterator
from typing import Any

from portside.errors import EndOfStreamError, LimitError
from portside.net.reading import Reading
from portside.net.writing import Writing

__all__ = ["MAX_FRAME_BYTES", "Framing"]

MAX_FRAME_BYTES = 1024 * 1024
"""The default limit of a frame: that of `Reading.read_all`."""


class Framing(Reading, Writing):
    """What a conn does with numbers and frames."""

    def read_uint8(self) -> int:
        """Read a number of 8 bits."""
        return self.read_exactly(1)[0]

    def read_uint16(self) -> int:
        """Read a number of 16 bits."""
        return int.from_bytes(self.read_exactly(2), "big")

    def read_uint32(self) -> int:
        """Read a number of 32 bits."""
        return int.from_bytes(self.read_exactly(4), "big")

    def read_uint64(self) -> int:
        """Read a number of 64 bits."""
        return int.from_bytes(self.read_exactly(8), "big")

    def write_uint8(self, value: int) -> None:
        """Write a number of 8 bits; ValueError if it does not fit."""
        self.write(_packed(value, 1))

    def write_uint16(self, value: int) -> None:
        """Write a number of 16 bits; ValueError if it does not fit."""
        self.write(_packed(value, 2))

    def write_uint32(self, value: int) -> None:
        """Write a number of 32 bits; ValueError if it does not fit."""
        self.write(_packed(value, 4))

    def write_uint64(self, value: int) -> None:
        """Write a number of 64 bits; ValueError if it does not fit."""
        self.write(_packed(value, 8))

    def read_struct(self, fields: str) -> tuple[Any, ...]:
        """Read what `struct` calls ``"!" + fields``: network order, no padding.

        Raises:
            EndOfStreamError: the stream ended inside.
        """
        layout = _layout(fields)
        return layout.unpack(self.read_exactly(layout.size))

    def write_struct(self, fields: str, *values: Any) -> None:
        """Write what `struct` calls ``"!" + fields``: network order, no padding."""
        try:
            data = _layout(fields).pack(*values)
        except struct.error as error:
            raise ValueError(f"{values} do not fit in {fields!r}: {error}") from error
        self.write(data)

    def read_frame(
        self, max_bytes: int = MAX_FRAME_BYTES, *, length_bytes: int = 4
    ) -> bytes:
        """Read a message that has its length in front, and return it without.

        Raises:
            LimitError: the length is over max_bytes; length and frame stay readable.
            EndOfStreamError: the stream ended inside; with an empty ``partial``,
                before the frame began.
        """
        with self._read_turn:
            self._fill_to(length_bytes)
            length = int.from_bytes(self._buffer[:length_bytes], "big")
            if length > max_bytes:
                raise LimitError(
                    f"a frame of {length} bytes is over max_bytes={max_bytes}",
                    limit=max_bytes,
                )
            self._fill_to(length_bytes + length)
            return self._take(length_bytes + length)[length_bytes:]

    def frames(
        self, max_bytes: int = MAX_FRAME_BYTES, *, length_bytes: int = 4
    ) -> Iterator[bytes]:
        """Read frame after frame, until the stream ends between two of them.

        Raises:
            As `read_frame`; EndOfStreamError only when the end is inside a frame.
        """
        while True:
            try:
                frame = self.read_frame(max_bytes, length_bytes=length_bytes)
            except EndOfStreamError as error:
                if error.partial:
                    raise
                return
            yield frame

    def write_frame(self, data: bytes | bytearray, *, length_bytes: int = 4) -> None:
        """Write data with its length in front, as one write.

        Raises:
            ValueError: the length does not fit in length_bytes.
        """
        self.writev((_packed(len(data), length_bytes), data))


def _packed(value: int, n_bytes: int) -> bytes:
    try:
        return value.to_bytes(n_bytes, "big")
    except OverflowError:
        raise ValueError(f"{value} does not fit in {n_bytes * 8} bits") from None


def _layout(fields: str) -> struct.Struct:
    if fields[:1] in ("@", "=", "<", ">"):
        raise ValueError(f"{fields!r} names an order: on the wire it is network order")
    try:
        return struct.Struct(fields if fields.startswith("!") else "!" + fields)
    except struct.error as error:
        raise ValueError(f"{fields!r} is no struct format: {error}") from error
