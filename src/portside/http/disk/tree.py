"""The files under a directory, and nothing else.

In       a directory; then paths, relative to it, as segments
Out      descriptors of what is there
Source   openat2(2), RESOLVE_BENEATH and RESOLVE_CACHED; openat(2), O_NOFOLLOW
Holds    a descriptor of the directory, until it is closed or forgotten
Fails    OSError as the kernel gave it; EXDEV, ELOOP or ENOTDIR: the path leads out;
         BlockingIOError: asked not to wait, and the disk would have to be read

Whether a path leads out cannot be seen in its text, as any segment may be a symbolic
link, nor looked up beforehand, as a link may be put there in between. So the kernel is
told to refuse: openat2 with RESOLVE_BENEATH. Links that stay inside are followed;
those that leave, or are absolute, are refused, wherever they lead.

Where there is no openat2 (before Linux 5.6, in some sandboxes, elsewhere) the path is
walked, segment by segment, and no link is followed at all.

RESOLVE_CACHED (Linux 5.12) opens only what the kernel finds without reading the disk.
So in a hub nearly every file is opened on the loop in a few microseconds, where another
thread would take ten times as long, and the disk is never waited for.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Sequence

from portside.http.disk.opening import OPEN_FLAGS

__all__ = ["Tree"]

_OPENAT2 = 437  # the same on all machines but alpha
_HOW = struct.Struct("@QQQ")  # struct open_how: flags, mode, resolve

# linux/openat2.h
_NO_MAGICLINKS = 0x02
_BENEATH = 0x08
_CACHED = 0x20

_ONLY_TO_WALK: int = getattr(os, "O_PATH", os.O_RDONLY)
"""Enough to go on from; asks for no right to read the directory."""

MAX_TRIES = 8
"""EAGAIN of openat2: somebody renamed something on the way. A guess."""


class Tree:
    """A directory that no path leads out of.

    Args:
        directory: is opened now; what it is renamed to, or which link led to it, does
            not matter from then on.
        walk: do without openat2, as where there is none.

    Raises:
        OSError: there is no such directory.
    """

    def __init__(
        self, directory: str | os.PathLike[str], *, walk: bool = False
    ) -> None:
        flags = _ONLY_TO_WALK | os.O_DIRECTORY | os.O_CLOEXEC
        self._descriptor = os.open(directory, flags)
        self._can_ask_cached = self._has_openat2 = False
        if not walk:
            self._has_openat2 = self._can(_BENEATH | _NO_MAGICLINKS)
            self._can_ask_cached = self._can(_BENEATH | _NO_MAGICLINKS | _CACHED)

    def open(
        self,
        segments: Sequence[bytes],
        flags: int = OPEN_FLAGS,
        *,
        cached: bool = False,
    ) -> int:
        """Return a descriptor of what is there.

        Args:
            segments: names; none at all is the directory itself.
            cached: do not read the disk for it.

        Raises:
            BlockingIOError: cached, and it may be there.
        """
        if not self._has_openat2:
            if cached:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            return self._walk(segments, flags)
        if cached and not self._can_ask_cached:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        path = b"/".join(segments) or b"."
        resolve = _BENEATH | _NO_MAGICLINKS
        if cached:
            return self._openat2(path, flags, resolve | _CACHED)
        for _ in range(MAX_TRIES):
            try:
                return self._openat2(path, flags, resolve)
            except BlockingIOError:
                pass
        return self._openat2(path, flags, resolve)

    def close(self) -> None:
        """Give the descriptor back. Again is silent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            self.close()

    def _openat2(self, path: bytes, flags: int, resolve: int) -> int:
        how = _HOW.pack(flags, 0, resolve)
        found: int = _system_call(_OPENAT2, self._descriptor, path, how, _HOW.size)
        if found < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return found

    def _can(self, resolve: int) -> bool:
        """Whether this kernel, and who stands around us, allows it.

        Of a name that is cached, as it was just opened: so EAGAIN says that it can.
        """
        try:
            os.close(self._openat2(b".", _ONLY_TO_WALK | os.O_CLOEXEC, resolve))
        except BlockingIOError:
            pass
        except OSError:  # ENOSYS; EPERM of a sandbox; EINVAL: not this flag
            return False
        return True

    def _walk(self, segments: Sequence[bytes], flags: int) -> int:
        if not segments:
            return os.open(".", flags, dir_fd=self._descriptor)
        if any(each == b".." or b"/" in each for each in segments):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        here = self._descriptor
        try:
            for segment in segments[:-1]:
                before = here
                step = _ONLY_TO_WALK | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                here = os.open(segment, step, dir_fd=before)
                if before != self._descriptor:
                    os.close(before)
            return os.open(segments[-1], flags | os.O_NOFOLLOW, dir_fd=here)
        finally:
            if here != self._descriptor:
                os.close(here)


_system_call = ctypes.CDLL(None, use_errno=True).syscall
_system_call.argtypes = [
    ctypes.c_long,
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_size_t,
]
_system_call.restype = ctypes.c_long
