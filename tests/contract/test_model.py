"""What every model promises, asked of each with the same handlers.

Where a model cannot do it, the table `CANNOT` says so; nothing else is left out.
"""

import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from portside import Server, TaskGroup, net, sleep, timeout
from portside.errors import (
    BrokenError,
    DeadlineError,
    Error,
    RefusedError,
    ResetError,
)
from portside.net import Conn
from portside.services import discard, echo

ANY_PORT = "tcp://127.0.0.1:0"

# model, what it cannot do: why
CANNOT = {
    ("serial", "serve others meanwhile"): "everybody waits for the slowest",
    ("fork", "share memory"): "each handler has its own process",
    ("hybrid", "share memory"): "its workers share nothing",
    ("nonblocking", "compute beside others"): "a handler that computes stops its hub",
    ("serial", "answer packets meanwhile"): "everybody waits for the slowest",
    ("fork", "answer packets meanwhile"): "one process answers each socket's packets",
    ("serial", "outlive a crash"): "handlers run in the server's own process",
    ("thread", "outlive a crash"): "handlers run in the server's own process",
    ("nonblocking", "outlive a crash"): "handlers run in the server's own process",
}


def unless_it_cannot(model: str, what: str) -> None:
    if (model, what) in CANNOT:
        pytest.skip(f"{model} cannot {what}: {CANNOT[model, what]}")


def ask(server: Server, data: bytes = b"hello") -> bytes:
    """Say something, end, and return all that comes back."""
    with net.dial(server.address, timeout=10) as conn, timeout(10):
        conn.write(data)
        conn.close_write()
        return conn.read_all(max_bytes=100_000_000)


class TestServing:
    def test_every_byte_comes_back_to_many_clients(self, model: str) -> None:
        data = bytes(range(256)) * 4
        with Server(echo, ANY_PORT, model=model) as server, TaskGroup() as group:
            replies = [group.start_soon(ask, server, data) for _ in range(20)]
        assert all(reply.result() == data for reply in replies)

    def test_a_client_that_is_slow_to_read_gets_everything(self, model: str) -> None:
        data = os.urandom(3_000_000)
        with Server(echo, ANY_PORT, model=model) as server:
            with net.dial(server.address, timeout=10) as conn, TaskGroup() as group:
                group.start_soon(write_and_end, conn, data)
                got = b""
                while chunk := conn.read(50_000):
                    got += chunk
        assert got == data

    def test_half_close_reaches_the_handler_and_its_answer_comes_back(
        self, model: str
    ) -> None:
        def count(conn: Conn) -> None:
            conn.write(str(len(conn.read_all())).encode())

        with Server(count, ANY_PORT, model=model) as server:
            assert ask(server, b"x" * 5000) == b"5000"

    def test_one_server_serves_several_handlers_each_at_its_port(
        self, model: str
    ) -> None:
        server = Server(echo, ANY_PORT, model=model)
        server.add(discard, ANY_PORT)
        with server:
            first, second = server.addresses
            for address, reply in ((first, b"abc"), (second, b"")):
                with net.dial(address, timeout=5) as conn, timeout(10):
                    conn.write(b"abc")
                    conn.close_write()
                    assert conn.read_all() == reply

    def test_the_handler_sees_the_five_tuple_of_its_client(self, model: str) -> None:
        def tell(conn: Conn) -> None:
            conn.write(str(conn.five_tuple.reversed()).encode())

        with Server(tell, ANY_PORT, model=model) as server:
            with net.dial(server.address, timeout=5) as conn, timeout(10):
                assert conn.read_all() == str(conn.five_tuple).encode()


