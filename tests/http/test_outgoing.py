"""Answers as they go: framed by what they are, and never by what they are not."""

import array
import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from portside import net
from portside.engine import TaskGroup
from portside.errors import BrokenError, DeadlineError, ResetError
from portside.events import socket_call
from portside.http.message.file_body import FileBody
from portside.http.message.response import Response
from portside.http.outgoing import TOGETHER_BYTES, HandlerFault, Outgoing
from portside.net import Conn

D = {"Date": "D"}
DATED = b"Date: D\r\n"


@pytest.fixture
def pipe():
    near, far = net.pipe()
    with near, far:
        yield near, far


def wire(response: Response, minor: int = 1, **how: bool) -> tuple[bytes, bool]:
    """Return what is sent, and whether the connection may go on."""
    near, far = net.pipe()
    with near, far:
        with TaskGroup() as group:
            reading = group.start_soon(far.read_all)
            keeps = Outgoing(near, 9.0).send(
                response, minor, how.get("is_head", False), how.get("keep_alive", True)
            )
            near.close_write()
        data: bytes = reading.result()
    # What bytes are of is said by the response, and tried with it.
    return data.replace(b"Content-Type: application/octet-stream\r\n", b""), keeps


def stream(*pieces: Any, **fields: Any) -> Response:
    return Response(iter(pieces), headers=D | fields.pop("headers", {}), **fields)


# -- framing

OK = b"HTTP/1.1 200 OK\r\n"
CLOSE = b"Connection: close\r\n"
CHUNKED = OK + DATED + b"Transfer-Encoding: chunked\r\n\r\n"
SAID_3 = OK + DATED + b"Content-Length: 3\r\n\r\n"

SENT: dict[str, tuple[Response, int, dict[str, bool], bytes, bool]] = {
    "bytes": (Response(b"abc", headers=D), 1, {}, SAID_3 + b"abc", True),
    "nothing": (
        Response(headers=D),
        1,
        {},
        OK + DATED + b"Content-Length: 0\r\n\r\n",
        True,
    ),
    "bytes, and the length that they have": (
        Response(b"abc", headers=D | {"content-length": "3"}),
        1,
        {},
        SAID_3 + b"abc",
        True,
    ),
    "to be closed": (
        Response(b"abc", headers=D),
        1,
        {"keep_alive": False},
        OK + DATED + b"Content-Length: 3\r\n" + CLOSE + b"\r\nabc",
        False,
    ),
    "closed by the handler": (
        Response(b"abc", headers=D | {"connection": "Close"}),
        1,
        {},
        OK + DATED + b"Content-Length: 3\r\n" + CLOSE + b"\r\nabc",
        False,
    ),
    "kept by the handler, and not by the client": (
        Response(b"abc", headers=D | {"Connection": "keep-alive"}),
        1,
        {"keep_alive": False},
        OK + DATED + b"Content-Length: 3\r\n" + CLOSE + b"\r\nabc",
        False,
    ),
    "old": (
        Response(b"abc", headers=D),
        0,
        {"keep_alive": False},
        OK + DATED + b"Content-Length: 3\r\n" + CLOSE + b"\r\nabc",
        False,
    ),
    "old, and kept": (
        Response(b"abc", headers=D),
        0,
        {},
        OK + DATED + b"Content-Length: 3\r\nConnection: keep-alive\r\n\r\nabc",
        True,
    ),
    "to a HEAD": (Response(b"abc", headers=D), 1, {"is_head": True}, SAID_3, True),
    "to a HEAD, of a body that was not made": (
        Response(headers=D | {"Content-Length": "3"}),
        1,
        {"is_head": True},
        SAID_3,
        True,
    ),
    "a stream": (
        stream(b"abc", b"", b"d" * 10),
        1,
        {},
        CHUNKED + b"3\r\nabc\r\na\r\ndddddddddd\r\n0\r\n\r\n",
        True,
    ),
    "a stream of nothing": (stream(b"", b""), 1, {}, CHUNKED + b"0\r\n\r\n", True),
    "a stream, old": (
        stream(b"a", b"", b"bc"),
        0,
        {},
        OK + DATED + CLOSE + b"\r\nabc",
        False,
    ),
    "a stream to a HEAD": (stream(b"a"), 1, {"is_head": True}, CHUNKED, True),
    "a stream of known length": (
        stream(b"a", b"", b"bc", headers={"Content-Length": "3"}),
        1,
        {},
        SAID_3 + b"abc",
        True,
    ),
    "a stream of known length, old": (
        stream(b"abc", headers={"Content-Length": "3"}),
        0,
        {},
        OK + DATED + b"Content-Length: 3\r\nConnection: keep-alive\r\n\r\nabc",
        True,
    ),
    "no content": (
        Response(status=204, headers=D | {"Content-Length": "0"}),
        1,
        {},
        b"HTTP/1.1 204 No Content\r\n" + DATED + b"\r\n",
        True,
    ),
    "not modified, of a stream": (
        stream(b"abc", status=304, headers={"ETag": '"a"'}),
        1,
        {},
        b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n' + DATED + b"\r\n",
        True,
    ),
    "reset content": (
        Response(status=205, headers=D),
        1,
        {},
        b"HTTP/1.1 205 Reset Content\r\n" + DATED + b"Content-Length: 0\r\n\r\n",
        True,
    ),
}


