"""Wake a thread that sleeps in the kernel.

In       a ring, from any thread or from a signal handler
Out      a descriptor that is readable from the first ring until it is silenced
Source   eventfd(2); a pipe where there is none
Holds    one descriptor (two for a pipe), given back when nobody refers to the bell
Fails    with EMFILE when it is made and the process has no descriptor left
"""

import os

__all__ = ["Bell"]


class Bell:
    """Something that a thread can poll beside its sockets, and others can ring."""

    __slots__ = ("_ring_fd", "fd")

    def __init__(self) -> None:
        if hasattr(os, "eventfd"):
            self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            self._ring_fd = self.fd
        else:
            self.fd, self._ring_fd = os.pipe()
            os.set_blocking(self.fd, False)
            os.set_blocking(self._ring_fd, False)

    def ring(self, task: object = None) -> None:
        """Make the descriptor readable; more rings before it is silenced are one."""
        try:
            os.write(self._ring_fd, b"\1\0\0\0\0\0\0\0")
        except BlockingIOError:
            pass  # it rings already: the counter or the pipe is full

    def silence(self) -> None:
        """Make the descriptor quiet again; it need not have rung."""
        try:
            os.read(self.fd, 4096)
        except BlockingIOError:
            pass

    def __del__(self) -> None:
        for fd in {getattr(self, "fd", -1), getattr(self, "_ring_fd", -1)} - {-1}:
            os.close(fd)