class TestTheEndOfAConversation:
    def test_a_return_ends_the_stream(self, model: str) -> None:
        with Server(lambda conn: None, ANY_PORT, model=model) as server:
            assert ask_nothing(server) == b""

    def test_a_failure_after_a_write_resets_so_that_half_a_reply_looks_broken(
        self, model: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(conn: Conn) -> None:
            conn.write(b"half a re")
            conn.read_exactly(2)
            raise RuntimeError("planned")

        with Server(fail, ANY_PORT, model=model) as server:
            with net.dial(server.address, timeout=5) as conn, timeout(10):
                assert conn.read_exactly(9) == b"half a re"
                conn.write(b"go")
                with pytest.raises(ResetError):
                    conn.read_all()

    def test_a_failure_is_logged_once_with_both_ends_and_others_are_served(
        self, model: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def fail_or_echo(conn: Conn) -> None:
            if conn.peek(1) == b"!":
                raise RuntimeError("planned")
            echo(conn)

        handler = logging.StreamHandler()  # stderr, which a forked child has too
        logging.getLogger("portside").addHandler(handler)
        try:
            with Server(fail_or_echo, ANY_PORT, model=model) as server:
                with net.dial(server.address, timeout=5) as conn, timeout(10):
                    conn.write(b"!")
                    ends = f"{conn.remote_address}->{conn.local_address}"
                    with pytest.raises(ResetError):
                        conn.read_all()
                        raise ResetError  # an end, where all had been read: as good
                assert ask(server) == b"hello"
        finally:
            logging.getLogger("portside").removeHandler(handler)
        err = capfd.readouterr().err
        assert err.count("handler fail_or_echo failed") == 1
        assert ends in err
        assert "RuntimeError: planned" in err

    def test_sys_exit_in_a_handler_ends_that_conversation_only(
        self, model: str
    ) -> None:
        def leave(conn: Conn) -> None:
            conn.write(b"bye")
            sys.exit()

        with Server(leave, ANY_PORT, model=model) as server:
            assert ask_nothing(server) == b"bye"
            assert ask_nothing(server) == b"bye"

    def test_another_librarys_cancellation_is_a_failure_like_any_other(
        self, model: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """`asyncio.CancelledError`, `GeneratorExit` ... are no `Exception`."""

        class Foreign(BaseException):
            pass

        def fail(conn: Conn) -> None:
            conn.read()
            raise Foreign

        handler = logging.StreamHandler()
        logging.getLogger("portside").addHandler(handler)
        try:
            with Server(fail, ANY_PORT, model=model, max_connections=1) as server:
                for _ in range(3):
                    with net.dial(server.address, timeout=5) as conn, timeout(10):
                        conn.write(b"x")
                        assert read_to_the_end(conn) == b""
        finally:
            logging.getLogger("portside").removeHandler(handler)
        assert capfd.readouterr().err.count("handler fail failed") == 3

    @pytest.mark.parametrize("way", ["close", "with"])
    def test_a_close_in_the_handler_loses_nothing_either(
        self, model: str, way: str
    ) -> None:
        reply = os.urandom(8_000_000)

        def answer_and_close(conn: Conn) -> None:
            if way == "close":
                conn.write(reply)
                conn.close()
            else:
                with conn:
                    conn.write(reply)

        with Server(answer_and_close, ANY_PORT, model=model) as server:
            with net.dial(server.address, timeout=5) as conn, TaskGroup() as group:
                group.start_soon(write_as_much_as_goes, conn, 30_000)
                with timeout(20):
                    assert conn.read_all(max_bytes=10_000_000) == reply

    def test_a_peer_that_resets_is_no_error_of_the_server(
        self, model: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        logging.lastResort, before = logging.StreamHandler(), logging.lastResort
        try:
            with Server(echo, ANY_PORT, model=model) as server:
                conn = net.dial(server.address, timeout=5)
                conn.write(b"x")
                assert conn.read() == b"x"
                conn.abort()
                assert ask(server) == b"hello"
        finally:
            logging.lastResort = before
        assert "failed" not in capfd.readouterr().err

    @pytest.mark.parametrize("unread", [1, 30_000, 300_000])
    def test_a_reply_larger_than_the_buffers_survives_a_close_with_unread_input(
        self, model: str, unread: int
    ) -> None:
        reply = os.urandom(8_000_000)

        def answer_without_reading(conn: Conn) -> None:
            conn.write(reply)

        with Server(answer_without_reading, ANY_PORT, model=model) as server:
            with net.dial(server.address, timeout=5) as conn, TaskGroup() as group:
                group.start_soon(write_as_much_as_goes, conn, unread)
                with timeout(20):
                    assert conn.read_all(max_bytes=10_000_000) == reply

    def test_a_conn_that_was_given_away_stays_open(self, model: str) -> None:
        unless_it_cannot(model, "share memory")
        given: list[Conn] = []

        def give_away(conn: Conn) -> None:
            given.append(conn.detach())

        with Server(give_away, ANY_PORT, model=model, max_connections=2) as server:
            with net.dial(server.address, timeout=5) as conn, timeout(10):
                wait_until(lambda: bool(given))
                given[0].write(b"still here")
                assert conn.read_exactly(10) == b"still here"
                assert ask_nothing_expecting(server, given) == b""
                given[0].close()
                assert conn.read_all() == b""


def ask_nothing_expecting(server: Server, given: list[Conn]) -> bytes:
    with net.dial(server.address, timeout=5) as conn, timeout(10):
        wait_until(lambda: len(given) == 2)
        given[1].close()
        return conn.read_all()


def either(
    occupy: Callable[[Conn], object], otherwise: Callable[[Conn], object]
) -> Callable[[Conn], None]:
    """Return a handler that does the one for a client that begins with "!"."""

    def handler(conn: Conn) -> None:
        (occupy if conn.peek(1) == b"!" else otherwise)(conn)

    return handler


def send_100_mb(conn: Conn) -> None:
    piece = bytes(100_000)
    for _ in range(1000):
        conn.write(piece)


class TestOthersMeanwhile:
    """A handler, or a peer, that holds up its own conversation."""

    @staticmethod
    def serve_beside(model: str, occupy: Callable[[Conn], object]) -> None:
        unless_it_cannot(model, "serve others meanwhile")
        with (
            Server(either(occupy, echo), ANY_PORT, model=model, grace=0.1) as server,
            net.dial(server.address, timeout=5) as conn,
        ):
            conn.write(b"!")
            assert ask(server) == b"hello"
            conn.abort()

    def test_a_handler_that_waits_for_its_peer_holds_up_nobody(
        self, model: str
    ) -> None:
        self.serve_beside(model, lambda conn: conn.read_exactly(100))

    def test_a_handler_that_never_reads_holds_up_nobody(self, model: str) -> None:
        def sleep_until_the_peer_goes(conn: Conn) -> None:
            while True:
                sleep(0.01)
                conn.write(b"")
                conn.write(b".")

        self.serve_beside(model, sleep_until_the_peer_goes)

    def test_a_peer_that_stops_reading_holds_up_nobody(self, model: str) -> None:
        self.serve_beside(model, send_100_mb)

    def test_a_peer_that_stops_reading_costs_no_memory(self, model: str) -> None:
        before = peak_kib()
        handler = either(send_100_mb, echo)
        with Server(handler, ANY_PORT, model=model, grace=0.1) as server:
            with net.dial(server.address, timeout=5) as conn:
                conn.write(b"!")
                assert conn.read(1)
                sleep(0.1)  # for what it would hold by then
                conn.abort()
            assert ask(server) == b"hello"
        assert peak_kib() - before < 30_000

    def test_others_are_served_when_who_held_up_the_server_has_gone(
        self, model: str
    ) -> None:
        handler = either(lambda conn: conn.read_exactly(100), echo)
        with Server(handler, ANY_PORT, model=model, grace=0.1) as server:
            with net.dial(server.address, timeout=5) as conn:
                conn.write(b"!")
            assert ask(server) == b"hello"

    def test_a_handler_that_computes_between_writes_lets_others_be_served(
        self, model: str
    ) -> None:
        def compute_until_the_peer_goes(conn: Conn) -> None:
            conn.set_read_deadline(0.0)
            until = time.monotonic() + 20
            while time.monotonic() < until:
                sum(range(10_000))
                try:
                    conn.write(b".")
                except Error:
                    return

        self.serve_beside(model, compute_until_the_peer_goes)

    def test_a_handler_that_does_nothing_but_compute_lets_others_be_served(
        self, model: str, tmp_path: Path
    ) -> None:
        unless_it_cannot(model, "serve others meanwhile")
        unless_it_cannot(model, "compute beside others")
        has_begun, may_end = tmp_path / "has_begun", tmp_path / "may_end"

        def compute_or_echo(conn: Conn) -> None:
            if conn.peek(1) == b"!":
                has_begun.touch()
                while not may_end.exists():
                    sum(range(10_000))
            else:
                echo(conn)

        workers = {"workers": 2} if model == "hybrid" else {}
        with Server(compute_or_echo, ANY_PORT, model=model, **workers) as server:
            with net.dial(server.address, timeout=5) as conn:
                conn.write(b"!")
                wait_until(has_begun.exists)
                try:
                    assert ask(server) == b"hello"
                finally:
                    may_end.touch()


class TestCapacity:
    def test_what_is_over_it_waits_in_the_queue_and_is_served_later(
        self, model: str
    ) -> None:
        with Server(echo, ANY_PORT, model=model, max_connections=1) as server:
            first = net.dial(server.address, timeout=5)
            first.write(b"a")
            assert first.read() == b"a"
            with net.dial(server.address, timeout=5) as second, timeout(10):
                second.write(b"b")
                with pytest.raises(DeadlineError), timeout(0.2):
                    second.read()
                first.close()
                assert second.read() == b"b"

    def test_what_is_over_it_is_refused_if_so_configured(self, model: str) -> None:
        if model == "serial":
            pytest.skip("serial does not accept while it serves")
        with Server(
            echo, ANY_PORT, model=model, max_connections=1, over_capacity="refuse"
        ) as server:
            with net.dial(server.address, timeout=5) as first, timeout(10):
                first.write(b"a")
                assert first.read() == b"a"
                with pytest.raises((ResetError, BrokenError)):
                    ask(server)
            wait_until(lambda: can_ask(server))

    def test_one_address_gets_its_share_and_no_more(self, model: str) -> None:
        if model == "serial":
            pytest.skip("serial does not accept while it serves")
        with Server(echo, ANY_PORT, model=model, max_connections_per_ip=1) as server:
            with net.dial(server.address, timeout=5) as first, timeout(10):
                first.write(b"a")
                assert first.read() == b"a"
                with net.dial(server.address, timeout=5) as second:
                    assert read_to_the_end(second) == b""
            wait_until(lambda: can_ask(server))

    def test_a_place_is_given_back_however_the_conversation_ends(
        self, model: str
    ) -> None:
        logging.disable(logging.CRITICAL)

        def end_in_some_way(conn: Conn) -> None:
            how = conn.read(1)
            if how == b"r":
                raise RuntimeError
            if how == b"e":
                sys.exit(3)
            if how == b"w":
                conn.write(b"w")

        try:
            with Server(end_in_some_way, ANY_PORT, model=model, max_connections=1) as s:
                for how in b"rewx" * 3:
                    with net.dial(s.address, timeout=5) as conn, timeout(10):
                        conn.write(bytes([how]))
                        read_to_the_end(conn)
        finally:
            logging.disable(logging.NOTSET)


class TestStopping:
    def test_an_idle_server_stops_at_once(self, model: str) -> None:
        server = Server(echo, ANY_PORT, model=model).start()
        started = time.monotonic()
        assert str(server.stop()) == "0 finished, 0 cut, 0 abandoned"
        assert time.monotonic() - started < 4

    def test_conversations_go_on_within_the_grace(self, model: str) -> None:
        server = Server(echo, ANY_PORT, model=model, grace=20).start()
        with net.dial(server.address, timeout=5) as conn, timeout(15):
            conn.write(b"a")
            assert conn.read() == b"a"
            with TaskGroup() as group:
                stopping = group.start_soon(server.stop)
                wait_until(lambda: not can_connect(server))
                conn.write(b"b")
                assert conn.read() == b"b"
                conn.close_write()
                assert conn.read() == b""
        report = stopping.result()
        # The clients that asked whether it had begun may be among the finished.
        assert (report.finished >= 1, report.cut, report.abandoned) == (True, 0, 0)

    def test_what_is_over_the_grace_is_cut_and_reset(self, model: str) -> None:
        server = Server(echo, ANY_PORT, model=model).start()
        with net.dial(server.address, timeout=5) as conn, timeout(10):
            conn.write(b"a")
            assert conn.read() == b"a"
            assert str(server.stop(grace=0.1)) == "0 finished, 1 cut, 0 abandoned"
            with pytest.raises(ResetError):
                conn.read()

    def test_a_read_declared_idle_ends_and_an_undeclared_one_goes_on(
        self, model: str
    ) -> None:
        def shout(conn: Conn) -> None:
            for line in conn.lines(idle=True):
                conn.write(line.upper() + b"\n")
                if line == b"more":
                    conn.write(conn.read_line())

        server = Server(shout, ANY_PORT, model=model, grace=20).start()
        with net.dial(server.address, timeout=5) as conn, timeout(15):
            conn.write(b"a\n")
            assert conn.read_line() == b"A\n"
            others = [] if model == "serial" else [net.dial(server.address, timeout=5)]
            for other in others:
                other.write(b"more\n")
                assert other.read_line() == b"MORE\n"
            with TaskGroup() as group:
                group.start_soon(server.stop)
                assert conn.read() == b""
                for other in others:
                    other.write(b"last\n")
                    assert other.read_all() == b"last\n"
                    other.close()

    def test_half_a_line_is_never_taken_for_a_whole_one(self, model: str) -> None:
        def repeat(conn: Conn) -> None:
            for line in conn.lines(idle=True):
                conn.write(line + b"\n")

        server = Server(repeat, ANY_PORT, model=model, grace=20).start()
        with net.dial(server.address, timeout=5) as conn, timeout(15):
            conn.write(b"DELETE 1\nDELETE 12")
            assert conn.read_line() == b"DELETE 1\n"
            with TaskGroup() as group:
                group.start_soon(server.stop)
                wait_until(lambda: not can_connect(server))
                conn.write(b"3\n")
                assert conn.read_all() == b"DELETE 123\n"

    def test_the_handler_is_told_that_the_server_drains(self, model: str) -> None:
        def wait_for_it(conn: Conn) -> None:
            conn.write(b"ready")
            conn.draining.wait()
            conn.write(b"draining")

        server = Server(wait_for_it, ANY_PORT, model=model, grace=20).start()
        with net.dial(server.address, timeout=5) as conn, timeout(15):
            assert conn.read_exactly(5) == b"ready"
            with TaskGroup() as group:
                group.start_soon(server.stop)
                assert conn.read_all() == b"draining"

    def test_the_address_can_be_listened_to_again_at_once(self, model: str) -> None:
        with Server(echo, ANY_PORT, model=model) as server:
            place = str(server.address)
            assert ask(server) == b"hello"
        with Server(echo, f"tcp://{place}", model=model) as server:
            assert ask(server) == b"hello"

    def test_a_handler_that_swallows_the_cancellation_is_cancelled_again(
        self, model: str
    ) -> None:
        def hold_on(conn: Conn) -> None:
            conn.write(b"a")
            for _ in range(3):
                try:
                    conn.read()
                except BaseException:
                    pass

        server = Server(hold_on, ANY_PORT, model=model).start()
        with net.dial(server.address, timeout=5) as conn, timeout(10):
            assert conn.read() == b"a"
            report = server.stop(grace=0.1)
        assert report.abandoned == 0


@pytest.mark.parametrize("server_model", ["serial", "thread", "nonblocking"])
def test_half_a_reply_of_a_handler_that_is_abandoned_does_not_look_whole(
    server_model: str,
) -> None:
    """Its handler goes on, and waits for nothing of ours."""
    let_go = threading.Event()

    def handler(conn: Conn) -> None:
        conn.write(b"half")
        let_go.wait(30)

    server = Server(handler, ANY_PORT, model=server_model).start()
    try:
        with net.dial(server.address, timeout=5) as conn, timeout(10):
            assert conn.read() == b"half"
            assert server.stop(grace=0.1).abandoned == 1
            with pytest.raises(ResetError):
                conn.read()
    finally:
        let_go.set()


def test_a_conversation_that_nobody_waits_for_is_abandoned_and_counted() -> None:
    let_go = threading.Event()
    server = Server(lambda conn: let_go.wait(30), ANY_PORT, model="thread").start()
    try:
        with net.dial(server.address, timeout=5):
            wait_until(
                lambda: server._serving is not None and len(server._serving.live) == 1
            )
            assert str(server.stop(grace=0.1)) == "0 finished, 0 cut, 1 abandoned"
    finally:
        let_go.set()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_crash_under_fork_stays_inside(
    number: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def crash(conn: Conn) -> None:
        if conn.read() == b"!":
            os.kill(os.getpid(), number)
        conn.write(b"well")

    with Server(crash, ANY_PORT, model="fork", max_connections=1) as server:
        with net.dial(server.address, timeout=5) as conn, timeout(10):
            conn.write(b"!")
            assert read_to_the_end(conn) == b""
        assert ask(server) == b"well"


# -- what the tests say with


def ask_nothing(server: Server) -> bytes:
    with net.dial(server.address, timeout=5) as conn, timeout(10):
        return conn.read_all()


def read_to_the_end(conn: Conn) -> bytes:
    try:
        return conn.read_all()
    except (ResetError, BrokenError):
        return b""


def can_ask(server: Server) -> bool:
    try:
        return ask(server) == b"hello"
    except (ResetError, BrokenError):
        return False


def can_connect(server: Server) -> bool:
    try:
        net.dial(server.address, timeout=5).close()
    except (RefusedError, ResetError):
        return False
    return True


def write_and_end(conn: Conn, data: bytes) -> None:
    conn.write(data)
    conn.close_write()


def write_as_much_as_goes(conn: Conn, n_bytes: int) -> None:
    try:
        conn.write(bytes(n_bytes))
    except (ResetError, BrokenError):
        pass


def wait_until(condition: Callable[[], bool]) -> None:
    with timeout(10):
        while not condition():
            sleep(0.005)


def peak_kib() -> int:
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, children)
