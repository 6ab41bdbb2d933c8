"""When a connection goes on, when it ends, and what is given back then."""

import logging
from collections.abc import Iterator

import pytest

from portside import net
from portside.engine import Event, TaskGroup, now, sleep
from portside.errors import Error, ResetError
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.message.status_error import StatusError
from portside.http.web import handler
from tests.http.talking import get, talking

KIB_256 = 262_144


@pytest.fixture
def errors(caplog):
    """The errors that were logged, as text."""
    return lambda: [
        record for record in caplog.records if record.levelno >= logging.WARNING
    ]


def unread(request: Request) -> Response:
    return Response.text("answer")


def post(*lines: str, minor: int = 1) -> bytes:
    return get("/", *lines, method="POST", minor=minor)


# -- by the version, and by what both sides say


@pytest.mark.parametrize(
    ("request_", "goes_on", "told"),
    [
        (get(), True, None),
        (get("/", "Connection: close"), False, b"close"),
        (get("/", "Connection: keep-alive"), True, None),
        (get(minor=0), False, b"close"),
        (get("/", "Connection: keep-alive", minor=0), True, b"keep-alive"),
    ],
    ids=["1.1", "1.1 close", "1.1 keep-alive", "1.0", "1.0 keep-alive"],
)
def test_a_connection_goes_on_as_the_client_says(request_, goes_on, told):
    """RFC 9112 section 9.3; ab asks in HTTP/1.0, and waits to be told."""
    with talking(unread) as client:
        assert client.ask(request_).one(b"connection") == told
        if goes_on:
            client.assert_goes_on()
        else:
            client.assert_end()


def test_a_handler_may_end_a_connection():
    def close(request: Request) -> Response:
        return Response(b"", headers={"Connection": "close"})

    with talking(close) as client:
        assert client.ask(get()).closes
        client.assert_end()


# -- a body that nobody read


@pytest.mark.parametrize("n_bytes", [1, 1000, KIB_256])
def test_a_body_that_nobody_read_is_dropped(n_bytes):
    with talking(unread) as client:
        request = post(f"Content-Length: {n_bytes}") + bytes(n_bytes)
        assert not client.ask(request).closes
        client.assert_goes_on()


def test_a_body_in_chunks_that_nobody_read_is_dropped():
    with talking(unread) as client:
        body = b"3\r\nabc\r\n0\r\nA: b\r\n\r\n"
        assert not client.ask(post("Transfer-Encoding: chunked") + body).closes
        client.assert_goes_on()


@pytest.mark.parametrize("n_bytes", [KIB_256 + 1, 9_999_999_999])
def test_a_body_that_is_too_long_to_be_dropped_ends_the_connection(n_bytes):
    """At once: nothing of it is waited for."""
    with talking(unread) as client:
        assert client.ask(post(f"Content-Length: {n_bytes}")).closes
        client.assert_end()


def test_a_body_in_chunks_that_goes_on_and_on_ends_the_connection():
    def send_on() -> None:
        chunk = b"8000\r\n" + bytes(0x8000) + b"\r\n"
        with pytest.raises(Error):
            while True:
                client.conn.write(chunk)

    with talking(unread) as client:
        client.conn.write(post("Transfer-Encoding: chunked"))
        with TaskGroup() as group:
            group.start_soon(send_on)
            assert client.answer().closes
            client.assert_end()


def test_a_body_that_does_not_come_is_not_waited_for_for_long():
    with talking(unread, body_timeout=9) as client:
        began = now()
        assert client.ask(post("Content-Length: 5") + b"he").closes
        assert 1.0 <= now() - began < 5
        client.assert_end()


def test_a_body_that_was_read_in_part_is_dropped():
    def read_some(request: Request) -> Response:
        return Response(request.body.read(2))

    with talking(read_some) as client:
        request = post("Content-Length: 5") + b"hello"
        answer = client.ask(request)
        assert (answer.body, answer.closes) == (b"he", False)
        client.assert_goes_on()


@pytest.mark.parametrize("is_read", [False, True])
def test_behind_a_body_the_next_request_may_be_waited_for_as_long_as_ever(is_read):
    """The time of the body is over, and is not that of the connection."""

    def answer(request: Request) -> Response:
        return Response(request.body.read_all() if is_read else b"")

    with talking(answer, body_timeout=0.05) as client:
        client.ask(post("Content-Length: 5") + b"hello")
        sleep(0.15)
        client.assert_goes_on()


