"""Closing behind the handler's back must not take a thread or a place for ever."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from portside import Event, Server, TaskGroup, net, now, sleep, timeout
from portside.engine import ReadSet, spawn, spawn_on_thread
from portside.engine.hub import Hub
from portside.engine.threads import pool
from portside.errors import ClosedError, DeadlineError
from portside.net import Conn
from portside.server import linger
from portside.server.linger import LINGER_SECONDS, Lingerer

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


# -- another than the handler's own task closes


def by_a_task(close: Callable[[], None]) -> None:
    spawn(close)


def by_a_thread(close: Callable[[], None]) -> None:
    spawn_on_thread(close)


def by_another_hub(close: Callable[[], None]) -> None:
    # Which is gone before the conn has lingered.
    spawn_on_thread(lambda: Hub().run(close))


def one_at_a_time(handler: Callable[[Conn], None], model: str) -> Server:
    workers = {"workers": 1} if model == "hybrid" else {}
    return Server(handler, ANY_PORT, model=model, max_connections=1, **workers)


@pytest.fixture(params=[by_a_task, by_a_thread, by_another_hub])
def closed_by(request: pytest.FixtureRequest) -> Callable[[Callable[[], None]], None]:
    by: Callable[[Callable[[], None]], None] = request.param
    return by


def test_who_puts_another_out_wakes_it_and_waits_for_nothing(
    model: str, closed_by: Callable[[Callable[[], None]], None], tmp_path: Path
) -> None:
    reply = bytes(200_000)

    def put_out(conn: Conn) -> None:
        took = []
        closed = Event()

        def close() -> None:
            began = now()
            conn.close()
            took.append(now() - began)
            closed.set()

        conn.read_line()
        conn.write(reply)
        closed_by(close)
        with pytest.raises(ClosedError):
            while conn.read():
                pass
        closed.wait()
        (tmp_path / "told").write_text(str(took[0]))
        conn.read()

    with Server(put_out, ANY_PORT, model=model) as server, timeout(20):
        with net.dial(server.address) as conn:
            conn.write(b"go\n")
            assert conn.peek() == b"\0"
            conn.write(b"nobody reads this")
            assert conn.read_all() == reply
            while not (tmp_path / "told").exists():
                sleep(0.01)
        while not (told := (tmp_path / "told").read_text()):
            sleep(0.01)
    assert float(told) < LINGER_SECONDS / 2


def test_what_another_closed_keeps_its_place_while_it_lingers(
    model: str, closed_by: Callable[[Callable[[], None]], None]
) -> None:
    def put_out(conn: Conn) -> None:
        conn.write(b"hello")
        closed_by(conn.close)
        conn.read()

    check_its_place_is_kept(put_out, model)


def check_its_place_is_kept(handler: Callable[[Conn], None], model: str) -> None:
    with one_at_a_time(handler, model) as server:
        with net.dial(server.address) as stays, timeout(20):
            began = now()
            assert stays.read_all() == b"hello"
            with net.dial(server.address) as next_one:
                assert next_one.read(5) == b"hello"
            assert now() - began >= LINGER_SECONDS * 0.9


def test_a_handler_that_goes_on_keeps_its_place_when_the_conn_has_lingered(
    model: str, tmp_path: Path
) -> None:
    def put_out(conn: Conn) -> None:
        conn.write(b"hello")
        by_a_task(conn.close)
        while not (tmp_path / "go").exists():
            sleep(0.01)

    with one_at_a_time(put_out, model) as server:
        with net.dial(server.address) as first, timeout(20):
            assert first.read_all() == b"hello"
        with net.dial(server.address) as next_one, timeout(20):
            with pytest.raises(DeadlineError), timeout(0.1):
                next_one.read()
            (tmp_path / "go").touch()
            assert next_one.read(5) == b"hello"


def test_a_conn_that_was_given_away_ends_with_who_closes_it(model: str) -> None:
    def give_away(conn: Conn) -> None:
        conn.write(b"hello")
        by_a_thread(conn.detach().close)

    check_its_place_is_kept(give_away, model)


def test_the_handlers_own_close_waits(model: str, tmp_path: Path) -> None:
    def close(conn: Conn) -> None:
        conn.write(b"hello")
        began = now()
        conn.close()
        (tmp_path / "told").write_text(str(now() - began))

    with Server(close, ANY_PORT, model=model) as server, timeout(20):
        with net.dial(server.address) as stays:
            assert stays.read_all() == b"hello"
            while not (tmp_path / "told").exists():
                sleep(0.01)
        while not (told := (tmp_path / "told").read_text()):
            sleep(0.01)
    assert float(told) >= LINGER_SECONDS * 0.9


# -- many of them


class Crowd:
    """Conns that have written and are to be closed, and their peers."""

    def __init__(self, n_conns: int) -> None:
        self.n_closed = 0
        self.near: list[Conn] = []
        self.far: list[Conn] = []
        with net.listen("tcp", "127.0.0.1:0") as listener:
            for _ in range(n_conns):
                self.near.append(net.dial(listener.address))
                self.far.append(listener.accept())
                self.near[-1].serve_as(Event(), self._count)
                self.near[-1].write(b"x")

    def _count(self) -> None:
        self.n_closed += 1

    def close_far(self) -> None:
        for conn in self.far:
            conn.close()

    def wait_until_closed(self) -> None:
        with timeout(20):
            while self.n_closed < len(self.near):
                sleep(0.005)


def calls_of_lingerer_per_conn(n_conns: int) -> float:
    n_calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal n_calls
        n_calls += event == "call"

    crowd = Crowd(n_conns)
    pool.trim()  # so that it begins on a thread that is counted
    threading.setprofile(count)
    try:
        lingerer = Lingerer()
        for conn in crowd.near:
            lingerer.close(conn)
        crowd.close_far()
        crowd.wait_until_closed()
    finally:
        threading.setprofile(None)
        pool.trim()
    return n_calls / n_conns


def test_one_of_many_costs_no_more_than_one_of_few() -> None:
    few, many = calls_of_lingerer_per_conn(20), calls_of_lingerer_per_conn(400)
    assert 0 < many < 3 * few


def test_all_of_many_are_let_go_when_their_time_is_over() -> None:
    crowd = Crowd(100)
    lingerer = Lingerer()
    for conn in crowd.near:
        lingerer.close(conn)
    crowd.wait_until_closed()
    crowd.close_far()


def test_what_has_ended_by_the_time_it_is_waited_for_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits, told = threading.Event(), threading.Event()

    class Prompt(ReadSet):
        """One that tells of what is added before the adding has returned."""

        def add(self, fd: int) -> None:
            super().add(fd)
            if fd == second:
                crowd.far[1].close()
                assert told.wait(10)
                sleep(0.05)  # so that it is looked at

        def wait(self, deadline: float) -> list[int]:
            waits.set()
            if ready := super().wait(deadline):
                told.set()
            return ready

    monkeypatch.setattr(linger, "ReadSet", Prompt)
    crowd = Crowd(2)
    second = crowd.near[1].fileno()
    lingerer = Lingerer()
    lingerer.close(crowd.near[0])
    assert waits.wait(10)
    lingerer.close(crowd.near[1])
    crowd.close_far()
    crowd.wait_until_closed()


def test_without_a_descriptor_to_wait_with_a_conn_is_closed_at_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_descriptor() -> ReadSet:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(linger, "ReadSet", no_descriptor)
    crowd = Crowd(2)
    lingerer = Lingerer()
    for conn in crowd.near:
        lingerer.close(conn)
    assert crowd.n_closed == 2
    assert "closed without lingering: [Errno 24]" in caplog.text
    crowd.close_far()
