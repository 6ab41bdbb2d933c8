"""Say why a server could not start, and what to do about it.

In       the error of listen
Out      a Failure: one sentence that names the holder of the port, or the right or the
         directory that is missing
"""

import errno
import os

from portside.cli.failure import CANNOT_START, USAGE, Failure
from portside.errors import AddressError, DeniedError, Error, InUseError, ResolveError
from portside.names import IPAddress, UnixAddress

__all__ = ["could_not_start", "no_right"]


def could_not_start(error: Error) -> Failure:
    """Return the failure that tells a person of this error."""
    if isinstance(error, AddressError):
        return Failure(str(error), USAGE)
    local = error.local
    if isinstance(local, IPAddress):
        if isinstance(error, InUseError):
            return Failure(_in_use(local), CANNOT_START)
        if isinstance(error, DeniedError) and (told := no_right("listen at", local)):
            return Failure(told, CANNOT_START)
    if isinstance(local, UnixAddress) and (told := _no_place(local)):
        return Failure(f"{error}: {told}", CANNOT_START)
    if error.errno == errno.EADDRNOTAVAIL:
        return Failure(f"{error}: this host has no such address", CANNOT_START)
    if isinstance(error, ResolveError):
        return Failure(f"{error}: check the host's name", CANNOT_START)
    return Failure(str(error), CANNOT_START)


def _in_use(local: IPAddress) -> str:
    from portside.observe import find_holder

    place = f"{local.network} {local}"
    advice = "stop it, or choose another port"
    holder = find_holder(local)
    if holder is None:
        return f"{place} is in use, by whom cannot be seen: choose another port"
    if holder.pid is None:
        return (
            f"{place} is in use by a process of user {holder.user}, which cannot be "
            f"seen from here (root can: ss -ltnp): {advice}"
        )
    more = f" and {holder.others} more" if holder.others else ""
    return f"{place} is in use by {holder.name} (pid {holder.pid}){more}: {advice}"


def no_right(act: str, local: IPAddress) -> str:
    """Return what to do where a port takes a right; empty where it does not.

    Args:
        act: what could not be done there: "listen at".
    """
    from portside.observe.ports import first_free_port

    first = first_free_port()
    if local.port >= first:
        return ""
    return (
        f"no right to {act} {local.network} {local}: use a port from {first} up, "
        f"or run as root, or give python the right (setcap cap_net_bind_service=+ep), "
        f"or lower sysctl net.ipv4.ip_unprivileged_port_start to {local.port}"
    )


def _no_place(local: UnixAddress) -> str:
    """Return what is wrong with the directory of a path; empty if nothing is."""
    if local.is_abstract:
        return ""
    directory = os.path.dirname(local.path) or "."
    if not os.path.lexists(directory):
        return f"there is no directory {directory}: make it, or choose another path"
    if not os.path.isdir(directory):
        return f"{directory} is no directory: choose another path"
    if not os.access(directory, os.W_OK | os.X_OK):
        return (
            f"this user may not make files in {directory}: choose another path, or "
            f"give the right"
        )
    return ""
