"""Open a file that is to be sent, or say with a status why not.

In       a `FileBody` that has a path
Out      the same, open
Source   open(2), fstat(2)
Holds    nothing: the body holds the descriptor
Fails    StatusError: 404, nothing there that could be sent; 403, no right to read it;
         503, too many files are open; OSError where the disk fails

What is there is looked at after it was opened, or it could be something else by then.
It is opened without waiting (O_NONBLOCK), as a FIFO would wait for its other end.
"""

import errno
import os
import stat

from portside.engine import may_block, offload, shield
from portside.http.message.content_types import content_type_of
from portside.http.message.file_body import FileBody
from portside.http.message.status_error import StatusError

__all__ = ["OPEN_FLAGS", "opened", "status_error"]

OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
"""How every file is opened."""

_MISSING = frozenset(
    (
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EXDEV,  # openat2(2): a way out of the directory
        errno.ENXIO,  # a socket, or a device that is not there
        errno.ENODEV,
        errno.EINVAL,  # a name that this file system cannot have
        errno.EILSEQ,
    )
)
_FORBIDDEN = frozenset((errno.EACCES, errno.EPERM))
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM))


def opened(body: FileBody) -> FileBody:
    """Open the file of a body, unless it is; return the body.

    Raises:
        StatusError: there is no regular file at its path, or none that we can read.
        ValueError: it has no path: it came with a descriptor, and was closed.
    """
    if body.is_open:
        return body
    if not body.path:
        raise ValueError("the file of this answer was closed before it was sent")
    if may_block():
        _open(body)
    else:
        with shield():  # what was opened must come back to be closed
            offload(_open, body)
    return body


def status_error(error: OSError) -> Exception:
    """Return what a failure to open means to a client: an error to be raised.

    It names no path: what the client asked for it knows, and what it led to here is
    none of its business. What is nobody's fault but the machine's is returned as it is.
    """
    if error.errno in _MISSING:
        return StatusError(404)
    if error.errno in _FORBIDDEN:
        return StatusError(403)
    if error.errno in _EXHAUSTED:
        return StatusError(503, "too many files are open")
    return error


def _open(body: FileBody) -> None:
    try:
        descriptor = os.open(body.path, OPEN_FLAGS)
    except OSError as error:
        raise status_error(error) from None
    except ValueError:  # a NUL in the path
        raise StatusError(404) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise StatusError(404)
    body.take(descriptor, status)
    if body.content_type is None:
        body.content_type = content_type_of(body.path)
