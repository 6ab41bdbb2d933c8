"""What can go wrong, as one tree that is also Python's.

In       an errno, or what a room has to say
Out      an exception that names the operation, the network and both ends
Source   errno(3); the shape of the text is that of Go's ``net.OpError``
Holds    nothing
Fails    never

::

    Error(OSError)
     +-- RefusedError          also ConnectionRefusedError
     +-- ResetError            also ConnectionResetError
     +-- AbortedError          also ConnectionAbortedError
     +-- BrokenError           also BrokenPipeError
     +-- TimedOutError         also TimeoutError: the kernel gave up
     |    +-- DeadlineError    a deadline or timeout of ours has passed
     +-- ClosedError           we closed it ourselves
     +-- InUseError            the address is taken
     +-- NotFoundError         also FileNotFoundError
     +-- DeniedError           also PermissionError
     +-- ResolveError          also socket.gaierror: a name without addresses
     +-- EndOfStreamError      also EOFError: the stream ended inside what was asked for
     +-- LimitError            also ValueError: more than the limit that was given
     +-- AddressError          also ValueError: a text that is not an address
     |    +-- UnknownNetworkError
     +-- HandlerError          also TypeError: this cannot serve as a handler
     +-- WouldBlockError       also BlockingIOError: a call ending in _nowait would wait

    Cancelled(BaseException)   not an error: the task is told to end

Each class that has a builtin twin is caught by ``except`` of either.
``OSError`` picks its subclass by errno only when it is called itself, not when a
subclass is: ``Error(ECONNRESET)`` would not be a ``ConnectionResetError``. That is why
there is one table from errno to class here, and `from_os_error` to go through it.
"""

import errno as _errno
import os
from socket import gaierror
from typing import Any

__all__ = [
    "AbortedError",
    "AddressError",
    "BrokenError",
    "Cancelled",
    "ClosedError",
    "DeadlineError",
    "DeniedError",
    "EndOfStreamError",
    "Error",
    "HandlerError",
    "InUseError",
    "LimitError",
    "NotFoundError",
    "RefusedError",
    "ResetError",
    "ResolveError",
    "TimedOutError",
    "UnknownNetworkError",
    "WouldBlockError",
    "error_class",
    "from_os_error",
]


class Error(OSError):
    """Anything that Portside raises.

    Args:
        reason: what happened; without it, the text of the errno.

    Attributes:
        op: the operation: dial, listen, accept, resolve; read and write of a conn, send
            and receive of a packet conn; set an option; put and get of a queue.
        network: tcp, tcp4, tcp6, pipe ...
        local: the address of our end, where it is known.
        remote: the address of the other end, where it is known.
        sent: how many bytes of a failed write the kernel had taken.
        attempts: the failures of a dial, one for each address and try.
    """

    default_errno: int | None = None
    default_reason = "failed"

    def __init__(
        self,
        reason: str = "",
        *,
        op: str = "",
        network: str = "",
        local: object = None,
        remote: object = None,
        errno: int | None = None,
    ) -> None:
        number = self.default_errno if errno is None else errno
        if not reason:
            known = errno is not None and errno > 0
            reason = os.strerror(errno or 0).lower() if known else self.default_reason
        super().__init__(number, reason)
        self.op = op
        self.network = network
        self.local = local
        self.remote = remote
        self.sent = 0
        self.attempts: tuple[Error, ...] = ()

    @property
    def reason(self) -> str:
        """What happened, without where."""
        return str(self.strerror)

    def __str__(self) -> str:
        ends = [str(end) for end in (self.local, self.remote) if end is not None]
        where = [self.op, self.network, "->".join(ends)]
        said = " ".join(part for part in where if part)
        return f"{said}: {self.strerror}" if said else str(self.strerror)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.strerror, self.errno), self.__dict__


def _rebuild(cls: type[Error], reason: str, number: int | None) -> Error:
    error = cls.__new__(cls)
    Error.__init__(error, reason, errno=number)
    return error


class RefusedError(Error, ConnectionRefusedError):
    """Nobody listens at the remote address, or its queue is configured to refuse."""

    default_errno = _errno.ECONNREFUSED
    default_reason = "connection refused"


class ResetError(Error, ConnectionResetError):
    """The peer aborted the connection."""

    default_errno = _errno.ECONNRESET
    default_reason = "connection reset by peer"


class AbortedError(Error, ConnectionAbortedError):
    """The connection was given up on this host."""

    default_errno = _errno.ECONNABORTED
    default_reason = "connection aborted"


class BrokenError(Error, BrokenPipeError):
    """The other end does not read any more, or we said that we would not write."""

    default_errno = _errno.EPIPE
    default_reason = "broken pipe"


