import os
from collections.abc import Iterator

import pytest

from portside import TaskGroup, net, now, sleep, timeout
from portside.errors import BrokenError, DeadlineError, Error, ResetError
from portside.net import Conn
from portside.services.forward_settings import ForwardSettings
from portside.services.lane import Lane
from portside.services.relay import Relay
from tests.services.waiting import wait_until

Lanes = tuple[Lane, Lane] | None


def pair() -> tuple[Conn, Conn]:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        near = net.dial(listener.address, timeout=5)
        return near, listener.accept()


class Ends:
    """A client and an upstream, and the two conns between them."""

    def __init__(self) -> None:
        self.client, self.near = pair()
        self.far, self.upstream = pair()

    def relay(self, idle: float | None = None, lanes: Lanes = None) -> Relay:
        return Relay(self.near, self.far, idle, lanes)

    def close(self) -> None:
        for conn in (self.client, self.near, self.far, self.upstream):
            conn.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    with timeout(20):
        yield ends
    ends.close()


@pytest.fixture(params=["at once", "late"])
def lanes(request: pytest.FixtureRequest) -> Lanes:
    if request.param == "at once":
        return None
    bad = ForwardSettings(delay=0.02, jitter=0.02)
    return Lane(bad, "there"), Lane(bad, "back")


def test_both_directions_carry_everything_in_order(ends: Ends, lanes: Lanes) -> None:
    there, back = os.urandom(3_000_000), os.urandom(2_000_000)

    def say(conn: Conn, data: bytes) -> None:
        conn.write(data)
        conn.close_write()

    with TaskGroup() as group:
        relayed = group.start_soon(ends.relay(lanes=lanes).run)
        group.start_soon(say, ends.client, there)
        group.start_soon(say, ends.upstream, back)
        heard = group.start_soon(ends.upstream.read_all, 4_000_000)
        assert ends.client.read_all(4_000_000) == back
    assert heard.result() == there
    assert relayed.result() is None


def test_an_end_is_passed_on_and_the_other_direction_goes_on(
    ends: Ends, lanes: Lanes
) -> None:
    with TaskGroup() as group:
        relayed = group.start_soon(ends.relay(lanes=lanes).run)
        ends.upstream.write(b"hello")
        ends.upstream.close_write()
        assert ends.client.read_all() == b"hello"
        ends.client.write(b"I go on")
        assert ends.upstream.read_exactly(7) == b"I go on"
        ends.client.close_write()
        assert ends.upstream.read_all() == b""
    assert relayed.result() is None


@pytest.mark.parametrize("who", ["client", "upstream"])
def test_a_reset_reaches_the_other_end_behind_what_was_said_before(
    ends: Ends, lanes: Lanes, who: str
) -> None:
    goes, stays = ends.client, ends.upstream
    if who == "upstream":
        goes, stays = stays, goes
    with TaskGroup() as group:
        relayed = group.start_soon(ends.relay(lanes=lanes).run)
        goes.write(b"half a re")
        assert stays.read_exactly(9) == b"half a re"
        goes.abort()
        with pytest.raises(ResetError):
            stays.read()
    assert isinstance(relayed.result(), ResetError)


def test_an_answer_survives_an_upload_that_upstream_does_not_want(ends: Ends) -> None:
    """It answers and leaves: our write fails while its answer is still in our hands."""
    answer = os.urandom(60_000)  # upstream's kernel has sent it all, ours has it all
    ends.client.set_buffer_sizes(receive=4096)
    ends.near.set_buffer_sizes(send=4096)
    relay = ends.relay()

    def upload() -> None:
        with pytest.raises((ResetError, BrokenError)):
            while True:
                ends.client.write(bytes(65_536))

    with TaskGroup() as group:
        relayed = group.start_soon(relay.run)
        uploading = group.start_soon(upload)
        ends.upstream.read_exactly(100_000)
        ends.upstream.write(answer)
        sleep(0.1)  # for its way to us; the client takes some of it only
        ends.upstream.close()  # with input unread: a reset follows the answer
        wait_until(lambda: relay._broke is not None)
        assert ends.client.read_exactly(len(answer)) == answer
        with pytest.raises(ResetError):
            ends.client.read()
        assert relayed.result() is not None
        uploading.result()


def test_who_does_not_read_makes_the_other_one_wait(ends: Ends, lanes: Lanes) -> None:
    with TaskGroup() as group:
        relaying = group.start_soon(ends.relay(lanes=lanes).run)
        with pytest.raises(DeadlineError) as waited, timeout(1):
            ends.client.write(bytes(500_000_000))
        assert waited.value.sent < 100_000_000  # what the kernel holds, twice
        assert ends.upstream.read(1)
        relaying.cancel()


def test_it_breaks_when_nothing_moves_for_so_long(ends: Ends, lanes: Lanes) -> None:
    began = now()
    broke = ends.relay(idle=0.2, lanes=lanes).run()
    assert isinstance(broke, DeadlineError)
    assert now() - began >= 0.2
    for conn in (ends.client, ends.upstream):
        with pytest.raises(ResetError):
            conn.read()


def test_one_direction_that_moves_keeps_the_other_one(ends: Ends, lanes: Lanes) -> None:
    with TaskGroup() as group:
        relayed = group.start_soon(ends.relay(idle=1, lanes=lanes).run)
        for _ in range(6):
            ends.upstream.write(b".")
            assert ends.client.read() == b"."
            sleep(0.25)
        ends.client.close_write()
        ends.upstream.close_write()
        assert ends.client.read() == b""
    assert relayed.result() is None


def test_two_who_do_not_read_are_idle_too(ends: Ends) -> None:
    def fill(conn: Conn) -> None:
        with pytest.raises(Error):  # reset, in the end
            conn.write(bytes(500_000_000))

    with TaskGroup() as group:
        relayed = group.start_soon(ends.relay(idle=0.5).run)
        group.start_soon(fill, ends.client)
        group.start_soon(fill, ends.upstream)
        assert isinstance(relayed.result(), DeadlineError)


def test_the_bound_around_ends_it(ends: Ends, lanes: Lanes) -> None:
    with timeout(0.1):
        assert isinstance(ends.relay(lanes=lanes).run(), DeadlineError)
    with pytest.raises(ResetError):
        ends.client.read()


def test_who_is_told_to_end_resets_both(ends: Ends, lanes: Lanes) -> None:
    with TaskGroup() as group:
        relaying = group.start_soon(ends.relay(lanes=lanes).run)
        ends.client.write(b"x")
        assert ends.upstream.read() == b"x"
        relaying.cancel()
    for conn in (ends.client, ends.upstream):
        with pytest.raises(ResetError):
            conn.read()


def test_a_delay_holds_up_each_byte_but_not_the_next_one(ends: Ends) -> None:
    bad = ForwardSettings(delay=0.3)
    lanes = Lane(bad, "there"), Lane(bad, "back")
    with TaskGroup() as group:
        relaying = group.start_soon(ends.relay(lanes=lanes).run)
        began = now()
        for _ in range(5):
            ends.client.write(b"x")
            sleep(0.05)  # so that each is a piece of its own
        assert ends.upstream.read_exactly(5) == b"xxxxx"
        took = now() - began
        relaying.cancel()
    assert 0.5 <= took < 1.4  # not five times 0.3
