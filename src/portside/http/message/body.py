"""The body of a request: it comes by and by, and never without a bound.

In       pieces, from wherever they come
Out      the pieces; all of it; what is behind it
Source   RFC 9110 section 6.4
Holds    how much has come
Fails    StatusError 413: more than `Body.max_bytes`; RequestError: what came is no
         body, ended early or came too slowly
"""

from collections.abc import Iterator

from portside.http.message.headers import Headers
from portside.http.message.status_error import StatusError

__all__ = ["PIECE_BYTES", "Body", "BytesBody"]

PIECE_BYTES = 65536
"""What one read gives at the most, unless it is told otherwise."""


class Body:
    """The body of one request, read by its handler, piece by piece or whole.

    What a handler does not read is dropped, or ends the connection.

    Attributes:
        length: in bytes, as the client announced; None when it comes in chunks.
        max_bytes: of more, a read raises a 413; None for no bound. A handler may set
            it before it reads.
        timeout: seconds in which 64 KiB of it, or the rest, must come; else a read
            raises a 408. A handler may set it at any time.
    """

    def __init__(
        self, length: int | None, max_bytes: int | None, timeout: float
    ) -> None:
        self.length = length
        self.max_bytes = max_bytes
        self.timeout = timeout
        self.count = 0
        self.is_over = length == 0
        self._trailers: Headers | None = None
        self._begun = False
        self._kept = bytearray()  # was read, and goes to who reads next

    def read(self, max_bytes: int = PIECE_BYTES) -> bytes:
        """Return what has come, waiting for at least a byte; ``b""`` at the end.

        Raises:
            StatusError: 413, there is more than `max_bytes` of the body; 400 or 408
                (a RequestError) when the client does not send what it announced.
                After each the connection is closed.
            ValueError: max_bytes is less than 1.
        """
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")
        if self.is_over and not self._kept:
            return b""
        self._check(max(self.length or 0, self.count))
        if self._kept:
            kept = bytes(self._kept[:max_bytes])
            del self._kept[:max_bytes]
            return kept
        if not self._begun:
            self._begun = True
            self._begin()
        data = self._receive(max_bytes)
        self.count += len(data)
        self.is_over = not data or self.count == self.length
        try:
            self._check(self.count)
        except StatusError:
            self.put_back(data)  # for who allows more
            raise
        return data

    def __iter__(self) -> Iterator[bytes]:
        """Read piece by piece, as they come."""
        while data := self.read():
            yield data

    def read_all(self, max_bytes: int | None = None) -> bytes:
        """Return all of it.

        Where that fails, what had come by then is still to be read.

        Args:
            max_bytes: a bound for this once, instead of `max_bytes` of the body.
        """
        usual = self.max_bytes
        if max_bytes is not None:
            self.max_bytes = max_bytes
        data = bytearray()  # a list of small pieces would take many times as much
        try:
            for piece in self:
                data += piece
        except BaseException:
            self.put_back(data)
            raise
        finally:
            self.max_bytes = usual
        return bytes(data)

    def put_back(self, data: bytes | bytearray) -> None:
        """Let the next read begin with what was read: it was not enough."""
        self._kept[:0] = data

    @property
    def trailers(self) -> Headers:
        """The fields that came behind a body in chunks, once all of it was read."""
        return Headers() if self._trailers is None else self._trailers

    @property
    def is_taken(self) -> bool:
        """Whether somebody has a part of it, or had: what is left is not the whole."""
        return self.count > len(self._kept)

    def _check(self, n_bytes: int) -> None:
        if self.max_bytes is not None and n_bytes > self.max_bytes:
            # What follows a request that is refused is never read as another.
            raise StatusError(
                413,
                f"the body is over {self.max_bytes} bytes",
                headers={"Connection": "close"},
            )

    def _begin(self) -> None:
        """Do what must be done before the first piece."""

    def _receive(self, max_bytes: int) -> bytes:
        """Return the next piece; nothing at the end."""
        raise NotImplementedError


class BytesBody(Body):
    """A body that is here already."""

    def __init__(self, data: bytes, trailers: Headers | None = None) -> None:
        super().__init__(len(data), None, 0.0)
        self._data = data
        self._trailers = trailers

    def _receive(self, max_bytes: int) -> bytes:
        return self._data[self.count : self.count + max_bytes]
