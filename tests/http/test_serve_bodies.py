"""Bodies of requests, as their handlers use them or not: after Go's serve tests."""

import hashlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.message.status_error import StatusError
from tests.http.peer import peer
from tests.http.serving import asking, lines_of, note, serving

KIB = 1024
MIB = 1024 * 1024


def as_length(size: int, *fields: str, target: str = "/") -> bytes:
    return asking(target, *fields, method="POST", body=b"a" * size)


def as_chunks(size: int, *fields: str, target: str = "/") -> bytes:
    head = asking(target, "Transfer-Encoding: chunked", *fields, method="POST")
    pieces = [b"a" * min(4000, size - at) for at in range(0, size, 4000)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head + chunks + b"0\r\n\r\n"


def unread(request: Request) -> Response:
    return Response.text(request.target)


class TestUnread:
    @pytest.mark.parametrize("as_framed", [as_length, as_chunks])
    def test_a_little_is_dropped_and_the_connection_goes_on(
        self, model: str, as_framed: Callable[..., bytes]
    ) -> None:
        with serving(unread, model) as server, peer(server.address) as client:
            client.say(as_framed(100 * KIB, target="/a") + asking("/b"))
            first, second = client.answer(), client.answer()
            assert (first.body, second.body) == (b"/a", b"/b")
            assert not first.closes

    @pytest.mark.parametrize("as_framed", [as_length, as_chunks])
    def test_much_ends_the_connection_and_nothing_behind_it_is_served(
        self, model: str, as_framed: Callable[..., bytes], tmp_path: Path
    ) -> None:
        served = tmp_path / "served"

        def app(request: Request) -> Response:
            note(served, request.target)
            return unread(request)

        with serving(app, model) as server, peer(server.address) as client:
            client.say(as_framed(1 * MIB, target="/a") + asking("/smuggled"))
            answer = client.answer()
            assert (answer.body, answer.closes) == (b"/a", True)
            client.assert_end()
        assert lines_of(served) == ["/a"]

    @pytest.mark.parametrize("as_framed", [as_length, as_chunks])
    @pytest.mark.parametrize("size", [20 * KIB, 1 * MIB])
    @pytest.mark.parametrize("asks_to_close", [False, True])
    def test_another_request_is_served_if_little_was_left_and_nobody_said_close(
        self, as_framed: Callable[..., bytes], size: int, asks_to_close: bool
    ) -> None:
        fields = ["Connection: close"] if asks_to_close else []
        goes_on = size < 256 * KIB and not asks_to_close
        with serving(unread, "thread") as server, peer(server.address) as client:
            client.say(as_framed(size, *fields, target="/a") + asking("/b"))
            assert client.answer().closes is not goes_on
            if goes_on:
                assert client.answer().body == b"/b"
            else:
                client.assert_end()

    def test_ten_gigabytes_are_not_waited_for(self, model: str) -> None:
        with serving(unread, model) as server, peer(server.address) as client:
            client.say(asking("/a", "Content-Length: 9999999999", method="POST"))
            answer = client.answer()
            assert (answer.body, answer.closes) == (b"/a", True)
            client.assert_end()

    def test_the_rest_of_a_body_that_was_read_in_part_is_dropped(
        self, model: str
    ) -> None:
        def app(request: Request) -> Response:
            return Response(request.body.read(3))

        with serving(app, model) as server, peer(server.address) as client:
            client.say(asking("/", method="POST", body=b"one and more"))
            assert client.answer().body == b"one"
            client.say(asking("/", method="POST", body=b"two and more"))
            assert client.answer().body == b"two"


class TestRead:
    @pytest.mark.parametrize("as_framed", [as_length, as_chunks])
    def test_a_body_of_megabytes_is_read_piece_by_piece(
        self, model: str, as_framed: Callable[..., bytes]
    ) -> None:
        def app(request: Request) -> Response:
            digest, longest = hashlib.sha256(), 0
            for piece in request.body:
                digest.update(piece)
                longest = max(longest, len(piece))
            return Response.text(f"{digest.hexdigest()} {longest <= 65536}")

        with serving(app, model, max_body_bytes=None) as server:
            with peer(server.address) as client:
                answer = client.ask(as_framed(5 * MIB))
        right = hashlib.sha256(b"a" * 5 * MIB).hexdigest()
        assert answer.body.decode() == f"{right} True"

    def test_a_handler_may_take_more_or_less_than_the_others(self, model: str) -> None:
        def app(request: Request) -> Response:
            request.body.max_bytes = 2000 if request.path == "/more" else 10
            return Response.text(str(len(request.body.read_all())))

        with serving(app, model, max_body_bytes=1000) as server:
            for ask, status in (
                (as_length(2000, target="/more"), 200),
                (as_length(2001, target="/more"), 413),
                (as_length(11, target="/less"), 413),
                (as_chunks(11, target="/less"), 413),
                (as_chunks(10, target="/less"), 200),
            ):
                with peer(server.address) as client:
                    assert client.ask(ask).status == status

    def test_over_the_limit_the_server_stops_reading(self, model: str) -> None:
        """Of 100 MB that come in chunks it takes what a kernel holds, not more."""

        def app(request: Request) -> Response:
            return Response.text(str(len(request.body.read_all())))

        sent = 0

        def upload(sock: socket.socket) -> None:
            nonlocal sent
            chunk = b"2710\r\n" + b"a" * 10_000 + b"\r\n"
            try:
                for _ in range(10_000):
                    sock.sendall(chunk)
                    sent += 10_000
            except OSError:
                pass

        with serving(app, model, max_body_bytes=10_000) as server:
            with peer(server.address) as client:
                head = asking("/", "Transfer-Encoding: chunked", method="POST")
                client.say_at_once(head)
                uploading = threading.Thread(target=upload, args=(client.socket,))
                uploading.start()
                answer = client.answer()
                assert (answer.status, answer.closes) == (413, True)
                assert client.reader.at_end() == b""
                client.socket.shutdown(socket.SHUT_RDWR)
                uploading.join()
        assert sent < 20_000_000

    def test_an_answer_may_be_made_of_the_body_as_it_comes(self, model: str) -> None:
        """Else a handler that hands its body on would lose it in silence."""

        def app(request: Request) -> Response:
            return Response.stream(piece.upper() for piece in request.body)

        with serving(app, model) as server, peer(server.address) as client:
            answer = client.ask(asking("/", method="POST", body=b"hello" * 1000))
            assert answer.body == b"HELLO" * 1000

    def test_so_may_a_long_one_that_comes_while_the_answer_goes(
        self, model: str
    ) -> None:
        def app(request: Request) -> Response:
            return Response.stream(piece.upper() for piece in request.body)

        with serving(app, model, max_body_bytes=None) as server:
            with peer(server.address) as client:
                for as_framed in (as_length, as_chunks):
                    assert client.ask(as_framed(5 * MIB)).body == b"A" * 5 * MIB

    @pytest.mark.parametrize("size", [20 * KIB, 1 * MIB])
    def test_a_body_that_a_stream_leaves_is_never_taken_for_a_request(
        self, model: str, size: int, tmp_path: Path
    ) -> None:
        served = tmp_path / "served"

        def app(request: Request) -> Response:
            note(served, request.target)
            return Response.stream(iter([b"a", b"b"]))

        with serving(app, model) as server, peer(server.address) as client:
            client.say(as_length(size, target="/a") + asking("/b"))
            assert client.answer().body == b"ab"
            if size < 256 * KIB:
                assert client.answer().body == b"ab"
            else:
                client.assert_end()
        assert lines_of(served) == (["/a", "/b"] if size < 256 * KIB else ["/a"])

    def test_a_stream_whose_body_breaks_does_not_look_whole(self, model: str) -> None:
        def app(request: Request) -> Response:
            return Response.stream(iter(request.body))

        head = asking("/", "Transfer-Encoding: chunked", method="POST")
        with serving(app, model) as server, peer(server.address) as client:
            client.say(head + b"5\r\nhello\r\nfax\r\n" + asking("/smuggled"))
            with pytest.raises((ConnectionResetError, AssertionError)):
                client.answer()


def read_all(request: Request) -> object:
    return request.body.read_all()


def iterate(request: Request) -> object:
    return list(request.body)


def read_bytes(request: Request) -> object:
    while request.body.read(1):
        pass
    return None


def read_a_byte(request: Request) -> object:
    return request.body.read(1)


def read_nothing(request: Request) -> object:
    return None


def read_on_after_the_error(request: Request) -> object:
    for _ in range(3):
        try:
            request.body.read_all()
        except StatusError:
            pass
    return None


def read_trailers(request: Request) -> object:
    request.body.read_all()
    return request.body.trailers


WAYS = [
    read_all, iterate, read_bytes, read_a_byte, read_nothing, read_on_after_the_error,
    Request.text, Request.json, read_trailers,
]  # fmt: skip

BROKEN = {
    "a size that is none": b"fax\r\nhello\r\n0\r\n\r\n",
    "a bad size behind a good chunk": b"5\r\nhello\r\n-1\r\n0\r\n\r\n",
    "data that is too long": b"5\r\nhello!\r\n0\r\n\r\n",
    "a trailer that is none": b"5\r\nhello\r\n0\r\nno trailer\r\n\r\n",
    "a trailer with a control": b"5\r\nhello\r\n0\r\nX: \0\r\n\r\n",
    "a last chunk with more": b"5\r\nhello\r\n0 0\r\n\r\n",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", BROKEN)
def test_behind_a_broken_body_nothing_is_served_however_it_is_read(
    what: str, way: Callable[[Request], object]
) -> None:
    served = []

    def app(request: Request) -> Response:
        served.append(request.target)
        way(request)
        return Response.text("well")

    head = asking("/a", "Transfer-Encoding: chunked", method="POST")
    with serving(app, "thread") as server, peer(server.address) as client:
        client.say(head + BROKEN[what] + asking("/smuggled"))
        answer = client.answer()
        assert answer.closes
        assert answer.status in (200, 400)
        client.assert_end()
    assert served == ["/a"]


@pytest.mark.parametrize("way", WAYS)
def test_an_error_of_a_body_is_an_answer_and_no_failure(
    way: Callable[[Request], object], caplog: pytest.LogCaptureFixture
) -> None:
    def app(request: Request) -> Response:
        way(request)
        return Response.text("well")

    head = asking("/a", "Transfer-Encoding: chunked", method="POST")
    with serving(app, "thread") as server, peer(server.address) as client:
        client.say(head + b"fax\r\n")
        is_read = way not in (read_nothing, read_on_after_the_error)
        assert client.answer().status == (400 if is_read else 200)
    assert caplog.records == []


def test_a_client_that_ends_inside_a_body_is_told_so(model: str) -> None:
    def app(request: Request) -> Response:
        return Response(request.body.read_all())

    with serving(app, model) as server, peer(server.address) as client:
        client.say(asking("/", "Content-Length: 10", method="POST") + b"12345")
        client.end()
        answer = client.answer()
        assert (answer.status, answer.closes) == (400, True)
        client.assert_end()
