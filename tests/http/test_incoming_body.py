"""The body of a request as it comes: framed, bounded, timed, and dropped."""

import contextlib

import pytest

from portside import net
from portside.engine import TaskGroup, now, sleep, timeout
from portside.errors import BrokenError, DeadlineError, ResetError
from portside.http.incoming import MAX_TRAILER_BYTES, IncomingBody
from portside.http.message.status_error import RequestError, StatusError
from portside.http.settings import HttpSettings
from portside.http.wire.head import Head
from portside.net import Conn
from tests.http.played import PlayedStream

KIB_64 = 65536


@pytest.fixture
def pipe():
    near, far = net.pipe()
    with near, far:
        yield near, far


def body_of(
    near: Conn,
    length: int | None = None,
    *,
    expects_continue: bool = False,
    said: list[str] | None = None,
    **settings: object,
) -> IncomingBody:
    """Return a body; in chunks, unless it has a length."""
    head = Head("POST", "/", 1, [])
    head.length, head.expects_continue = length, expects_continue
    told = [] if said is None else said
    options = HttpSettings(**settings)  # type: ignore[arg-type]
    return IncomingBody(near, head, options, lambda: told.append("continue"))


def refusal(body: IncomingBody) -> StatusError:
    with pytest.raises(StatusError) as caught:
        body.read_all()
    return caught.value


# -- framing


def test_a_body_ends_where_its_length_says(pipe):
    near, far = pipe
    far.write(b"helloGET / HTTP/1.1\r\n")
    body = body_of(near, 5)
    assert body.left == 5
    assert body.read_all() == b"hello"
    assert body.left == 0
    assert near.read() == b"GET / HTTP/1.1\r\n"


