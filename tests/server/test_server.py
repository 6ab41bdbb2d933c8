"""The life of a server, where every model has the same."""

import gc
import threading
import weakref

import pytest

from portside import Server, TaskGroup, http, net, sleep, timeout
from portside.errors import AddressError, Error, InUseError, ResolveError
from portside.names import IPAddress
from portside.server import State
from portside.services import discard, echo

ANY_PORT = "tcp://127.0.0.1:0"


class TestItsAddresses:
    def test_a_name_with_two_addresses_is_served_at_both_on_one_port(self) -> None:
        listener = net.listen("tcp", "both:0", resolver=lambda *_: ["127.0.0.1", "::1"])
        try:
            ports = {each.port for each in listener.addresses}
            assert [each.ip for each in listener.addresses] == ["127.0.0.1", "::1"]
            assert len(ports) == 1
        finally:
            listener.close()

    def test_the_wildcard_serves_both_families_and_never_shows_mapped_addresses(
        self, model: str
    ) -> None:
        def tell(conn: net.Conn) -> None:
            conn.write(f"{conn.local_address} {conn.remote_address}".encode())

        with Server(tell, "tcp://:0", model=model) as server:
            port = server.address.port
            for ip in ("127.0.0.1", "::1"):
                with (
                    net.dial(IPAddress("tcp", ip, port), timeout=5) as conn,
                    timeout(9),
                ):
                    local, remote = conn.read_all().decode().split()
                    assert local == str(conn.remote_address)
                    assert remote == str(conn.local_address)

    def test_address_is_for_the_server_that_has_one(self) -> None:
        server = Server(echo, ANY_PORT)
        with pytest.raises(Error, match="listens at 0 addresses"):
            _ = server.address
        server.add(discard, ANY_PORT)
        with server:
            assert len(server.addresses) == 2
            with pytest.raises(Error, match="listens at 2 addresses"):
                _ = server.address


class TestItsStart:
    def test_one_endpoint_that_fails_leaves_none_listening(self) -> None:
        with net.listen("tcp", "127.0.0.1:0") as taken:
            server = Server(echo, ANY_PORT, taken.address)
            with pytest.raises(InUseError):
                server.listen()
        assert server.addresses == ()

    @pytest.mark.parametrize(
        ("endpoint", "error"),
        [
            ("tcp://host:port:port", AddressError),
            ("tcp://127.0.0.1:70000", AddressError),
            ("tcp://::1:80", AddressError),
            ("tpc://127.0.0.1:80", AddressError),
            ("tcp://no-such-name.invalid:80", ResolveError),
        ],
    )
    def test_an_endpoint_that_cannot_be_is_the_typed_error(
        self, endpoint: str, error: type[Error]
    ) -> None:
        with pytest.raises(error):
            Server(echo, endpoint).listen()

    def test_an_unknown_model_names_those_there_are(self) -> None:
        with pytest.raises(ValueError, match="known: serial, fork, thread"):
            Server(echo, ANY_PORT, model="threads")

    def test_an_unknown_setting_names_the_closest(self) -> None:
        said = r"Server has no setting 'modelx'; did you mean 'model'\?"
        with pytest.raises(TypeError, match=said):
            Server(echo, ANY_PORT, modelx="thread")

    def test_a_setting_of_the_handler_is_told_to_be_one(self) -> None:
        said = (
            "max_body_bytes is a setting of the handler, not of the server: make it "
            r"with settings=HttpSettings\(max_body_bytes=...\)"
        )
        with pytest.raises(TypeError, match=said):
            Server(http.Mux(), ANY_PORT, max_body_bytes=5)

    def test_a_handler_without_endpoint_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no endpoint to serve at"):
            Server(echo)

    def test_it_listens_once(self) -> None:
        with Server(echo, ANY_PORT) as server, pytest.raises(RuntimeError):
            server.listen()

    def test_clients_may_come_between_listen_and_run(self) -> None:
        server = Server(echo, ANY_PORT, model="serial")
        server.listen()
        with net.dial(server.address, timeout=5) as conn, timeout(10):
            conn.write(b"early")
            thread = threading.Thread(target=server.run)
            thread.start()
            assert conn.read_exactly(5) == b"early"
        server.stop()
        thread.join(10)

    def test_a_timeout_around_the_start_does_not_bound_the_handlers(
        self, model: str
    ) -> None:
        with timeout(0.2):
            server = Server(echo, ANY_PORT, model=model).start()
        with server_stopped(server), net.dial(server.address, timeout=5) as conn:
            with pytest.raises(TimeoutError), timeout(0.4):
                conn.read()
            conn.write(b"late")
            with timeout(10):
                assert conn.read_exactly(4) == b"late"

    def test_fork_needs_a_process_with_one_thread_and_says_so(self) -> None:
        let_go = threading.Event()
        other = threading.Thread(target=let_go.wait, name="the other")
        other.start()
        server = Server(echo, ANY_PORT, model="fork")
        try:
            with pytest.raises(RuntimeError, match=r"one thread.*the other"):
                server.run()
        finally:
            let_go.set()
            other.join()


class server_stopped:
    def __init__(self, server: Server) -> None:
        self.server = server

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self.server.stop(grace=5)


class TestAConversation:
    @pytest.mark.parametrize("model", ["serial", "thread", "nonblocking"])
    def test_is_gone_when_it_has_ended_and_waits_for_no_garbage_collector(
        self, model: str
    ) -> None:
        conns: list[weakref.ref[net.Conn]] = []

        def converse(conn: net.Conn) -> None:
            conns.append(weakref.ref(conn))
            echo(conn)

        gc.disable()
        try:
            with Server(converse, ANY_PORT, model=model) as server:
                for _ in range(3):
                    with net.dial(server.address, timeout=5) as conn, timeout(9):
                        conn.write(b"a")
                        conn.close_write()
                        assert conn.read_all() == b"a"
                with timeout(9):
                    while any(each() is not None for each in conns):
                        sleep(0.001)
        finally:
            gc.enable()


class TestItsStop:
    def test_stopping_again_gives_the_same_report(self, model: str) -> None:
        server = Server(echo, ANY_PORT, model=model).start()
        assert server.stop() == server.stop()
        assert server.state is State.CLOSED

    def test_stopping_from_many_threads_is_one_stop(self, model: str) -> None:
        server = Server(echo, ANY_PORT, model=model).start()
        with TaskGroup() as group:
            stops = [group.start_soon(server.stop) for _ in range(5)]
        assert len({str(stop.result()) for stop in stops}) == 1

    def test_a_task_that_is_told_to_end_still_stops_its_server(
        self, model: str
    ) -> None:
        with TaskGroup() as group:
            with Server(echo, ANY_PORT, model=model) as server:
                group.cancel()
        assert server.state is State.CLOSED

    def test_an_error_in_the_block_cuts_at_once(self, model: str) -> None:
        with pytest.raises(RuntimeError, match="planned"):
            with Server(echo, ANY_PORT, model=model, grace=60) as server:
                conn = net.dial(server.address, timeout=5)
                conn.write(b"a")
                assert conn.read() == b"a"
                raise RuntimeError("planned")
        conn.close()
