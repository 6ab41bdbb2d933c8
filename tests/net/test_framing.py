"""Numbers, structs and frames: what the contract of all conns does not say."""

import struct

import pytest

from portside.engine import TaskGroup
from portside.errors import EndOfStreamError, LimitError
from portside.events import socket_call
from portside.net.framing import MAX_FRAME_BYTES

ORDERS = {"native": "@", "native, standard sizes": "=", "little": "<", "big": ">"}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_a_struct_with_an_order_of_its_own_is_refused(pipe, order):
    near, _ = pipe
    with pytest.raises(ValueError, match="on the wire it is network order"):
        near.write_struct(order + "H", 1)
    with pytest.raises(ValueError, match="on the wire it is network order"):
        near.read_struct(order + "H")


def test_a_struct_may_say_network_order(pipe):
    near, far = pipe
    far.write_struct("!H", 7)
    assert near.read_struct("!H") == (7,)


def test_a_struct_has_no_padding(pipe):
    near, far = pipe
    far.write_struct("BQ", 1, 2)
    far.close_write()
    assert near.read_all() == struct.pack("!BQ", 1, 2)


def test_a_struct_that_is_none_is_refused(pipe):
    near, _ = pipe
    with pytest.raises(ValueError, match="'K' is no struct format"):
        near.read_struct("K")


def test_an_empty_struct_waits_for_nothing(pipe):
    near, _ = pipe
    assert near.read_struct("") == ()


def test_the_bytes_of_a_number_cut_short_stay_readable(pipe):
    near, far = pipe
    far.write(b"\1\2\3")
    far.close_write()
    with pytest.raises(EndOfStreamError, match="after 3 of 4 bytes"):
        near.read_uint32()
    assert near.read_all() == b"\1\2\3"


def test_a_length_may_take_any_number_of_bytes(pipe):
    near, far = pipe
    for length_bytes in (1, 2, 3, 8):
        far.write_frame(b"data", length_bytes=length_bytes)
        assert near.read_frame(length_bytes=length_bytes) == b"data"


def test_a_frame_too_long_for_its_length_is_refused(pipe):
    near, far = pipe
    with pytest.raises(ValueError, match="256 does not fit in 8 bits"):
        far.write_frame(bytes(256), length_bytes=1)
    far.close_write()
    assert near.read() == b""


def test_a_frame_may_be_as_long_as_the_default_limit(pipe):
    near, far = pipe
    with TaskGroup() as group:
        group.start_soon(far.write_frame, bytes(MAX_FRAME_BYTES))
        assert len(near.read_frame()) == MAX_FRAME_BYTES


def test_the_text_of_a_frames_limit_names_both_numbers(pipe):
    near, far = pipe
    far.write_uint32(11)
    with pytest.raises(LimitError, match="a frame of 11 bytes is over max_bytes=10"):
        near.read_frame(10)


def test_an_end_between_two_frames_has_no_partial(pipe):
    near, far = pipe
    far.write_frame(b"only")
    far.close_write()
    near.read_frame()
    with pytest.raises(EndOfStreamError) as caught:
        near.read_frame()
    assert caught.value.partial == b""


def test_a_frame_is_one_call(pair):
    near, _ = pair
    calls: list[str] = []

    def note(name: str, fd: int, told: str, result: str) -> None:
        calls.append(name)

    socket_call.add(note)
    near.write_frame(b"data")
    socket_call.remove(note)
    assert calls == ["sendmsg"]
