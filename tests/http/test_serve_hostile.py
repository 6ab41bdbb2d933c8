"""Clients that do harm: by sending on, by going away, by holding on."""

import os
import random
import socket
import threading
from collections.abc import Iterator

import pytest

from portside import Server
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.message.status_error import StatusError
from tests.http.peer import peer
from tests.http.serving import asking, logged, serving, wait_until
from tests.http.test_serve_keep_alive import reset

LARGE = b"a" * 32_000

HANDLES_ONE_AT_A_TIME = "serial"


def tell(request: Request) -> Response:
    return Response(request.target.encode() + b" " + request.body.read_all())


def keep_sending(sock: socket.socket, n_bytes: int) -> None:
    """Send, whatever comes back, until it is all gone or nobody takes it."""
    piece = b"a" * 65536
    try:
        for _ in range(0, n_bytes, len(piece)):
            sock.sendall(piece)
    except OSError:
        pass


class TestWhoSendsOn:
    @pytest.mark.parametrize("status", [413, 401])
    def test_an_early_answer_is_read_whole_while_the_upload_goes_on(
        self, model: str, status: int
    ) -> None:
        """A client with a window of 2 kB, an answer of 32 kB, and 8 MB on the way."""

        def app(request: Request) -> Response:
            if status == 413:
                with pytest.raises(StatusError, match="413"):
                    request.body.read_all()
                return Response(LARGE, status=413)
            return Response(LARGE, status=401)

        ask = asking("/", f"Content-Length: {8 << 20}", method="POST")
        with serving(app, model) as server:
            with peer(server.address, receive_bytes=2048) as client:
                client.say_at_once(ask)
                sending = threading.Thread(
                    target=keep_sending, args=(client.socket, 8 << 20)
                )
                sending.start()
                try:
                    answer = client.answer()
                    assert (answer.status, answer.body) == (status, LARGE)
                    assert answer.closes
                finally:
                    client.socket.shutdown(socket.SHUT_RDWR)
                    sending.join()

    @pytest.mark.parametrize(
        ("beginning", "more"),
        [
            (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", b"a" * 65536),
            (b"GET / HTTP/1.1\r\nHost: x\r\n", b"A: b\r\n" * 10_000),
            (b"GET /", b"a" * 65536),
            (b"", b"\r\n" * 32_000),
            (asking("/", "Transfer-Encoding: chunked") + b"5;", b"a" * 65536),
            (
                asking("/", "Transfer-Encoding: chunked"),
                b"1;%b\r\na\r\n" % (b"a" * 60) * 1000,
            ),
            (
                asking("/", "Transfer-Encoding: chunked") + b"0\r\n",
                b"A: b\r\n" * 10_000,
            ),
            (asking("/", "Transfer-Encoding: chunked") + b"0\r\nX: ", b"a" * 65536),
        ],
    )
    def test_what_has_no_end_is_refused_long_before_20_megabytes(
        self, beginning: bytes, more: bytes
    ) -> None:
        sent = 0

        def send(sock: socket.socket) -> None:
            nonlocal sent
            try:
                sock.sendall(beginning)
                while sent < 20_000_000:
                    sock.sendall(more)
                    sent += len(more)
            except OSError:
                pass

        with serving(tell, "thread") as server, peer(server.address) as client:
            sending = threading.Thread(target=send, args=(client.socket,))
            sending.start()
            try:
                answer = client.answer()
                assert answer.status in (400, 413, 414, 431)
                assert answer.closes
            finally:
                client.socket.shutdown(socket.SHUT_RDWR)
                sending.join()
        assert sent < 15_000_000


def n_descriptors(server: Server) -> int:
    """Return how many descriptors the process has that answers."""
    with peer(server.address) as client:
        return int(client.ask(asking("/descriptors", "Connection: close")).body)


class TestWhoGoesAway:
    @pytest.fixture
    def server(
        self, model: str, n_times: int, capfd: pytest.CaptureFixture[str]
    ) -> Iterator[Server]:
        """A server that may log nothing, and holds as much as before at the end."""

        def app(request: Request) -> Response:
            if request.path == "/descriptors":
                return Response.text(str(len(os.listdir("/proc/self/fd"))))
            if request.path == "/large":
                return Response(b"a" * 3_000_000)
            return tell(request)

        with logged(), serving(app, model) as server:
            before = [n_descriptors(server) for _ in range(8)]
            yield server
            # A thread that waits for more to do keeps its bell: some, but not so many.
            most = max(before) + n_times // 4
            wait_until(lambda: n_descriptors(server) <= most)
        assert capfd.readouterr().err == ""

    @pytest.fixture
    def n_times(self, model: str) -> int:
        """Enough that one left behind by each would show; a fork costs more."""
        return 20 if model == "fork" else 100

    def test_a_reset_behind_a_request(self, server: Server, n_times: int) -> None:
        for _ in range(n_times):
            with peer(server.address) as client:
                client.say_at_once(asking("/"))
                reset(client.socket)

    def test_a_reset_in_the_middle_of_an_answer(
        self, server: Server, n_times: int
    ) -> None:
        for _ in range(n_times):
            with peer(server.address, receive_bytes=4096) as client:
                client.say_at_once(asking("/large"))
                assert client.socket.recv(100)
                reset(client.socket)

    def test_a_reset_in_the_middle_of_a_body(
        self, server: Server, n_times: int
    ) -> None:
        for _ in range(n_times):
            with peer(server.address) as client:
                client.say_at_once(asking("/", "Content-Length: 9", method="POST"))
                client.say_at_once(b"hell")
                reset(client.socket)

    def test_an_end_at_once(self, server: Server, n_times: int) -> None:
        for _ in range(n_times):
            with peer(server.address):
                pass

    def test_a_reset_at_once(self, server: Server, n_times: int) -> None:
        for _ in range(n_times):
            with peer(server.address) as client:
                reset(client.socket)

    def test_bytes_of_no_meaning(self, server: Server, n_times: int) -> None:
        rng = random.Random(1)
        for at in range(n_times):
            with peer(server.address) as client:
                client.say(rng.randbytes(200))
                client.end()
                answer = client.answer_or_end()
                assert answer is None or answer.closes, at
                client.assert_end()

    def test_a_request_and_no_interest_in_its_answer(
        self, server: Server, n_times: int
    ) -> None:
        for _ in range(n_times):
            with peer(server.address) as client:
                client.say_at_once(asking("/"))


class TestWhoHoldsOn:
    def test_a_good_client_is_served_beside_many_that_dribble(self, model: str) -> None:
        if model == HANDLES_ONE_AT_A_TIME:
            pytest.skip("serial: everybody waits for the slowest")
        n_slow = 60 if model == "fork" else 300
        slow = []
        try:
            with serving(tell, model) as server:
                for _ in range(n_slow):
                    sock = socket.create_connection(
                        (server.address.host, server.address.port), timeout=5
                    )
                    slow.append(sock)
                    sock.sendall(b"GET / HTTP/1.1\r\nHo")
                for _ in range(3):
                    for sock in slow:
                        sock.sendall(b"s")
                    with peer(server.address) as client:
                        assert client.ask(asking("/good")).body == b"/good "
                for sock in slow:
                    sock.close()
        finally:
            for sock in slow:
                sock.close()
