"""Requests as they come by: heads in pieces, and until when they may come."""

import time
from collections.abc import Callable

import pytest

from portside import net
from portside.engine import TaskGroup, now, sleep
from portside.http.incoming import MAX_EMPTY_LINES, Heads
from portside.http.message.status_error import RequestError
from portside.http.settings import HttpSettings
from portside.http.wire.head import Head
from portside.net import Conn

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"


@pytest.fixture
def pipe():
    near, far = net.pipe()
    with near, far:
        yield near, far


def heads_of(near: Conn, **settings: object) -> Heads:
    return Heads(near, HttpSettings(**settings))  # type: ignore[arg-type]


def next_of(heads: Heads) -> Head:
    head = heads.next()
    assert head is not None
    return head


def refusal(heads: Heads) -> RequestError:
    with pytest.raises(RequestError) as caught:
        heads.next()
    return caught.value


# -- heads, one after another


def test_heads_come_one_by_one_and_then_the_end(pipe):
    near, far = pipe
    far.write(GET + POST + b"hello" + GET)
    far.close_write()
    heads = heads_of(near)
    assert next_of(heads).target == "/a"
    assert next_of(heads).target == "/b"
    assert near.read_exactly(5) == b"hello"
    assert next_of(heads).target == "/a"
    assert heads.next() is None


@pytest.mark.parametrize("size", [1, 3, 4, 20])
def test_a_head_may_come_in_pieces_of_any_size(pipe, size):
    near, far = pipe
    heads = heads_of(near)
    with TaskGroup() as group:
        coming = group.start_soon(next_of, heads)
        for at in range(0, len(POST), size):
            far.write(POST[at : at + size])
        far.write(b"hello")
        head = coming.result()
    assert (head.target, head.length) == ("/b", 5)
    assert near.read() == b"hello"


def test_what_follows_a_head_in_pieces_stays_to_be_read(pipe):
    near, far = pipe
    heads = heads_of(near)
    far.write(b"\r\n" + POST + b"he")
    assert next_of(heads).target == "/b"
    far.write(b"llo" + GET)
    assert near.read_exactly(5) == b"hello"
    assert next_of(heads).target == "/a"


def test_an_end_inside_a_head_is_an_end(pipe):
    """Nobody is there any more who could be told."""
    near, far = pipe
    far.write(GET[:-2])
    far.close_write()
    assert heads_of(near).next() is None


@pytest.mark.parametrize("n_lines", [1, 2, MAX_EMPTY_LINES - 1])
def test_a_few_empty_lines_before_a_head_mean_nothing(pipe, n_lines):
    """RFC 9112 section 2.2."""
    near, far = pipe
    far.write(b"\r\n" * n_lines + GET)
    assert next_of(heads_of(near)).target == "/a"


def test_a_client_of_tls_is_told_what_is_spoken_here(pipe):
    near, far = pipe
    far.write(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03")
    assert "TLS" in refusal(heads_of(near)).message


def test_empty_lines_without_end_are_no_request(pipe):
    near, far = pipe
    far.write(b"\r\n" * 1000)
    assert refusal(heads_of(near)).status == 400


def test_empty_lines_and_the_end_are_an_end(pipe):
    near, far = pipe
    far.write(b"\r\n")
    far.close_write()
    assert heads_of(near).next() is None


# -- refused as soon as it is known, while the client stays


@pytest.mark.parametrize(
    ("begin", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01", 400),  # TLS
        (b"\x04\x01\x00\x50", 400),  # SOCKS
        (b"\0", 400),
        (b"\x80", 400),
        (b"\x7f", 400),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 400),
        (b"GET / HTTP/1.1\n", 400),
        (b"GET / HTTP/2.0\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost x\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\n", 400),
        (b"\r\n\n", 400),
    ],
    ids=ascii,
)
def test_who_speaks_something_else_hears_so_at_its_first_line(pipe, begin, status):
    near, far = pipe
    far.write(begin)
    assert refusal(heads_of(near)).status == status


@pytest.mark.parametrize("length", [40, 41, 10_000])
def test_a_target_over_the_limit_is_refused_before_it_has_come(pipe, length):
    near, far = pipe
    far.write(b"GET /" + b"a" * (length - 1) + b" HTTP/1.1\r\n")
    heads = heads_of(near, max_target_bytes=40)
    if length > 40:
        assert refusal(heads).status == 414
        return
    far.write(b"Host: x\r\n\r\n")
    assert len(next_of(heads).target) == 40


def test_a_line_that_does_not_end_is_refused_at_the_limit_of_a_target(pipe):
    near, far = pipe
    far.write(b"a" * 1000)
    assert refusal(heads_of(near, max_target_bytes=40)).status == 414


def status_of(heads: Heads) -> int:
    """Return how a head is refused; 0 where it is not."""
    try:
        next_of(heads)
    except RequestError as refused:
        return refused.status
    return 0


def head_of(n_bytes: int) -> bytes:
    return GET[:-2] + b"A: " + b"a" * (n_bytes - len(GET) - 5) + b"\r\n\r\n"


@pytest.mark.parametrize("cut", [0, 10, 99], ids=["whole", "in two", "near its end"])
@pytest.mark.parametrize("n_bytes", [100, 101, 102, 103, 150])
def test_a_head_may_be_as_long_as_the_limit_however_it_comes(pipe, n_bytes, cut):
    near, far = pipe
    head = head_of(n_bytes)
    assert len(head) == n_bytes
    heads = heads_of(near, max_header_bytes=100)
    with TaskGroup() as group:
        coming = group.start_soon(status_of, heads)
        far.write(head[:cut])
        far.write(head[cut:])
        assert coming.result() == (431 if n_bytes > 100 else 0)