@pytest.mark.parametrize("name", SENT)
def test_an_answer_is_framed_by_what_it_is(name):
    response, minor, how, data, keeps = SENT[name]
    assert wire(response, minor, **how) == (data, keeps)


def test_every_answer_has_a_date():
    data, _ = wire(Response(b"abc"))
    assert data.count(b"\r\nDate: ") == 1
    assert b" GMT\r\n" in data


def test_fields_are_sent_as_often_as_they_are():
    response = Response(b"", headers=D)
    response.headers.add("Set-Cookie", "a=1")
    response.headers.add("Set-Cookie", "b=n\xe9")
    data, _ = wire(response)
    assert b"Set-Cookie: a=1\r\nSet-Cookie: b=n\xe9\r\n" in data


@pytest.mark.parametrize("size", [TOGETHER_BYTES, TOGETHER_BYTES + 1, 1_000_000])
def test_a_body_of_any_size_arrives_whole(size):
    body = os.urandom(size)
    data, keeps = wire(Response(body, headers=D))
    assert keeps
    assert data.endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize(
    "piece",
    [
        bytearray(b"abcdefgh"),
        memoryview(b"abcdefgh"),
        memoryview(array.array("I", [1, 2])),
    ],
    ids=["bytearray", "view", "view of wider items"],
)
@pytest.mark.parametrize("length", [None, "8"], ids=["chunked", "length"])
def test_a_piece_may_be_anything_that_is_made_of_bytes(piece, length):
    headers = {} if length is None else {"Content-Length": length}
    data, _ = wire(stream(piece, headers=headers))
    body = bytes(piece)
    sent = b"8\r\n" + body + b"\r\n0\r\n\r\n" if length is None else body
    assert data.endswith(b"\r\n\r\n" + sent)


# -- files


@pytest.fixture
def file_body(tmp_path) -> Iterator[FileBody]:
    path = tmp_path / "a"
    path.write_bytes(bytes(range(256)) * 400)
    body = FileBody(str(path))
    descriptor = os.open(path, os.O_RDONLY)
    body.take(descriptor, os.fstat(descriptor))
    yield body
    body.close()


def test_a_file_is_sent_whole(file_body):
    data, keeps = wire(Response(file_body, headers=D))
    assert keeps
    length = b"Content-Length: 102400\r\n\r\n"
    assert data == OK + DATED + length + bytes(range(256)) * 400
    assert file_body.is_open, "who opened it closes it"


