"""The body of a request: piece by piece, and never more than was allowed."""

import pytest

from portside.errors import DeadlineError
from portside.http.message.body import PIECE_BYTES, Body, BytesBody
from portside.http.message.status_error import StatusError


class Pieces(Body):
    """A body that comes in these pieces; it notes what it is asked for."""

    def __init__(
        self, *pieces: bytes, length: int | None = None, max_bytes: int | None = None
    ) -> None:
        super().__init__(length, max_bytes, 1.0)
        self.begun = 0
        self.asked = 0
        self._pieces = list(pieces)

    def _begin(self) -> None:
        self.begun += 1

    def _receive(self, max_bytes: int) -> bytes:
        self.asked += 1
        return self._pieces.pop(0) if self._pieces else b""


def too_large(body: Body, *args: int) -> StatusError:
    with pytest.raises(StatusError, match="the body is over") as caught:
        body.read_all(*args)
    assert caught.value.status == 413
    return caught.value


def test_a_read_gives_a_piece_and_the_end_again_and_again():
    body = BytesBody(b"hello")
    assert not body.is_taken
    assert (body.length, body.is_over) == (5, False)
    assert [body.read(2) for _ in range(5)] == [b"he", b"ll", b"o", b"", b""]
    assert body.is_over
    assert body.is_taken
    assert body.count == 5


def test_a_body_of_nothing_is_over_before_it_is_read():
    body = BytesBody(b"")
    assert body.is_over
    assert body.read() == body.read_all() == b""
    assert list(body) == []
    assert not body.is_taken


def test_a_read_gives_so_much_unless_it_is_told_otherwise():
    body = BytesBody(bytes(PIECE_BYTES + 1))
    assert [len(piece) for piece in body] == [PIECE_BYTES, 1]


@pytest.mark.parametrize("max_bytes", [0, -1])
def test_a_read_of_nothing_is_a_mistake_also_at_the_end(max_bytes):
    """It would look like the end."""
    body = BytesBody(b"x")
    for _ in range(2):
        with pytest.raises(ValueError, match="at least 1"):
            body.read(max_bytes)
        body.read()


def test_nothing_is_asked_for_behind_the_announced_length():
    """What follows is the next request."""
    body = Pieces(b"ab", b"c", b"GET / HTTP/1.1", length=3)
    assert body.read_all() == b"abc"
    assert body.read() == b""
    assert body.asked == 2


def test_a_body_without_a_length_is_over_at_its_end():
    body = Pieces(b"ab", b"c")
    assert body.read_all() == b"abc"
    assert body.is_over
    assert body.read() == b""
    assert body.asked == 3


def test_a_body_is_begun_once_and_only_when_it_is_read():
    body = Pieces(b"ab", b"c", length=3)
    assert body.begun == 0
    body.read()
    body.read()
    assert body.begun == 1


def test_an_announced_length_over_the_bound_is_refused_before_it_comes():
    body = Pieces(b"abcd", length=4, max_bytes=3)
    for _ in range(2):
        assert too_large(body).message == "the body is over 3 bytes"
    assert (body.begun, body.asked) == (0, 0)
    assert not body.is_taken


def test_a_length_at_the_bound_is_read():
    assert Pieces(b"abc", length=3, max_bytes=3).read_all() == b"abc"
    assert Pieces(b"ab", b"c", max_bytes=3).read_all() == b"abc"


def test_a_body_that_grows_over_the_bound_is_refused_then():
    body = Pieces(b"ab", b"c", b"d", max_bytes=3)
    assert (body.read(), body.read()) == (b"ab", b"c")
    for _ in range(2):
        with pytest.raises(StatusError, match="over 3 bytes"):
            body.read()
    assert body.count == 4
    body.max_bytes = 4
    assert (body.read(), body.read()) == (b"d", b"")


class Late(Pieces):
    """Ends once in the middle, as a bound around it does."""

    def _receive(self, max_bytes: int) -> bytes:
        if self.asked == 1:
            self.asked += 1
            raise DeadlineError
        return super()._receive(max_bytes)


def test_what_came_before_reading_all_was_ended_is_read_again():
    body = Late(b"abc", b"def", length=6)
    with pytest.raises(DeadlineError):
        body.read_all()
    assert not body.is_taken
    assert body.read(2) == b"ab"
    assert body.is_taken
    assert body.read_all() == b"cdef"
    assert body.is_over


def test_a_bound_of_nothing_lets_a_body_of_nothing_through():
    assert Pieces(length=0, max_bytes=0).read_all() == b""
    too_large(Pieces(b"x", length=1, max_bytes=0))


def test_a_handler_may_move_the_bound_before_it_reads():
    body = Pieces(b"abcd", length=4, max_bytes=3)
    too_large(body)
    body.max_bytes = 4
    assert body.read_all() == b"abcd"
    body = Pieces(b"abcd", length=4, max_bytes=3)
    body.max_bytes = None
    assert body.read_all() == b"abcd"
    body = Pieces(b"abcd", length=4)
    body.max_bytes = 3
    too_large(body)


def test_read_all_takes_a_bound_for_this_once():
    body = Pieces(b"abcd", length=4, max_bytes=3)
    assert body.read_all(4) == b"abcd"
    body = Pieces(b"abcd", length=4, max_bytes=100)
    too_large(body, 3)
    assert body.max_bytes == 100
    assert body.read_all() == b"abcd"


def test_read_all_gives_what_is_left():
    body = BytesBody(b"hello")
    body.read(2)
    assert body.read_all() == b"llo"
    assert body.read_all() == b""


def test_there_are_no_trailers_but_those_that_came():
    body = BytesBody(b"x")
    assert body.trailers.items() == []
    body.read_all()
    assert body.trailers.items() == []


def test_who_defines_a_body_says_where_it_comes_from():
    with pytest.raises(NotImplementedError):
        Body(5, None, 1.0).read()