def test_a_body_in_chunks_ends_behind_its_trailers(pipe):
    near, far = pipe
    far.write(b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Sum: 1\r\nHost: y\r\n\r\nGET /")
    body = body_of(near)
    assert body.left is None
    assert list(body) == [b"hello"]
    assert body.trailers.items() == [("X-Sum", "1")]
    assert near.read() == b"GET /"


def test_a_body_of_no_chunk_is_empty(pipe):
    near, far = pipe
    far.write(b"0\r\n\r\nGET /")
    body = body_of(near)
    assert not body.is_over
    assert body.read() == body.read() == b""
    assert body.is_over
    assert near.read() == b"GET /"


def test_a_chunk_may_be_read_in_smaller_pieces(pipe):
    near, far = pipe
    far.write(b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n")
    body = body_of(near)
    pieces = [body.read(2) for _ in range(5)]
    assert pieces == [b"he", b"ll", b"o!", b"", b""]


def test_small_chunks_that_are_here_are_read_together(pipe):
    near, far = pipe
    far.write(b"".join(b"3\r\nabc\r\n" for _ in range(5000)) + b"0\r\n\r\n")
    far.close_write()
    body = body_of(near)
    pieces = list(body)
    assert b"".join(pieces) == b"abc" * 5000
    assert len(pieces) < 50


def test_only_waiting_counts_as_the_time_of_the_client(pipe):
    """A handler may do what it likes between two reads of what is here already."""
    near, far = pipe
    far.write(b"a" * 20)
    body = body_of(near, 20)
    body.timeout = 0.05
    assert body.read(10) == b"a" * 10
    done_at = now() + 0.1
    while now() < done_at:
        pass  # computing
    assert body.read(10) == b"a" * 10


def test_a_piece_is_there_before_the_next_has_come(pipe):
    """A chunk is given when it has come, and so are its parts."""
    near, far = pipe
    body = body_of(near)
    for sent, piece in (
        (b"5\r\nhe", b"he"),
        (b"llo\r\n1\r", b"llo"),
        (b"\n!\r\n", b"!"),
    ):
        far.write(sent)
        assert body.read() == piece


BROKEN = {
    b"5\r\nhelloX\r\n0\r\n\r\n": 400,
    b"5\r\nhello\n\n0\r\n\r\n": 400,
    b"5\nhello\r\n0\r\n\r\n": 400,
    b"0x5\r\nhello\r\n0\r\n\r\n": 400,
    b"5\r\nhello\r\n0\r\nX": 400,
    b"5\r\nhello\r\n0\r\nX-A : 1\r\n\r\n": 400,
    b"5;" + b"a" * 2000 + b"\r\nhello\r\n": 400,
    b"5" * 2000: 400,
    b"0\r\n" + b"X-A: 1\r\n" * (MAX_TRAILER_BYTES // 8 + 1) + b"\r\n": 431,
    b"0\r\nX-A: " + b"a" * MAX_TRAILER_BYTES: 431,
    b"5\r\nhell": 400,
    b"5\r\nhello": 400,
    b"5\r\nhello\r": 400,
    b"5\r\nhello\r\n0\r\n": 400,
    b"": 400,
}


@pytest.mark.parametrize("sent", BROKEN, ids=lambda sent: ascii(sent[:30]))
def test_what_is_no_body_is_refused_and_nothing_is_read_behind_it(pipe, sent):
    near, far = pipe
    far.write(sent)
    far.close_write()
    body = body_of(near)
    error = refusal(body)
    assert isinstance(error, RequestError)
    assert error.status == BROKEN[sent]
    assert body.is_broken
    assert not body.is_over
    assert not body.drop(KIB_64, 1.0)


def test_trailers_may_be_as_many_as_the_limit_holds(pipe):
    near, far = pipe
    lines = b"X-A: 1\r\n" * (MAX_TRAILER_BYTES // 8 - 1)
    far.write(b"0\r\n" + lines + b"\r\n")
    body = body_of(near)
    assert body.read_all() == b""
    assert len(body.trailers) == MAX_TRAILER_BYTES // 8 - 1


def test_a_body_that_ends_early_is_no_shorter_body(pipe):
    near, far = pipe
    far.write(b"hell")
    far.close_write()
    body = body_of(near, 5)
    assert body.read() == b"hell"
    error = refusal(body)
    assert (error.status, error.message) == (400, "the body of the request ended early")
    assert body.is_broken


def test_a_reset_is_an_error_of_the_conn_and_no_refusal(pipe):
    """There is nobody to be told."""
    near, far = pipe
    body = body_of(near, 5)
    far.write(b"he")
    body.read()
    far.abort()
    with pytest.raises(ResetError):
        body.read()


# -- how much


def test_a_chunk_over_the_bound_is_refused_before_it_comes(pipe):
    near, far = pipe
    far.write(b"3\r\nabc\r\n2\r\n")
    body = body_of(near, max_body_bytes=4)
    assert body.read() == b"abc"
    assert refusal(body).status == 413
    assert not body.is_broken


def test_a_body_over_the_bound_can_still_be_dropped(pipe):
    near, far = pipe
    far.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET /")
    body = body_of(near, max_body_bytes=4)
    assert refusal(body).status == 413
    assert body.drop(KIB_64, 1.0)
    assert near.read() == b"GET /"


# -- 100 Continue


def test_a_client_that_waits_is_told_once_when_it_is_read(pipe):
    near, far = pipe
    said: list[str] = []
    body = body_of(near, 5, expects_continue=True, said=said)
    assert said == []
    far.write(b"he")
    body.read()
    assert said == ["continue"]
    far.write(b"llo")
    assert body.read_all() == b"llo"
    assert said == ["continue"]


def test_a_client_that_would_send_too_much_is_not_told_to_send_it(pipe):
    near, _ = pipe
    said: list[str] = []
    body = body_of(near, 5, expects_continue=True, said=said, max_body_bytes=4)
    assert refusal(body).status == 413
    assert said == []
    assert body.wants_continue


def test_what_nobody_asked_for_is_not_waited_for(pipe):
    near, _ = pipe
    body = body_of(near, 5, expects_continue=True)
    began = now()
    assert not body.drop(KIB_64, 9.0)
    assert now() - began < 5


# -- until when


def trickle(far: Conn, piece: bytes, n_pieces: int, seconds: float) -> None:
    """Send so many pieces, one every so many seconds, while somebody is there."""
    with contextlib.suppress(BrokenError):
        for _ in range(n_pieces):
            far.write(piece)
            sleep(seconds)


@pytest.mark.parametrize("sent", [b"", b"3\r\n", b"3\r\nab", b"3\r\nabc\r\n0\r\nX-A"])
def test_a_body_that_stands_still_is_given_up(pipe, sent):
    near, far = pipe
    far.write(sent)
    body = body_of(near, body_timeout=0.1)
    began = now()
    error = refusal(body)
    assert 0.1 <= now() - began < 5
    assert isinstance(error, RequestError)
    assert (error.status, body.is_broken) == (408, True)


def test_a_body_that_dribbles_is_given_up(pipe):
    near, far = pipe
    body = body_of(near, 10_000, body_timeout=0.15)
    with TaskGroup() as group:
        group.start_soon(trickle, far, b"a", 100, 0.01)
        began = now()
        assert refusal(body).status == 408
        assert now() - began >= 0.15
        assert 1 < body.count < 80
        group.cancel()


def test_a_body_that_comes_fast_enough_may_take_its_time(pipe):
    """64 KiB in each period: it needs more than one, and none is too short."""
    near, far = pipe
    body = body_of(near, 10 * KIB_64, body_timeout=0.5)
    with TaskGroup() as group:
        group.start_soon(trickle, far, bytes(KIB_64), 10, 0.08)
        began = now()
        assert len(body.read_all()) == 10 * KIB_64
        assert now() - began > 0.5


def test_a_handler_may_give_a_body_less_time(pipe):
    near, _ = pipe
    body = body_of(near, 5)
    body.timeout = 0.05
    assert refusal(body).status == 408


def test_what_has_come_late_is_late_again(pipe):
    near, far = pipe
    body = body_of(near, 5, body_timeout=0.05)
    assert refusal(body).status == 408
    far.write(b"hello")
    assert refusal(body).status == 408


@pytest.mark.parametrize(
    ("sent", "rest"),
    [
        (b"5\r\nhello", b"\r\n1\r\n!\r\n0\r\n\r\n"),
        (b"5\r\nhello\r", b"\n1\r\n!\r\n0\r\n\r\n"),
        (b"5\r\nhello\r\n", b"1\r\n!\r\n0\r\n\r\n"),
        (b"5\r\nhello\r\n1", b"\r\n!\r\n0\r\n\r\n"),
        (b"5\r\nhello\r\n1\r\n", b"!\r\n0\r\n\r\n"),
    ],
    ids=ascii,
)
def test_a_block_around_may_end_a_read_and_the_next_goes_on(pipe, sent, rest):
    """It is not the client who is late: a handler may look elsewhere in between."""
    near, far = pipe
    body = body_of(near)
    far.write(sent)
    assert body.read() == b"hello"
    with timeout(0.02), pytest.raises(DeadlineError):
        body.read()
    assert not body.is_broken
    far.write(rest)
    assert body.read_all() == b"!"
    assert body.is_over


def test_a_block_around_may_end_a_read_of_a_trailer_and_the_next_goes_on(pipe):
    near, far = pipe
    body = body_of(near)
    far.write(b"5\r\nhello\r\n0\r\nX-A: 1\r\n")
    assert body.read() == b"hello"
    with timeout(0.02), pytest.raises(DeadlineError):
        body.read()
    far.write(b"X-B: 2\r\n\r\n")
    assert body.read() == b""
    assert body.trailers.items() == [("X-A", "1"), ("X-B", "2")]


# -- what nobody wanted


def test_what_is_left_is_dropped_and_the_next_request_stays(pipe):
    near, far = pipe
    for body, sent in (
        (body_of(near, 5), b"hello"),
        (body_of(near), b"5\r\nhello\r\n0\r\nA: b\r\n\r\n"),
    ):
        far.write(sent + b"GET /")
        assert body.drop(KIB_64, 1.0)
        assert body.is_over
        assert near.read() == b"GET /"


def test_what_was_read_already_needs_no_dropping(pipe):
    near, far = pipe
    far.write(b"hello")
    body = body_of(near, 5)
    body.read_all()
    assert body.drop(1, 1.0)


def test_more_than_that_is_not_even_begun(pipe):
    near, far = pipe
    far.write(b"hello!")
    body = body_of(near, 6)
    assert not body.drop(5, 9.0)
    assert near.read() == b"hello!"


def test_a_body_of_unknown_length_is_dropped_until_it_is_too_much(pipe):
    near, far = pipe
    body = body_of(near)
    with TaskGroup() as group:
        group.start_soon(trickle, far, b"4000\r\n" + bytes(0x4000) + b"\r\n", 20, 0)
        assert not body.drop(KIB_64, 9.0)
        assert KIB_64 <= body.count <= 2 * KIB_64
        near.close()
        group.cancel()


def test_dropping_takes_so_long_and_no_longer(pipe):
    """However fast it comes: a lingering close is not renewed either."""
    near, far = pipe
    body = body_of(near, 4 * KIB_64)
    with TaskGroup() as group:
        group.start_soon(trickle, far, bytes(KIB_64), 4, 0.15)
        assert not body.drop(4 * KIB_64, 0.2)
        group.cancel()


def test_dropping_what_stands_still_is_given_up(pipe):
    near, far = pipe
    far.write(b"he")
    body = body_of(near, 5)
    began = now()
    assert not body.drop(KIB_64, 0.05)
    assert 0.05 <= now() - began < 5


def test_dropping_has_its_own_time_and_not_what_the_handler_left(pipe):
    near, far = pipe
    far.write(b"he")
    body = body_of(near, 5, body_timeout=0.3)
    body.read()
    with TaskGroup() as group:
        dropping = group.start_soon(body.drop, KIB_64, 9.0)
        sleep(0.4)
        far.write(b"llo")
        assert dropping.result()


class Late(Conn):
    """A conn whose deadline passes when somebody asks what is buffered."""

    @property
    def buffered(self) -> int:
        """Return what is there, and let the deadline have passed."""
        self.set_read_deadline(now() - 1)
        return super().buffered


def test_a_deadline_between_two_chunks_loses_neither():
    stream = PlayedStream([b"5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n"], ends=False)
    body = body_of(Late(stream))
    assert list(body) == [b"hello", b"abc"]


def test_what_a_block_around_has_ended_counts_as_waiting_too(pipe):
    """Else a client that dribbles could stay as long as its handler is patient."""
    near, _ = pipe
    body = body_of(near, 5, body_timeout=0.3)
    with pytest.raises(RequestError, match="408"):
        for _ in range(100):
            with contextlib.suppress(DeadlineError), timeout(0.05):
                body.read()
