"""A part of a file on its way to a peer: what it is, and that it is in memory.

In       a descriptor or an open file, where to begin, how many bytes
Out      a part that has been checked; its bytes, or the knowledge that the kernel can
         send them without waiting for the disk
Source   pread(2); preadv2(2), RWF_NOWAIT; sendfile(2)
Holds    nothing: the file is the caller's
Fails    ValueError: what was given is no open regular file; Error: the file has fewer
         bytes than were asked for; OSError from the disk

No kernel has a sendfile that does not wait for the disk, and in a hub all tasks would
wait with the one that sends. So there the page cache is asked first for the first and
the last byte of a step: two calls of a microsecond for 2 MiB. If either is missing
the step is read through once in a thread, by `offload`, and sendfile finds it in
memory. A step whose ends are there and whose middle is not gets through, and costs the
hub one read of the disk: files are read from end to end, so that is rare. Where the
file system cannot tell (tmpfs), each step is read through in a thread.

The thread uses the caller's descriptor. So the wait for it is shielded: a task that is
cancelled, or whose deadline has passed, learns of it after this one step, as it does
where a model lets it block. Otherwise it would close the file under a thread that reads
it, and the number might be another file's by then.
"""

import errno
import os
import stat
from dataclasses import dataclass

from portside.engine import may_block, offload, shield
from portside.errors import Error

__all__ = ["READ_BYTES", "FilePart"]

READ_BYTES = 65536
"""What is read at once where bytes go by way of our memory: one receive's worth."""

_PROBE = bytearray(1)
"""What a probe reads into, whichever task makes it: nobody looks at it."""

_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)  # Linux


@dataclass(frozen=True, slots=True)
class FilePart:
    """So many bytes of a regular file, from an offset on.

    Attributes:
        file: the descriptor's number.
        offset: where the part begins, in bytes.
        n_bytes: its length.
    """

    file: int
    offset: int
    n_bytes: int

    @classmethod
    def of(cls, file: int, offset: int, n_bytes: int | None) -> "FilePart":
        """Return the part that is asked for; ``n_bytes=None`` is all that is left.

        Raises:
            ValueError: a negative number, or no regular file that is open.
            Error: the file ends before the part does.
        """
        if offset < 0 or (n_bytes is not None and n_bytes < 0):
            raise ValueError(
                f"a part of a file cannot begin at {offset} and have {n_bytes} bytes"
            )
        try:
            status = os.fstat(file)
        except OSError:  # sendfile(2) would say EBADF, as if the conn were closed
            raise ValueError(f"descriptor {file} is not open") from None
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(
                f"descriptor {file} is no regular file: read it and write what came"
            )
        left = status.st_size - offset
        if n_bytes is None:
            n_bytes = max(left, 0)
        elif n_bytes > left:
            raise Error(
                f"the file has {status.st_size} bytes, not {n_bytes} from byte {offset}"
            )
        return cls(file, offset, n_bytes)

    def load(self, start: int, n_bytes: int) -> None:
        """Return when the kernel can send a step without holding up other tasks.

        Args:
            start: where it begins, in bytes from the beginning of the part.
            n_bytes: its length, at least 1.
        """
        if may_block():
            return
        first = self.offset + start
        read = self._read_nowait
        if not (read(_PROBE, first) and read(_PROBE, first + n_bytes - 1)):
            with shield():
                offload(_read_through, self.file, first, n_bytes)

    def read(self) -> bytes:
        """Return the bytes of a part that is small; fewer if it is shorter now."""
        if may_block():
            return os.pread(self.file, self.n_bytes, self.offset)
        buffer = bytearray(self.n_bytes)
        if self._read_nowait(buffer, self.offset) == self.n_bytes:
            return bytes(buffer)
        with shield():
            return offload(os.pread, self.file, self.n_bytes, self.offset)

    def _read_nowait(self, buffer: bytearray, offset: int) -> int:
        """Read what is in memory and return how much; 0 where nobody can tell."""
        if _NOWAIT is None:
            return 0
        try:
            return os.preadv(self.file, [buffer], offset, _NOWAIT)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EOPNOTSUPP):
                return 0
            raise


def _read_through(file: int, offset: int, n_bytes: int) -> None:
    buffer = bytearray(READ_BYTES)
    end = offset + n_bytes
    while offset < end and (count := os.preadv(file, [buffer], offset)):
        offset += count
