"""The lines between the pieces of a body that comes in chunks.

In       a line before a chunk; the lines behind the last
Out      how many bytes follow; the trailers
Source   RFC 9112 section 7.1, RFC 9110 section 6.5
Holds    how much of a body was lines, and not data
Fails    RequestError: 400, 431
"""

from portside.http.grammar import CHUNK_LINE, FIELD_LINE, NEXT_CHUNK_LINE
from portside.http.message.headers import Headers
from portside.http.message.status_error import RequestError

__all__ = ["MAX_CHUNK_LINE_BYTES", "ChunkLines", "read_trailers"]

MAX_CHUNK_LINE_BYTES = 1024
"""A size has 16 digits at the most; the rest is for extensions, which nobody sends."""

MAX_OVERHEAD_BYTES = 16384
"""What the lines may come to beyond a fair share: Go's figure after CVE-2023-39326."""

FAIR_LINE_BYTES = 16
"""The fair share of a line, beside two bytes for each of its data: Go's figure too. A
size and its end have no more, so a chunk without extensions is always lawful."""

# What says where a message ends, whom it is for or who sends it may not come after it
# was acted on: RFC 9110 section 6.5.1.
_NOT_IN_TRAILERS = frozenset(
    (
        "authorization", "cache-control", "connection", "content-encoding",
        "content-length", "content-range", "content-type", "cookie", "expect", "host",
        "if-match", "if-modified-since", "if-none-match", "if-range",
        "if-unmodified-since", "keep-alive", "max-forwards", "pragma",
        "proxy-authorization", "proxy-connection", "range", "set-cookie", "te",
        "trailer", "transfer-encoding", "upgrade",
    )
)  # fmt: skip


class ChunkLines:
    """Reads the sizes of one body's chunks, and bounds what surrounds the data."""

    def __init__(self) -> None:
        self._overhead = 0

    def size(self, line: bytes) -> int:
        """Return how many bytes of data follow a line; 0 is the last.

        Raises:
            RequestError: it is no such line, or there was too much beside the data.
        """
        match = CHUNK_LINE.fullmatch(line)
        if match is None:
            raise RequestError(400, "a malformed chunk")
        size = int(match[1], 16)
        self._count(len(line), size)
        return size

    def take_whole(self, block: bytes, max_bytes: int) -> tuple[list[bytes], int]:
        """Return the data of the chunks that are whole, and where the next one begins.

        Args:
            block: begins behind a chunk's data.
            max_bytes: of data, at the most.

        Raises:
            RequestError: there was too much beside the data.
        """
        pieces: list[bytes] = []
        at = 0
        longest = len(b"\r\n") + MAX_CHUNK_LINE_BYTES
        while match := NEXT_CHUNK_LINE.match(block, at, at + longest):
            begin = match.end()
            size = int(match[1], 16)
            if not size or begin + size > len(block) or size > max_bytes:
                break  # the last, one that is still to come, or too much
            self._count(begin - at - len(b"\r\n"), size)
            pieces.append(block[begin : begin + size])
            max_bytes -= size
            at = begin + size
        return pieces, at

    def _count(self, line_bytes: int, size: int) -> None:
        """Count what is beside the data, line by line, and data against it.

        Small chunks are lawful, also of a single byte each; a page of extensions around
        each is an attack.
        """
        excess = line_bytes - FAIR_LINE_BYTES - 2 * size
        self._overhead = max(0, self._overhead + excess)
        if self._overhead > MAX_OVERHEAD_BYTES:
            raise RequestError(400, "chunks with more around them than in them")


def read_trailers(lines: list[bytes]) -> Headers:
    """Return the fields behind the last chunk, those that may stand there.

    Args:
        lines: with their ends, without the empty one.

    Raises:
        RequestError: one is malformed.
    """
    fields = []
    for line in lines:
        match = FIELD_LINE.fullmatch(line)
        if match is None:
            raise RequestError(400, "a malformed trailer")
        if match[1].decode().lower() not in _NOT_IN_TRAILERS:
            fields.append((match[1], match[2]))
    return Headers.from_wire(fields)
