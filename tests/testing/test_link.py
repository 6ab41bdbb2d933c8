import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portside.errors import ClosedError, Error
from portside.testing import BadLink, LinkEnd, no_leaks, why_no_link
from portside.testing.pump import PacketCounts

needs_link = pytest.mark.skipif(why_no_link() is not None, reason=str(why_no_link()))

LONG = 20.0

UNSHARE = shutil.which("unshare") or ""
needs_unshare = pytest.mark.skipif(not UNSHARE, reason="no unshare here")

SO_RCVBUFFORCE = 33  # asm-generic/socket.h: over the system's most, for root


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


def datagram_socket(end: LinkEnd) -> socket.socket:
    with end:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # A burst must not be lost for want of space here, unseen by the link.
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
    sock.bind((end.address, 0))
    sock.setblocking(False)
    return sock


def numbers_that_arrive(link: BadLink, n: int) -> list[int]:
    """Send n numbered datagrams from near; return the numbers that far gets."""
    came: list[int] = []

    def take() -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                came.append(int(receiver.recv(100)))

    def has_all() -> bool:
        counts = link.near.counts
        take()
        return counts.sent == n and counts.on_the_way == 0

    with datagram_socket(link.near) as sender, datagram_socket(link.far) as receiver:
        for number in range(n):
            sender.sendto(b"%d" % number, receiver.getsockname())
        until(has_all)
    return came


@needs_link
@pytest.mark.parametrize("field", ["address", "address6"])
@pytest.mark.parametrize("way", ["to far", "to near"])
def test_each_end_reaches_the_other_at_both_its_addresses(field: str, way: str) -> None:
    with BadLink() as link:
        here, there = link.near, link.far
        if way == "to near":
            here, there = there, here
        address = getattr(there, field)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with there:
            listener = socket.create_server((address, 0), family=family)
        with listener, here:
            with socket.create_connection(listener.getsockname()[:2], LONG) as client:
                assert client.getsockname()[0] == getattr(here, field)


@needs_link
def test_a_good_link_loses_nothing_and_keeps_the_order() -> None:
    with BadLink() as link:
        assert numbers_that_arrive(link, 300) == list(range(300))
        assert link.near.counts == PacketCounts(sent=300, delivered=300)


@needs_link
def test_datagrams_that_do_not_arrive_are_those_that_were_counted() -> None:
    bad: dict[str, Any] = {"loss": 0.1, "duplicate": 0.05, "reorder": 0.1, "seed": 7}
    with BadLink(delay=0.02, jitter=0.01, **bad) as link:
        came = numbers_that_arrive(link, 400)
        counts = link.near.counts
    assert len(set(came)) == 400 - counts.dropped
    assert len(came) == counts.delivered == 400 + counts.duplicated - counts.dropped
    assert counts.dropped > 20
    assert counts.duplicated > 5
    assert came != sorted(came)


@needs_link
def test_the_same_seed_loses_the_same_packets() -> None:
    def came(seed: int) -> list[int]:
        with BadLink(loss=0.3, seed=seed) as link:
            return numbers_that_arrive(link, 100)

    assert came(1) == came(1) != came(2)


@needs_link
def test_the_kernel_throws_a_packet_away_that_was_cut() -> None:
    def truncated() -> int:
        with link.far, open("/proc/thread-self/net/netstat") as file:
            names, numbers = (line.split() for line in file if line[:6] == "IpExt:")
        return int(numbers[names.index("InTruncatedPkts")])

    with BadLink(cut=1) as link:
        with datagram_socket(link.near) as sender:
            for _ in range(50):
                sender.sendto(bytes(1000), (link.far.address, 9))
            until(lambda: link.near.counts.delivered == 50)
        # One that has lost a part of its header is thrown away for that.
        assert 40 <= truncated() <= 50
        assert link.near.counts.cut == 50
        assert link.far.counts.sent == 0  # nobody to say that the port is closed


@needs_link
def test_nothing_passes_while_the_link_is_down() -> None:
    with BadLink() as link:
        with datagram_socket(link.near) as near, datagram_socket(link.far) as far:
            link.down()
            near.sendto(b"lost", far.getsockname())
            until(lambda: link.near.counts.unplugged == 1)
            link.up()
            near.sendto(b"found", far.getsockname())
            until(lambda: link.near.counts.delivered == 1)
            assert far.recv(100) == b"found"