@pytest.mark.parametrize("length", [5, KIB_256 + 1])
def test_a_body_over_the_bound_is_a_413_and_the_last_answer(length):
    def read(request: Request) -> Response:
        return Response(request.body.read_all())

    with talking(read, max_body_bytes=4) as client:
        assert client.ask(post("Content-Length: 4") + b"hell").body == b"hell"
        answer = client.ask(post(f"Content-Length: {length}") + b"hello" + get())
        assert (answer.status, answer.closes) == (413, True)
        assert answer.body == b"413 Content Too Large: the body is over 4 bytes\n"
        client.assert_end()


def test_what_a_body_hides_is_never_a_request():
    seen: list[str] = []

    def note(request: Request) -> Response:
        seen.append(request.target)
        return Response.text("")

    with talking(note) as client:
        hidden = get("/hidden")
        client.ask(post(f"Content-Length: {len(hidden)}") + hidden)
        client.assert_goes_on()
    assert seen == ["/", "/again"]


# -- what is given back


class Pieces:
    """A body that notes how often it was closed."""

    def __init__(self, *, fails: bool = False) -> None:
        self.n_closed = 0
        self._fails = fails
        self._left = [b"a", b"b"]

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._left:
            if self._fails:
                raise LookupError("planned")
            raise StopIteration
        return self._left.pop()

    def close(self) -> None:
        self.n_closed += 1


@pytest.mark.parametrize(
    ("method", "status"), [("GET", 200), ("HEAD", 200), ("GET", 204), ("GET", 304)]
)
def test_a_stream_is_closed_when_it_was_answered(method, status):
    pieces = Pieces()
    with talking(lambda request: Response(pieces, status=status)) as client:
        is_head = method == "HEAD" or status != 200
        client.ask(get(method=method), to_head=is_head)
        client.conn.close()
    assert pieces.n_closed == 1


def test_a_stream_is_closed_when_its_client_has_gone():
    is_closed = Event()

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield bytes(1000)
        finally:
            is_closed.set()

    near, far = net.pipe()
    with near, far, TaskGroup() as group:
        web = handler(lambda request: Response.stream(endless()))
        serving = group.start_soon(pytest.raises, Error, web, near)
        far.write(get())
        far.read()
        far.abort()
        serving.result()
        assert is_closed.is_set


def test_a_stream_that_fails_is_reset_closed_and_logged_once(errors):
    pieces = Pieces(fails=True)
    with talking(lambda request: Response(pieces)) as client:
        client.conn.write(get("/a"))
        with pytest.raises(ResetError):
            client.conn.read_all()
    assert pieces.n_closed == 1
    (record,) = errors()
    assert record.getMessage() == "GET /a of pipe: failed while its answer was sent"
    assert record.exc_info[0] is LookupError


def form(name: str = "a") -> bytes:
    body = (
        f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="a"\r\n\r\n'
        "hello\r\n--b--\r\n"
    ).encode()
    lines = (
        "Content-Type: multipart/form-data; boundary=b",
        f"Content-Length: {len(body)}",
    )
    return post(*lines) + body


@pytest.mark.parametrize("how", ["answers", "refuses", "fails", "nothing"])
def test_the_files_of_a_form_are_gone_when_it_was_answered(how):
    files = []

    def take(request: Request) -> Response:
        files.append(request.form().files[0].file)
        if how == "refuses":
            raise StatusError(400)
        if how == "fails":
            raise LookupError("planned")
        return Response.text("") if how == "answers" else None  # type: ignore[return-value]

    with talking(take) as client:
        client.ask(form())
        client.conn.close()
    assert [file.closed for file in files] == [True]


def test_the_files_of_a_form_are_gone_when_the_client_is():
    files = []
    near, far = net.pipe()

    def take(request: Request) -> Response:
        files.append(request.form().files[0].file)
        far.abort()
        request.early_hints("</a>")
        return Response.text("never")

    with near, far:
        far.write(form())
        with pytest.raises(Error):
            handler(take)(near)
    were_closed = [file.closed for file in files]
    files[0].close()
    assert were_closed == [True]


