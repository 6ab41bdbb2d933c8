"""What only a thread per connection has: threads that are used again."""

import threading

from portside import Server, net, timeout
from portside.net import Conn

ANY_PORT = "tcp://127.0.0.1:0"


def test_threads_are_used_again() -> None:
    seen: set[int] = set()

    def tell(conn: Conn) -> None:
        seen.add(threading.get_ident())
        conn.read_all()

    with Server(tell, ANY_PORT, model="thread", max_connections=1) as server:
        for _ in range(20):
            with net.dial(server.address, timeout=5) as conn, timeout(10):
                conn.close_write()
                assert conn.read() == b""
    assert len(seen) < 20


def test_there_are_as_many_as_connections_are_allowed_and_no_more() -> None:
    most = 0
    mutex = threading.Lock()
    present = 0

    def count(conn: Conn) -> None:
        nonlocal most, present
        with mutex:
            present += 1
            most = max(most, present)
        conn.read_all()
        with mutex:
            present -= 1

    with Server(count, ANY_PORT, model="thread", max_connections=3) as server:
        conns = [net.dial(server.address, timeout=5) for _ in range(10)]
        for conn in conns:
            conn.close_write()
            with timeout(10):
                assert conn.read() == b""
            conn.close()
    assert most <= 3
