import contextlib
import errno
import os
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from portside.engine import TaskGroup
from portside.engine.hub import Hub
from portside.errors import ClosedError
from portside.testing.link import why_no_link
from portside.testing.namespace import DEVICE, Namespace, make_namespace

pytestmark = pytest.mark.skipif(why_no_link() is not None, reason=str(why_no_link()))


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    made = make_namespace()
    yield made
    made.close()


def here() -> str:
    return os.readlink("/proc/thread-self/ns/net")


def test_the_thread_is_inside_within_the_block_and_back_after_it(
    namespace: Namespace,
) -> None:
    outside = here()
    with namespace:
        inside = here()
    assert inside != outside
    assert here() == outside


def test_the_thread_is_back_also_after_an_error(namespace: Namespace) -> None:
    outside = here()
    with pytest.raises(KeyError):
        with namespace:
            raise KeyError
    assert here() == outside


def test_blocks_can_stand_in_one_another(namespace: Namespace) -> None:
    other = make_namespace()
    seen = []
    with namespace:
        seen.append(here())
        with other:
            seen.append(here())
            with namespace:
                seen.append(here())
        seen.append(here())
    other.close()
    assert seen[0] == seen[2] == seen[3] != seen[1]


def test_other_threads_stay_where_they_are(namespace: Namespace) -> None:
    seen, is_inside, go_on = [], threading.Event(), threading.Event()

    def look() -> None:
        is_inside.wait(20)
        seen.append(here())
        go_on.set()

    outside = here()
    thread = threading.Thread(target=look)
    thread.start()
    with namespace:
        is_inside.set()
        assert go_on.wait(20)
    thread.join()
    assert seen == [outside]


def test_a_thread_that_was_started_inside_takes_no_job_from_outside(
    namespace: Namespace,
) -> None:
    def seen_by_a_task() -> str:
        with TaskGroup() as group:
            task = group.start_soon(here)
        return str(task.result())

    outside = here()
    for _ in range(10):
        assert seen_by_a_task() == outside
        with namespace:
            assert seen_by_a_task() == here() != outside


def test_a_socket_stays_where_it_was_made(namespace: Namespace) -> None:
    with namespace:
        inside = socket.socket()
    with inside, socket.create_server(("127.0.0.1", 0)) as outside:
        # Not even its loopback is up.
        assert inside.connect_ex(outside.getsockname()) == errno.ENETUNREACH


def test_a_program_that_is_started_inside_sees_what_is_inside(
    namespace: Namespace,
) -> None:
    with namespace:
        done = subprocess.run(
            ["readlink", "/proc/self/ns/net"], stdout=-1, text=True, check=True
        )
        assert done.stdout.strip() == here()


def test_the_device_is_there_as_long_as_its_descriptor(namespace: Namespace) -> None:
    def devices() -> set[str]:
        with namespace:
            return {name for _, name in socket.if_nameindex()}

    tun = namespace.open_tun()
    assert devices() == {"lo", DEVICE}
    os.close(tun)
    assert devices() == {"lo"}


def test_the_device_has_its_addresses_and_the_loopback_works(
    namespace: Namespace,
) -> None:
    tun = namespace.open_tun()
    namespace.set_addresses("192.0.2.1", "2001:db8::1", peer="192.0.2.2")
    with namespace:
        for host in ("192.0.2.1", "2001:db8::1", "127.0.0.1", "::1"):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.create_server((host, 0), family=family) as listener:
                with socket.create_connection(listener.getsockname()[:2], 20):
                    pass
    os.close(tun)


def test_the_device_holds_a_burst(namespace: Namespace) -> None:
    tun = namespace.open_tun()
    namespace.set_addresses("192.0.2.1", "2001:db8::1", peer="192.0.2.2")
    with namespace, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(1000):
            sock.sendto(b"hello", ("192.0.2.2", 9))
    came = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            came += os.read(tun, 2000).endswith(b"hello")
    os.close(tun)
    assert came == 1000


def test_what_is_sent_to_the_peer_is_read_from_the_device(namespace: Namespace) -> None:
    tun = namespace.open_tun()
    namespace.set_addresses("192.0.2.1", "2001:db8::1", peer="192.0.2.2")
    with namespace, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"hello", ("192.0.2.2", 9))
    packets: list[bytes] = []
    while not packets or not packets[-1].endswith(b"hello"):
        try:
            packets.append(os.read(tun, 2000))
        except BlockingIOError:
            continue  # the kernel's own, to all on the link, may come first
    os.close(tun)
    assert packets[-1][12:20] == bytes([192, 0, 2, 1, 192, 0, 2, 2])


def test_a_task_of_a_hub_may_not_enter(namespace: Namespace) -> None:
    def enter() -> None:
        with pytest.raises(RuntimeError, match="hub"):
            namespace.__enter__()

    Hub().run(enter)


def test_a_namespace_that_is_closed_cannot_be_entered() -> None:
    namespace = make_namespace()
    namespace.close()
    namespace.close()
    with pytest.raises(ClosedError, match="link is closed"):
        namespace.__enter__()