def test_the_parts_of_a_file_are_sent_in_their_order(file_body):
    file_body.send_only([b"--", (1, 3), b"--", (70_000, 2), (0, 1)])
    data, _ = wire(Response(file_body, headers=D | {"Content-Length": "7"}))
    length = b"Content-Length: 10\r\n\r\n"
    assert data == OK + DATED + length + b"--\1\2\3--\x70\x71\0"


def test_a_head_asks_for_nothing_of_a_file(file_body):
    data, keeps = wire(Response(file_body, headers=D), is_head=True)
    assert (data, keeps) == (OK + DATED + b"Content-Length: 102400\r\n\r\n", True)


def test_an_old_client_gets_a_file_and_goes_on(file_body):
    data, keeps = wire(Response(file_body, headers=D), 0)
    assert keeps
    assert b"Content-Length: 102400\r\nConnection: keep-alive\r\n" in data


# -- what the response says is not so


class Failing:
    """What can be gone through, and then cannot."""

    def __iter__(self) -> Iterator[bytes]:
        raise LookupError("planned")


def failing() -> Iterator[bytes]:
    yield b"abc"
    raise LookupError("planned")


SAID_2 = {"Content-Length": "2"}
UNSENT: dict[str, tuple[Response, str]] = {
    "a length that is too short": (Response(b"abc", headers=SAID_2), "of 3 bytes"),
    "a length of nothing": (
        Response(b"abc", headers={"Content-Length": "0"}),
        "and not of 0",
    ),
    "a length of what is not there": (Response(headers=SAID_2), "of 0 bytes"),
    "a length that is no number": (
        Response(headers={"Content-Length": "+3"}),
        "is no number",
    ),
    "a length in other digits": (
        Response(headers={"Content-Length": "\xb2"}),
        "is no number",
    ),
    "a coding": (
        stream(b"a", headers={"transfer-Encoding": "chunked"}),
        "not for a handler to set",
    ),
    "a body where there is none": (Response(b"a", status=204), "has no body"),
}


@pytest.mark.parametrize("name", UNSENT)
def test_what_is_not_so_is_found_before_a_byte_has_left(pipe, name):
    near, far = pipe
    response, reason = UNSENT[name]
    outgoing = Outgoing(near, 9.0)
    with pytest.raises(HandlerFault, match=reason):
        outgoing.send(response, 1, False, True)
    assert not outgoing.has_begun
    near.close_write()
    assert far.read() == b""


HALF: dict[str, tuple[Iterable[Any], dict[str, str], str, bytes]] = {
    "too few": ([b"abc"], {"Content-Length": "5"}, "3 of the 5 bytes", b"abc"),
    "too many": ([b"ab", b"c"], SAID_2, "more than the 2 bytes", b"ab"),
    "text": ([b"abc", "d"], {}, "of type str", b"3\r\nabc\r\n"),
    "a number": ([b"abc", 5], {}, "of type int", b"3\r\nabc\r\n"),
    "nothing": ([b"abc", None], {}, "of type NoneType", b"3\r\nabc\r\n"),
    "a failure": (failing(), {}, "failed while", b"3\r\nabc\r\n"),
    "a failure at once": (Failing(), {}, "failed while", b""),
}


@pytest.mark.parametrize("name", HALF)
def test_half_an_answer_does_not_look_whole(pipe, name):
    near, far = pipe
    pieces, headers, reason, sent = HALF[name]
    outgoing = Outgoing(near, 9.0)
    with pytest.raises(HandlerFault, match=reason):
        outgoing.send(Response(pieces, headers=D | headers), 1, False, True)
    assert outgoing.has_begun
    near.close_write()
    assert far.read_all().partition(b"\r\n\r\n")[2] == sent


def test_a_fault_says_what_the_handler_raised(pipe):
    near, _ = pipe
    with pytest.raises(HandlerFault) as caught:
        Outgoing(near, 9.0).send(Response(failing()), 1, False, True)
    assert isinstance(caught.value.__cause__, LookupError)


