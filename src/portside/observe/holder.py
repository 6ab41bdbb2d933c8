"""Find out which process has a port.

In       an address that could not be listened to
Out      who has it, as far as this process may see
Source   proc(5): /proc/net/tcp, tcp6, udp, udp6; /proc/PID/fd, /proc/PID/comm
Holds    nothing
Fails    never: what cannot be read is not known

The kernel's table says which socket has the port, by its inode, and which user owns
it. Which process has that socket open is seen in the links below ``/proc/PID/fd``,
those of another user's processes by root alone. So there are three answers: the
process; only its user; nothing (the holder is not in the table: of TCP one that is
bound and does not listen; or in another network namespace). TCP and UDP have tables of
their own, as a port of the one is not in the way of the other.
"""

import os
import pwd
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from portside.names import IPAddress, is_unspecified, parse_ip

__all__ = ["Holder", "find_holder"]

_LISTEN = "0A"  # include/net/tcp_states.h
_UNCONNECTED = "07"  # the same, TCP_CLOSE: a UDP socket that hears whoever sends
_PROC = "/proc"


@dataclass(frozen=True)
class Holder:
    """Who has a port.

    Attributes:
        user: the name of the user who owns the socket, or the number without a name.
        pid: the process; None if it is hidden from us.
        name: what the process is called; empty if it is hidden from us.
        others: how many more processes have the same socket, as after a fork.
    """

    user: str
    pid: int | None = None
    name: str = ""
    others: int = 0


@dataclass(frozen=True)
class _Row:
    ip: str
    port: int
    state: str
    uid: int
    inode: str
    is_ipv6: bool


def find_holder(address: IPAddress) -> Holder | None:
    """Return who keeps us from listening at address; None if that cannot be seen."""
    table = address.network.rstrip("46")
    rows = [row for row in _rows(table) if row.port == address.port]
    rows = [row for row in rows if row.inode != "0" and _is_in_the_way(row, address)]
    if not rows:
        return None
    # A listener is the likely one; a client's end of a conversation can be in the way.
    hearing = _UNCONNECTED if table == "udp" else _LISTEN
    row = min(rows, key=lambda each: (each.state != hearing, each.ip != address.ip))
    pids = _pids(f"socket:[{row.inode}]")
    if not pids:
        return Holder(_user(row.uid))
    return Holder(_user(row.uid), pids[0], _name(pids[0]), len(pids) - 1)


def _rows(table: str) -> Iterator[_Row]:
    for is_ipv6 in (False, True):
        try:
            with open(f"{_PROC}/net/{table}{'6' if is_ipv6 else ''}") as file:
                lines = file.readlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, _, state, _, _, _, uid, _, inode, *_ = line.split()
            host, _, port = local.partition(":")
            yield _Row(_ip(host), int(port, 16), state, int(uid), inode, is_ipv6)


def _ip(digits: str) -> str:
    """Return the address that the table writes as hexadecimal words of the host."""
    packed = bytes.fromhex(digits)
    if sys.byteorder == "little":
        words = (packed[at : at + 4] for at in range(0, len(packed), 4))
        packed = b"".join(word[::-1] for word in words)
    text = str(ip_address(packed))
    return parse_ip(text) or text


def _is_in_the_way(row: _Row, wanted: IPAddress) -> bool:
    if row.is_ipv6 != wanted.is_ipv6:
        # Only a wildcard of both families meets the other one, ipv6(7).
        dual = row.ip if row.is_ipv6 else wanted.ip
        return is_unspecified(dual) and not wanted.network.endswith("6")
    same = row.ip == wanted.ip
    return same or is_unspecified(row.ip) or is_unspecified(wanted.ip)


def _pids(link: str) -> list[int]:
    running = (int(name) for name in os.listdir(_PROC) if name.isdigit())
    return sorted(pid for pid in running if _has_open(f"{_PROC}/{pid}/fd", link))


def _has_open(directory: str, link: str) -> bool:
    try:
        numbers = os.listdir(directory)
    except OSError:
        return False  # another user's process, or one that has just ended
    return any(_reads(f"{directory}/{number}") == link for number in numbers)


def _reads(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""  # closed meanwhile


def _name(pid: int) -> str:
    try:
        with open(f"{_PROC}/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "a process that has just ended"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