class TimedOutError(Error, TimeoutError):
    """The kernel waited as long as it does, and nothing came."""

    default_errno = _errno.ETIMEDOUT
    default_reason = "connection timed out"


class DeadlineError(TimedOutError):
    """A deadline or timeout that we set has passed."""

    default_reason = "deadline exceeded"


class ClosedError(Error):
    """It was closed on this side, before or while it was used."""

    default_errno = _errno.EBADF
    default_reason = "use of closed connection"


class InUseError(Error):
    """Another socket has this address."""

    default_errno = _errno.EADDRINUSE
    default_reason = "address already in use"


class NotFoundError(Error, FileNotFoundError):
    """There is nothing at this path."""

    default_errno = _errno.ENOENT
    default_reason = "no such file or directory"


class DeniedError(Error, PermissionError):
    """This process has no right to do that."""

    default_errno = _errno.EACCES
    default_reason = "permission denied"


class ResolveError(Error, gaierror):
    """The name has no address, or nobody could be asked; errno is an ``EAI_`` code."""

    default_reason = "name or service not known"


class EndOfStreamError(Error, EOFError):
    """The stream ended inside what was asked for.

    Attributes:
        partial: the bytes that came before the end; they stay readable.
    """

    default_reason = "end of stream"

    def __init__(
        self, reason: str = "", *, partial: bytes = b"", **context: Any
    ) -> None:
        super().__init__(reason, **context)
        self.partial = partial


class LimitError(Error, ValueError):
    """What came is over the limit that was given; the data is still readable.

    Attributes:
        limit: the limit in bytes, as it was given.
    """

    default_errno = _errno.EMSGSIZE
    default_reason = "over the limit"

    def __init__(self, reason: str = "", *, limit: int = 0, **context: Any) -> None:
        super().__init__(reason, **context)
        self.limit = limit


class AddressError(Error, ValueError):
    """A text that is not the address or endpoint that it should be."""

    default_errno = _errno.EINVAL
    default_reason = "invalid address"


class UnknownNetworkError(AddressError):
    """A network that Portside does not know, or that cannot do this."""

    default_reason = "unknown network"


class HandlerError(Error, TypeError):
    """This object cannot serve as a handler."""

    default_errno = _errno.EINVAL
    default_reason = "not a handler"


class WouldBlockError(Error, BlockingIOError):
    """The call would have to wait, and its name ends in ``_nowait``."""

    default_errno = _errno.EAGAIN
    default_reason = "would have to wait"


class Cancelled(BaseException):
    """This task is told to end; raised at each of its waits until it does.

    Like ``KeyboardInterrupt`` no ``except Exception`` holds it up. Let it pass, after
    cleaning up what needs no waiting.
    """


_CLASSES: dict[int, type[Error]] = {
    _errno.ECONNREFUSED: RefusedError,
    _errno.ECONNRESET: ResetError,
    _errno.ECONNABORTED: AbortedError,
    _errno.EPIPE: BrokenError,
    _errno.ESHUTDOWN: BrokenError,
    _errno.ENOTCONN: BrokenError,  # of a socket that was connected: a reset ended it
    _errno.ETIMEDOUT: TimedOutError,
    _errno.EBADF: ClosedError,
    _errno.EADDRINUSE: InUseError,
    _errno.ENOENT: NotFoundError,
    _errno.EACCES: DeniedError,
    _errno.EPERM: DeniedError,
}


def error_class(number: int | None) -> type[Error]:
    """Return the class for an errno; `Error` where none is named.

    >>> error_class(_errno.ECONNRESET).__name__
    'ResetError'
    """
    return _CLASSES.get(number or 0, Error)


def from_os_error(
    error: OSError,
    *,
    op: str,
    network: str,
    local: object = None,
    remote: object = None,
) -> Error:
    """Return the error as one of ours that says where it happened.

    One that is ours already keeps its class and what it knows; what it does not know
    is filled in. The caller raises it ``from`` the original where that tells more.
    """
    if isinstance(error, Error):
        ours = error
        ours.op = ours.op or op
        ours.network = ours.network or network
        ours.local = local if ours.local is None else ours.local
        ours.remote = remote if ours.remote is None else ours.remote
        return ours
    if isinstance(error, gaierror):
        reason = str(error.strerror or error).lower()
        return ResolveError(
            reason,
            op=op,
            network=network,
            local=local,
            remote=remote,
            errno=error.errno,
        )
    cls = error_class(error.errno)
    reason = "" if error.errno else str(error)
    return cls(
        reason,
        op=op,
        network=network,
        local=local,
        remote=remote,
        errno=error.errno,
    )