def test_who_is_gone_is_no_fault_of_the_handler(pipe):
    near, far = pipe
    far.abort()
    with pytest.raises(ResetError):
        Outgoing(near, 9.0).send(stream(b"a", b"b"), 1, False, True)
    near, far = net.pipe()
    with near, far:
        far.close()
        with pytest.raises(BrokenError):
            Outgoing(near, 9.0).send(Response(b"a"), 1, False, True)


# -- what was sent


def test_how_much_was_sent_is_counted_without_the_head_and_the_framing(pipe, file_body):
    near, far = pipe
    outgoing = Outgoing(near, 9.0)
    assert (outgoing.has_begun, outgoing.sent) == (False, 0)
    file_body.send_only([b"--", (0, 3)])
    for response, is_head, sent in (
        (Response(b"abc"), False, 3),
        (Response(b"abc"), True, 0),
        (stream(b"abc", b"d"), False, 4),
        (stream(b"abc", status=204), False, 0),
        (Response(file_body), False, 5),
        (Response(), False, 0),
    ):
        outgoing.send(response, 1, is_head, True)
        assert (outgoing.has_begun, outgoing.sent) == (True, sent)
    outgoing.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    near.close_write()
    assert far.read_all().endswith(b"\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Response(bytes(10_000)),
        lambda: Response(bytes(1_000_000)),
        lambda: stream(*[bytes(50)] * 20_000),
        lambda: stream(bytes(1_000_000)),
    ],
    ids=["small", "large", "pieces", "one piece"],
)
@pytest.mark.parametrize("before", [0, 60_000, 65_536])
def test_how_much_was_sent_is_counted_where_the_client_reads_no_more(make, before):
    """A pipe holds 64 KiB: what came was sent, but for the head, and nothing else."""
    near, far = net.pipe()
    outgoing = Outgoing(near, 0.1)
    with near, far:
        near.write(bytes(before))
        with contextlib.suppress(DeadlineError):
            outgoing.send(make(), 0, False, True)
        near.set_write_deadline(None)
        near.close_write()
        came = far.read_all()[before:]
    assert outgoing.sent == len(came.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("before", [0, 65_036])
@pytest.mark.parametrize("size", [32_768, 32_769, 65_536, 1_000_000])
def test_how_much_was_sent_of_a_file_is_counted_where_its_end_is_missing(
    tmp_path, before, size
):
    path = tmp_path / "a"
    path.write_bytes(bytes(size))
    body = FileBody(str(path))
    descriptor = os.open(path, os.O_RDONLY)
    body.take(descriptor, os.fstat(descriptor))
    near, far = net.pipe()
    outgoing = Outgoing(near, 0.1)
    with near, far, contextlib.closing(body):
        near.write(bytes(before))
        with contextlib.suppress(DeadlineError):
            outgoing.send(Response(body), 1, False, True)
        near.set_write_deadline(None)
        near.close_write()
        came = far.read_all()[before:]
    assert outgoing.sent == len(came.partition(b"\r\n\r\n")[2]) > 0


@pytest.fixture
def calls() -> Iterator[list[str]]:
    """The names of the system calls that are made meanwhile."""
    names: list[str] = []

    def note(name: str, fd: int, told: str, result: str) -> None:
        names.append(name)

    socket_call.add(note)
    yield names
    socket_call.remove(note)


@pytest.mark.parametrize("size", [0, 1000, TOGETHER_BYTES])
def test_a_small_answer_leaves_in_one_call(calls, size):
    with net.listen("tcp", "127.0.0.1:0") as listener:
        far = net.dial(listener.address)
        near: Conn = listener.accept()
    with near, far:
        calls.clear()
        Outgoing(near, 9.0).send(Response(bytes(size)), 1, False, True)
        assert calls == ["send"]
