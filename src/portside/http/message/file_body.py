"""A body that is a regular file, or parts of one.

In       a path; later, from whoever opened it, a descriptor and what fstat(2) says
Out      how long it is, what names its version, and what is to be sent of it
Source   RFC 9110 section 8.8 (validators)
Holds    the descriptor, until the last body of the file is closed or forgotten
Fails    never: what cannot be opened is for who opens it to tell (`http.disk.opening`)

The version of a file is named by the moment of its last change, in nanoseconds, and its
size. That is a strong validator as long as nobody sets the moment back or changes a
file twice within a tick of the kernel's clock (some ms) without changing its length. A
hash of the bytes would be stronger, and cost the reading of the file.
"""

import os

__all__ = ["FileBody", "Part"]

Part = bytes | tuple[int, int]
"""Bytes as they are, or an offset in the file and how many bytes from there."""


class FileBody:
    """A file as the body of a response: opened when it is sent, or already.

    One body is for one answer, which may be about a part of it. The bodies of a file
    that are copied from each other share its descriptor.

    Attributes:
        path: where the file is; "" where only the descriptor is known.
        content_type: what it holds; None where nobody has said.
        size: of the whole file, in bytes.
        modified: when it was changed, in whole seconds since the epoch; None where the
            file system does not know.
        etag: its version, as the ETag field says it; "" as long as it is not open.
        parts: what is sent, in order; all of it unless a client wants less.
    """

    __slots__ = (
        "_file", "_length", "content_type", "etag", "modified", "parts", "path", "size",
    )  # fmt: skip

    def __init__(self, path: str = "", *, content_type: str | None = None) -> None:
        self.path = path
        self._file: _OpenFile | None = None
        self.content_type = content_type
        self.size = 0
        self.modified: int | None = None
        self.etag = ""
        self.parts: list[Part] = []
        self._length = 0

    @property
    def is_open(self) -> bool:
        """Whether there is a descriptor."""
        return self._file is not None

    @property
    def descriptor(self) -> int:
        """That of the open file; -1 before it was opened, and after the close."""
        return -1 if self._file is None else self._file.descriptor

    @property
    def length(self) -> int:
        """How many bytes are sent: all parts together."""
        return self._length

    def take(self, descriptor: int, status: os.stat_result, variant: str = "") -> None:
        """Have a descriptor, which is closed with it, and what fstat(2) says of it.

        Args:
            variant: tells apart files that stand for one another, in the ETag: a
                compressed one may have the moment and the size of the plain one.
        """
        self._file = _OpenFile(descriptor)
        self.size = status.st_size
        seconds = status.st_mtime_ns // 1_000_000_000
        self.modified = seconds if seconds > 0 else None
        name = f"{status.st_mtime_ns:x}-{status.st_size:x}"
        self.etag = f'"{name}-{variant}"' if variant else f'"{name}"'
        self.send_only([(0, self.size)] if self.size else [])

    def copy(self) -> "FileBody":
        """Return a body of the same file, for another answer; open if this one is."""
        copied = FileBody(self.path, content_type=self.content_type)
        copied._file = self._file
        copied.size, copied.modified, copied.etag = self.size, self.modified, self.etag
        copied.send_only(self.parts)
        return copied

    def send_only(self, parts: list[Part]) -> None:
        """Set what is to be sent."""
        self.parts = parts
        self._length = sum(
            len(part) if isinstance(part, bytes) else part[1] for part in parts
        )

    def close(self) -> None:
        """Let go of the file. Again is silent."""
        self._file = None


class _OpenFile:
    """A descriptor, closed when the last body lets go of it.

    No sooner: a response that is returned twice is sent twice, perhaps at once. And no
    later: who answers something else than what a handler returned forgets its body.
    """

    __slots__ = ("descriptor",)

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self) -> None:
        os.close(self.descriptor)