@needs_link
def test_the_counts_of_both_ends_add_up_and_stay_after_the_end() -> None:
    with BadLink() as link:
        numbers_that_arrive(link, 10)
        with datagram_socket(link.far) as far:
            far.sendto(b"back", (link.near.address, 9))
            until(lambda: link.far.counts.delivered == 1)
            until(lambda: link.counts.sent == 12)  # and near says: port unreachable
    assert link.near.counts.sent == 11
    assert link.counts == link.near.counts + link.far.counts


@needs_link
def test_two_links_are_two_networks() -> None:
    with BadLink() as one, BadLink() as other:
        numbers_that_arrive(one, 10)
        assert one.counts.sent == 10
        assert other.counts.sent == 0


@needs_link
def test_a_link_leaves_nothing_behind() -> None:
    named = Path("/var/run/netns")
    before = sorted(named.iterdir()) if named.exists() else []
    with no_leaks(), BadLink() as link:
        numbers_that_arrive(link, 1)
        assert before == (sorted(named.iterdir()) if named.exists() else [])


@needs_link
def test_a_link_leaves_nothing_behind_also_after_an_error() -> None:
    with no_leaks(), pytest.raises(KeyError):
        with BadLink():
            raise KeyError


KILLED = """
import os, signal, sys
from portside.testing import BadLink
link = BadLink().__enter__()
with link.near:
    print(os.readlink("/proc/thread-self/ns/net"))
print(open(f"/proc/self/task/{os.getpid()}/children").read(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@needs_link
def test_nothing_is_left_of_a_link_whose_process_is_killed() -> None:
    # With files for what it says: the pump must not be waited for by that.
    done = subprocess.run(
        [sys.executable, "-c", KILLED], stdout=-1, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    namespace, pump = done.stdout.split()
    until(lambda: not os.path.exists(f"/proc/{pump}"))
    assert namespace not in held_namespaces()


def held_namespaces() -> set[str]:
    """Return the namespaces in which there are processes, or which they hold."""
    held = set()
    for place in ("ns/net", "fd/*"):
        for path in Path("/proc").glob(f"[0-9]*/{place}"):
            with contextlib.suppress(OSError):
                held.add(os.readlink(path))
    return held


@needs_link
def test_the_link_keeps_nothing_open_of_what_its_process_had() -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with BadLink():
        os.close(writer)
        assert os.read(reader, 1) == b""
    os.close(reader)


@needs_link
def test_the_link_does_not_end_at_an_interrupt_which_reaches_all_processes() -> None:
    with BadLink() as link:
        os.kill(link._pid, signal.SIGINT)
        assert numbers_that_arrive(link, 1) == [0]


@needs_link
def test_a_link_whose_process_died_says_so() -> None:
    with BadLink() as link:
        os.kill(link._pid, signal.SIGKILL)
        with pytest.raises(Error, match=r"^ask link: the process .* is gone"):
            link.down()


@needs_link
def test_a_link_that_is_closed_says_so() -> None:
    with BadLink() as link:
        pass
    with pytest.raises(ClosedError, match=r"^down link: the link is closed"):
        link.down()
    with pytest.raises(ClosedError, match="the link is closed"):
        link.near.__enter__()


@needs_link
def test_a_link_is_used_once() -> None:
    with BadLink() as link:
        pass
    with pytest.raises(RuntimeError, match="make another"):
        link.__enter__()


def test_conditions_that_cannot_be_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="loss"):
        BadLink(loss=5)
    with pytest.raises(TypeError, match="lost"):
        BadLink(lost=0.5)


@needs_link
@needs_unshare
def test_the_link_works_for_root_of_a_user_namespace() -> None:
    script = "from portside.testing import why_no_link; print(why_no_link())"
    command = [UNSHARE, "--map-root-user", "--net", sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr:
        pytest.skip("no user namespaces here")
    assert done.stdout.strip() == "None"


@needs_link
@needs_unshare
def test_a_link_that_cannot_be_made_leaves_the_thread_where_it_was() -> None:
    """Root of a user namespace who has no network of its own may leave, not return."""
    script = (
        "import os; from portside.testing import why_no_link\n"
        "before = os.readlink('/proc/thread-self/ns/net')\n"
        "print(why_no_link(), before == os.readlink('/proc/thread-self/ns/net'))"
    )
    command = [UNSHARE, "--map-root-user", sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr:
        pytest.skip("no user namespaces here")
    assert re.match("make link: no right .* True$", done.stdout)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give its rights up")
def test_who_has_no_right_is_told_what_to_do() -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setuid(65534)
        os.write(writer, str(why_no_link.__wrapped__()).encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as file:
        told = file.read()
    os.waitpid(pid, 0)
    assert re.match("make link: no right to make a network namespace: run as", told)
