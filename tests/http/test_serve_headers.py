"""Heads of requests and of answers, as handlers and clients see them."""

from collections.abc import Callable, Iterator

import pytest

from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.settings import HttpSettings
from portside.http.web import handler
from tests.http.answers import Answer, AnswerReader
from tests.http.peer import peer
from tests.http.played import played
from tests.http.serving import asking, serving


def answer_to(
    function: Callable[[Request], Response], request: bytes, *, to_head: bool = False
) -> Answer:
    """Return what one request is answered."""
    return answers_to(function, request, to_head=to_head)[-1]


def answers_to(
    function: Callable[[Request], Response], request: bytes, *, to_head: bool = False
) -> list[Answer]:
    conn, stream = played([request])
    handler(function)(conn)
    sent = iter((bytes(stream.sent),))
    reader = AnswerReader(lambda: next(sent, b""))
    return list(iter(lambda: reader.next(to_head=to_head), None))


class TestControls:
    @pytest.mark.parametrize("control", [*set(range(32)) - {9}, 127])
    @pytest.mark.parametrize(
        "where",
        [
            b"GET /a%bb HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GE%bT / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1%b.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x%b\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a%bb\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nX-A:%bb\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b%b\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nX%bA: b\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n%bX-A: b\r\n\r\n",
        ],
    )
    def test_no_control_is_taken_anywhere(self, where: bytes, control: int) -> None:
        served = []

        def app(request: Request) -> Response:
            served.append(request)
            return Response()

        answer = answer_to(app, where % bytes([control]) + asking("/smuggled"))
        assert (answer.status, answer.closes) == (400, True)
        assert served == []

    @pytest.mark.parametrize("letter", b'"(),/:;<=>?@[\\]{} \x80\xff')
    def test_no_name_has_what_is_not_of_a_token(self, letter: int) -> None:
        ask = b"GET / HTTP/1.1\r\nHost: x\r\nX%bA: b\r\n\r\n"
        if letter == ord(":"):
            ask = b"GET / HTTP/1.1\r\nHost: x\r\n%bXA: b\r\n\r\n"
        answer = answer_to(lambda request: Response(), ask % bytes([letter]))
        assert (answer.status, answer.closes) == (400, True)


def as_target(n_bytes: int) -> bytes:
    return asking("/" + "a" * (n_bytes - 1))


def as_head(n_bytes: int) -> bytes:
    return asking("/", "X-A: " + "a" * (n_bytes - len(asking("/", "X-A: "))))


def as_fields(count: int) -> bytes:
    return asking("/", *(["X-A: b"] * (count - 1)))


class TestLimits:
    @pytest.mark.parametrize("is_whole", [True, False])
    @pytest.mark.parametrize(
        ("limit", "most", "of_size", "status"),
        [
            ("max_target_bytes", 100, as_target, 414),
            ("max_header_bytes", 300, as_head, 431),
            ("max_headers", 5, as_fields, 431),
        ],
    )
    def test_what_is_at_a_limit_is_served_and_what_is_over_it_refused(
        self,
        limit: str,
        most: int,
        of_size: Callable[[int], bytes],
        status: int,
        is_whole: bool,
    ) -> None:
        limits = HttpSettings(**{limit: most})  # type: ignore[arg-type]
        for size, right in ((most, 200), (most + 1, status)):
            data = of_size(size)
            pieces = [data] if is_whole else [bytes([byte]) for byte in data]
            conn, stream = played(pieces)
            handler(lambda request: Response(), settings=limits)(conn)
            assert bytes(stream.sent).startswith(b"HTTP/1.1 %d " % right)


class TestWrittenForYou:
    def test_a_date_and_a_length(self, model: str) -> None:
        with serving(lambda request: Response.text("hello"), model) as server:
            with peer(server.address) as client:
                answer = client.ask(asking("/"))
        assert answer.one(b"content-length") == b"5"
        assert answer.one(b"content-type") == b"text/plain; charset=utf-8"
        assert answer.one(b"date") is not None

    def test_a_handlers_own_date_is_left(self) -> None:
        date = "Sun, 06 Nov 1994 08:49:37 GMT"
        answer = answer_to(
            lambda request: Response(headers={"Date": date}), asking("/")
        )
        assert answer.one(b"date") == date.encode()

    def test_no_type_is_guessed_from_what_a_body_looks_like(self) -> None:
        answer = answer_to(lambda request: Response(b"<html>"), asking("/"))
        assert answer.one(b"content-type") == b"application/octet-stream"

    def test_nothing_has_no_type(self) -> None:
        answer = answer_to(lambda request: Response(), asking("/"))
        assert answer.one(b"content-type") is None

    def test_nothing_is_a_length_of_zero(self) -> None:
        answer = answer_to(lambda request: Response(), asking("/"))
        assert answer.one(b"content-length") == b"0"

    def test_fields_stay_in_order_and_apart(self) -> None:
        def app(request: Request) -> Response:
            response = Response()
            response.headers.add("X-A", "1")
            response.set_cookie("a", "1")
            response.headers.add("x-a", "2")
            response.set_cookie("b", "2")
            return response

        answer = answer_to(app, asking("/"))
        assert answer.fields[b"x-a"] == [b"1", b"2"]
        assert [each[:4] for each in answer.fields[b"set-cookie"]] == [b"a=1;", b"b=2;"]


