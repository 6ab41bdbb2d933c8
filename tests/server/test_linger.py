"""Closing behind the handler's back must not take a thread or a place for ever."""

import pytest

from portside import Server, TaskGroup, net, now, timeout
from portside.errors import DeadlineError
from portside.net import Conn
from portside.server.linger import LINGER_SECONDS

ANY_PORT = "tcp://127.0.0.1:0"


def hello(conn: Conn) -> None:
    conn.write(b"hello")


def test_a_peer_that_never_ends_is_let_go_after_its_time(model: str) -> None:
    with Server(hello, ANY_PORT, model=model, max_connections=1) as server:
        with net.dial(server.address, timeout=5) as stays, timeout(10):
            assert stays.read_all() == b"hello"
            started = now()
            with net.dial(server.address, timeout=5) as next_one:
                assert next_one.read_all() == b"hello"
            assert now() - started < LINGER_SECONDS + 5


def test_a_peer_whose_end_was_read_costs_no_wait(model: str) -> None:
    def answer(conn: Conn) -> None:
        conn.write(conn.read_all())

    with Server(answer, ANY_PORT, model=model, max_connections=1) as server:
        started = now()
        for _ in range(20):
            with net.dial(server.address, timeout=5) as conn, timeout(10):
                conn.write(b"x")
                conn.close_write()
                assert conn.read_all() == b"x"
        assert now() - started < 20 * LINGER_SECONDS / 2


def test_a_deadline_that_the_handler_set_does_not_shorten_it(model: str) -> None:
    reply = bytes(4_000_000)

    def answer_late(conn: Conn) -> None:
        conn.set_read_deadline(now() + 0.05)
        with pytest.raises(DeadlineError):
            conn.read_exactly(100)
        conn.write(reply)
        conn.set_deadline(0.0)

    with Server(answer_late, ANY_PORT, model=model) as server:
        with net.dial(server.address, timeout=5) as conn, timeout(20):
            with TaskGroup() as group:
                group.start_soon(conn.write, b"too little")
                assert conn.read_all(10_000_000) == reply


def test_many_linger_at_once_and_others_are_served(model: str) -> None:
    with Server(hello, ANY_PORT, model=model) as server, timeout(20):
        started = now()
        staying = [net.dial(server.address, timeout=5) for _ in range(30)]
        assert [conn.read_all() for conn in staying] == [b"hello"] * 30
        for conn in staying:
            conn.close()
        assert now() - started < 30 * LINGER_SECONDS / 2