def test_fields_that_do_not_end_are_refused_at_the_limit(pipe):
    near, far = pipe
    far.write(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20)
    assert refusal(heads_of(near, max_header_bytes=100)).status == 431


def test_a_field_that_does_not_end_is_refused_at_the_limit(pipe):
    near, far = pipe
    far.write(b"GET / HTTP/1.1\r\nA: " + b"b" * 100)
    assert refusal(heads_of(near, max_header_bytes=100)).status == 431


def test_a_line_of_spaces_is_read_as_fast_as_any_other(pipe):
    """A pattern that tries each way to share them out would take a day."""
    near, far = pipe
    far.write(b"GET / HTTP/1.1\r\nA:" + b" " * 1000 + b"\0\r\n")
    began = time.process_time()
    assert refusal(heads_of(near)).status == 400
    assert time.process_time() - began < 0.2


# -- until when


def test_a_silent_client_is_left_without_a_word(pipe):
    near, _ = pipe
    heads = heads_of(near, keep_alive_timeout=0.1)
    began = now()
    assert heads.next() is None
    assert 0.1 <= now() - began < 5


def test_the_wait_for_a_request_is_never_shorter_than_promised(pipe):
    """Its deadline is not set for each request: so it is set later than need be."""
    near, far = pipe
    keep_alive_timeout = 0.16  # and 10 ms more, as it is set every 10 ms
    heads = heads_of(near, keep_alive_timeout=keep_alive_timeout)
    for n_requests in (1, 4, 7):
        for _ in range(n_requests):
            far.write(GET)
            next_of(heads)
            sleep(0.003)
        began = now()
        assert heads.next() is None
        assert now() - began >= keep_alive_timeout


def test_a_client_that_asks_all_the_time_is_not_cut(pipe):
    near, far = pipe
    heads = heads_of(near, keep_alive_timeout=0.2)
    began = now()
    while now() - began < 0.5:
        far.write(GET)
        assert next_of(heads).target == "/a"
        sleep(0.05)


def dribble(far: Conn, seconds: float) -> None:
    """Send a byte of a head again and again; it never ends."""
    far.write(b"GET / HTTP/1.1\r\nA: ")
    until = now() + seconds
    while now() < until:
        far.write(b"a")
        sleep(0.01)


def test_a_head_has_its_time_from_the_first_byte_however_it_dribbles(pipe):
    near, far = pipe
    heads = heads_of(near, header_timeout=0.15)
    with TaskGroup() as group:
        group.start_soon(dribble, far, 0.5)
        began = now()
        assert refusal(heads).status == 408
        assert now() - began >= 0.15
        group.cancel()


def test_the_time_of_a_head_does_not_begin_before_its_first_byte(pipe):
    near, far = pipe
    heads = heads_of(near, header_timeout=0.1, keep_alive_timeout=9)
    with TaskGroup() as group:
        coming = group.start_soon(next_of, heads)
        sleep(0.2)
        far.write(GET[:5])
        far.write(GET[5:])
        assert coming.result().target == "/a"


def test_after_a_slow_head_the_next_may_be_waited_for_as_long_as_ever(pipe):
    near, far = pipe
    heads = heads_of(near, header_timeout=0.05, keep_alive_timeout=0.2)
    far.write(b"\r\n" + GET)
    assert next_of(heads).target == "/a"
    began = now()
    assert heads.next() is None
    assert now() - began >= 0.2


def test_after_a_body_the_next_head_may_be_waited_for_as_long_as_ever(pipe):
    near, far = pipe
    heads = heads_of(near, keep_alive_timeout=0.3)
    far.write(GET)
    next_of(heads)
    near.set_read_deadline(now() + 0.01)  # as a body does
    heads.deadline_moved()
    began = now()
    assert heads.next() is None
    assert now() - began >= 0.3


def test_a_line_left_over_behind_a_body_is_no_head_that_takes_too_long(pipe):
    """A 408 that nobody asked for could pass for the answer to the next request."""
    near, far = pipe
    heads = heads_of(near, header_timeout=0.05, keep_alive_timeout=0.1)
    far.write(GET + b"\r\n")
    assert next_of(heads).target == "/a"
    assert heads.next() is None


# -- when the server stops


def when_drained(near: Conn, call: Callable[[], object]) -> object:
    with TaskGroup() as group:
        waiting = group.start_soon(call)
        sleep(0.02)
        near.drain()
    return waiting.result()


def test_a_client_that_is_owed_nothing_ends_when_the_server_stops(pipe):
    near, far = pipe
    heads = heads_of(near)
    assert when_drained(near, heads.next) is None
    far.write(GET)
    assert next_of(heads).target == "/a", "a request that has come is answered"
    assert heads.next() is None


def test_a_head_that_has_begun_is_waited_for_when_the_server_stops(pipe):
    near, far = pipe
    heads = heads_of(near)
    far.write(GET[:9])
    with TaskGroup() as group:
        coming = group.start_soon(next_of, heads)
        sleep(0.02)
        near.drain()
        sleep(0.02)
        far.write(GET[9:])
        assert coming.result().target == "/a"


def test_a_line_left_over_behind_a_body_holds_up_no_server_that_stops(pipe):
    near, far = pipe
    heads = heads_of(near, header_timeout=0.5)
    far.write(b"\r\n")
    assert when_drained(near, heads.next) is None