class TestWhatCannotBeSent:
    @pytest.mark.parametrize(
        "fields",
        [
            {"Transfer-Encoding": "chunked"},
            {"Transfer-Encoding": "identity"},
            {"Content-Length": "6"},
            {"Content-Length": "4"},
            {"Content-Length": "+5"},
            {"Content-Length": "five"},
            {"Content-Length": "-5"},
        ],
    )
    def test_a_handler_cannot_frame_its_answer_falsely(
        self, fields: dict[str, str]
    ) -> None:
        answer = answer_to(
            lambda request: Response(b"hello", headers=fields), asking("/")
        )
        assert answer.status == 500

    @pytest.mark.parametrize("status", [204, 304])
    def test_a_body_where_there_is_none(self, status: int) -> None:
        answer = answer_to(
            lambda request: Response(b"hello", status=status), asking("/")
        )
        assert answer.status == 500

    @pytest.mark.parametrize("status", [204, 304])
    @pytest.mark.parametrize("fields", [{}, {"Content-Length": "5"}])
    def test_none_where_there_is_none(
        self, status: int, fields: dict[str, str]
    ) -> None:
        def app(request: Request) -> Response:
            return Response(status=status, headers=fields)

        first, second = answers_to(app, asking("/") * 2)
        assert (first.status, second.status) == (status, status)

    @pytest.mark.parametrize("pieces", [["text"], [1], [None]])
    def test_pieces_that_are_no_bytes(self, pieces: list[object]) -> None:
        conn, stream = played([asking("/")])
        handler(lambda request: Response.stream(iter(pieces)))(conn)  # type: ignore[arg-type]
        assert stream.was_aborted
        assert not bytes(stream.sent).endswith(b"0\r\n\r\n")


class TestHead:
    def test_it_has_the_fields_of_get_and_no_body(self, model: str) -> None:
        with serving(lambda request: Response.text("hello"), model) as server:
            with peer(server.address) as client:
                of_get = client.ask(asking("/"))
                of_head = client.ask(asking("/", method="HEAD"), to_head=True)
                assert client.ask(asking("/")).body == b"hello"
        del of_get.fields[b"date"], of_head.fields[b"date"]
        assert of_head.fields == of_get.fields

    def test_a_handler_may_say_the_length_and_make_no_body(self) -> None:
        def app(request: Request) -> Response:
            return Response(headers={"Content-Length": "12345"})

        answer = answer_to(app, asking("/", method="HEAD"), to_head=True)
        assert answer.one(b"content-length") == b"12345"

    def test_a_stream_is_not_begun(self) -> None:
        begun = []

        def stream() -> Iterator[bytes]:
            begun.append("it")
            yield b"a"

        def app(request: Request) -> Response:
            return Response.stream(stream())

        answer = answer_to(app, asking("/", method="HEAD"), to_head=True)
        assert answer.status == 200
        assert begun == []


class TestBeforeTheAnswer:
    def test_hints_come_first(self, model: str) -> None:
        def app(request: Request) -> Response:
            request.early_hints("</a.css>; rel=preload", "</b.js>; rel=preload")
            request.inform(102)
            return Response.text("well")

        with serving(app, model) as server, peer(server.address) as client:
            hint = client.ask(asking("/"))
            assert hint.status == 103
            assert len(hint.fields[b"link"]) == 2
            assert client.answer().status == 102
            assert client.answer().body == b"well"

    def test_http_1_0_gets_none(self, model: str) -> None:
        def app(request: Request) -> Response:
            request.early_hints("</a.css>; rel=preload")
            return Response.text("well")

        with serving(app, model) as server, peer(server.address) as client:
            assert client.ask(b"GET / HTTP/1.0\r\n\r\n").body == b"well"

    def test_a_hint_cannot_end_its_head(self) -> None:
        def app(request: Request) -> Response:
            request.early_hints("</a.css>\r\n\r\nHTTP/1.1 200 OK")
            return Response.text("well")

        (answer,) = answers_to(app, asking("/"))
        assert answer.status == 500
