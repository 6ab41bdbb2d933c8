"""The file of a Unix socket: whose it is, whether it is stale, and when it goes.

In       a path that is to be listened at
Out      the path free, or who has it; later, the file removed
Source   unix(7), connect(2), flock(2)
Holds    what tells our file from one that came later, and who made it
Fails    InUseError: somebody listens there, or a file that is no socket is there

A server that was killed leaves its file, and bind(2) finds the address in use for ever.
Whether anybody is behind a file only a connect tells: refused means nobody, and such a
file is removed. A live server sees that as a client that comes and goes.

Two traps. Between bind and listen a server refuses as well; and of two that both find a
stale file, the second could remove what the first has bound meanwhile. So one process
at a time does all of it, from the first bind to listen, with a lock on
``PATH.portside.lock``.
That is a file and no abstract socket, since whoever may bind here, and nobody else, can
make one. It is removed while it is still held, and who waits for it looks whether what
it got is still at the path. A program that does not know of the lock is kept out all
the same by the kernel, unless it is in the instant between its bind and its listen.

The file goes when we close, if it still is ours: device, inode and time of change are
those that we made (an inode's number alone is given to the next file). A fork has the
socket but not the right to remove its name, so the process is looked at too.
"""

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import socket
import stat
from collections.abc import Iterator

from portside.engine import now, sleep
from portside.errors import InUseError
from portside.net.options import peer_credentials

__all__ = ["SocketFile", "chown_to", "lock_path", "remove_stale"]

LOCK_SECONDS = 2.0
"""How long to wait for one who binds: what takes it is microseconds."""

LOCK_PAUSE_SECONDS = 0.005


class SocketFile:
    """A socket's file that this process made.

    Attributes:
        path: where it is, from the root: the working directory may change.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self._identity = _identity(self.path)
        self._process = os.getpid()
        self._is_there = True

    def remove(self) -> None:
        """Remove it, once, if it is still this file and this still the process."""
        if not self._is_there or os.getpid() != self._process:
            return
        self._is_there = False
        # It is gone already, or we lost the right: whoever binds there finds it stale.
        with contextlib.suppress(OSError):
            if _identity(self.path) == self._identity:
                os.unlink(self.path)


@contextlib.contextmanager
def lock_path(path: str) -> Iterator[None]:
    """Keep other processes from binding at path, or from removing what is there.

    Raises:
        InUseError: somebody holds the lock, and does not give it back.
    """
    name = f"{os.path.abspath(path)}.portside.lock"
    number = _wait_for_lock(name)
    try:
        yield
    finally:
        if number is not None:
            with contextlib.suppress(OSError):
                os.unlink(name)
            os.close(number)


def remove_stale(path: str, kind: int) -> None:
    """Remove the file at path, if it is a socket and nobody is behind it.

    Args:
        kind: of the socket that is to take its place.

    Raises:
        InUseError: somebody is behind it, or it is no socket.
    """
    try:
        identity = _identity(path)
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise InUseError("a file that is no socket is there: choose another path")
        _check_nobody_listens(path, kind)
        if _identity(path) == identity:
            os.unlink(path)
    except FileNotFoundError:
        pass  # it went by itself


def chown_to(path: str, owner: str) -> None:
    """Give the file to an owner, as chown(1) reads it: USER, USER:GROUP or :GROUP.

    Raises:
        ValueError: there is no such user or group.
    """
    user, _, group = owner.partition(":")
    try:
        uid = (
            int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid if user else -1
        )
        gid = (
            int(group)
            if group.isdecimal()
            else grp.getgrnam(group).gr_gid
            if group
            else -1
        )
    except KeyError as error:
        raise ValueError(f"owner {owner!r}: {error.args[0]}") from None
    os.chown(path, uid, gid, follow_symlinks=False)


def _check_nobody_listens(path: str, kind: int) -> None:
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.setblocking(False)
        number = probe.connect_ex(path)
        if number in (errno.ECONNREFUSED, errno.ENOENT):
            return
        if number == 0:
            pid, _, _ = peer_credentials(probe)
            raise InUseError(f"address already in use: process {pid} listens there")
    if number in (errno.EAGAIN, errno.EPROTOTYPE):  # its queue is full; another kind
        raise InUseError
    reason = os.strerror(number).lower()
    raise InUseError(f"address already in use, by whom cannot be asked: {reason}")


def _identity(path: str) -> tuple[int, int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _wait_for_lock(name: str) -> int | None:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    give_up_at = now() + LOCK_SECONDS
    while True:
        try:
            number = os.open(name, flags, 0o600)
        except OSError:
            return None  # bind will say why nothing can be made here
        if _has_locked(number, name):
            return number
        os.close(number)
        if now() >= give_up_at:
            raise InUseError(f"another process is about to listen here: it has {name}")
        sleep(LOCK_PAUSE_SECONDS)


def _has_locked(number: int, name: str) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(number), os.stat(name))
    except OSError:  # somebody has it, or has had it and removed it
        return False