def test_a_file_is_closed_when_it_was_sent(tmp_path):
    """The guard around each test would find the descriptor."""
    (tmp_path / "a.txt").write_bytes(b"hello")
    kept = []

    def send(request: Request) -> Response:
        kept.append(Response.file(str(tmp_path / request.path[1:])))
        return kept[-1]

    with talking(send) as client:
        answer = client.ask(get("/a.txt"))
        assert (answer.status, answer.body) == (200, b"hello")
        answer = client.ask(get("/a.txt", method="HEAD"), to_head=True)
        assert answer.one(b"content-length") == b"5"
        assert client.ask(get("/a.txt", "Range: bytes=1-2")).body == b"el"
        assert client.ask(get("/b.txt")).status == 404
        client.assert_goes_on()
        assert [each for each in kept if getattr(each.body, "is_open", False)] == []


# -- another protocol


def upgrade(request: Request) -> Response:
    def shout(conn: net.Conn) -> None:
        for line in conn.lines():
            conn.write(line.upper() + b"\n")

    return Response.upgrade("shout", shout, {"X-A": "1"})


UPGRADE = "Connection: upgrade", "Upgrade: whisper, SHOUT"


def test_another_protocol_begins_behind_the_head_with_what_has_come():
    with talking(upgrade) as client:
        client.conn.write(get("/", *UPGRADE) + b"hello\nwor")
        answer = client.answer()
        assert (answer.status, answer.body) == (101, b"")
        assert answer.one(b"upgrade") == b"shout"
        assert answer.one(b"connection") == b"upgrade"
        assert answer.one(b"x-a") == b"1"
        client.conn.write(b"ld\n" + get())
        client.conn.close_write()
        shouted = b"HELLO\nWORLD\nGET / HTTP/1.1\nHOST: X\n\n"
        assert client._reader.at_end() == shouted, "and no request is read any more"


def test_another_protocol_has_no_deadline_of_http():
    with talking(upgrade, keep_alive_timeout=0.05, write_timeout=0.05) as client:
        client.ask(get("/", *UPGRADE))
        sleep(0.15)
        client.conn.write(b"hello\n")
        assert client.conn.read_line() == b"HELLO\n"
        client.conn.close_write()
        client.assert_end()


@pytest.mark.parametrize(
    "request_",
    [
        get(),
        get("/", "Upgrade: shout"),
        get("/", "Connection: upgrade", "Upgrade: shout/2, whisper"),
        get("/", *UPGRADE, minor=0),
    ],
    ids=["not asked", "not in Connection", "another", "old"],
)
def test_who_does_not_offer_the_protocol_is_told_which_it_is(errors, request_):
    with talking(upgrade) as client:
        answer = client.ask(request_)
        assert (answer.status, answer.body) == (
            426,
            b"426 Upgrade Required: this is for shout\n",
        )
        assert answer.one(b"upgrade") == b"shout"
        if not answer.closes:
            client.assert_goes_on()
    assert errors() == []


def test_a_426_says_that_its_upgrade_is_about_this_connection():
    """RFC 9110 section 7.8: a sender of Upgrade must name it in Connection."""
    with talking(upgrade) as client:
        options = client.ask(get()).one(b"connection") or b""
        assert b"upgrade" in options.lower()


def test_a_body_that_nobody_reads_is_dropped_before_the_other_protocol():
    with talking(upgrade) as client:
        client.conn.write(post(*UPGRADE, "Content-Length: 5") + b"helloand more\n")
        client.conn.close_write()
        said = client.conn.read_all()
        assert said.startswith(b"HTTP/1.1 101 ")
        assert said.endswith(b"\r\n\r\nAND MORE\n")


def test_a_body_that_is_long_stands_in_every_protocols_way(errors):
    with talking(upgrade) as client:
        answer = client.ask(post(*UPGRADE, "Content-Length: 1000000") + b"hello")
        assert (answer.status, answer.closes) == (413, True)
    assert errors() == []


def test_a_body_that_was_read_stands_in_no_protocols_way():
    def read_first(request: Request) -> Response:
        request.body.read_all()
        return upgrade(request)

    with talking(read_first) as client:
        request = post(*UPGRADE, "Content-Length: 5") + b"hello"
        assert client.ask(request).status == 101
        client.conn.close_write()
        client.assert_end()
