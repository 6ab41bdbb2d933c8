"""What is left of a conn that is closed, while its peer may still send."""

import threading

import pytest

from portside import net
from portside.engine import Event, Task, TaskGroup, current, now, sleep, timeout
from portside.engine.hub import Hub
from portside.errors import BrokenError, ClosedError
from portside.net.lingering import LINGER_BYTES
from tests.descriptors import is_open


@pytest.fixture(params=["pair", "pipe"])
def ends(request):
    return request.getfixturevalue(request.param)


def begun(conn: net.Conn) -> net.Lingering:
    lingering = conn.begin_linger(None)
    assert lingering is not None
    return lingering


def test_for_everybody_else_it_is_closed(ends):
    near, far = ends
    near.write(b"all")
    lingering = begun(near)
    assert near.closed
    for call in (near.read, near.close_write, lambda: near.write(b"x")):
        with pytest.raises(ClosedError):
            call()
    near.close()
    near.abort()  # again is silent, and resets nothing
    assert far.read_all() == b"all"
    far.write(b"nobody reads this")
    lingering.end()


def test_a_reader_is_woken_and_the_next_bytes_are_not_his(ends):
    near, far = ends
    near.write(b"x")
    with TaskGroup() as group:
        reading = group.start_soon(pytest.raises, ClosedError, near.read)
        sleep(0.02)  # so that it waits
        lingering = begun(near)
        with timeout(5):
            reading.result()
        far.write(b"more")
    lingering.end()


def test_who_writes_is_interrupted_where_nothing_is_to_be_waited_for(ends):
    near, far = ends
    with TaskGroup() as group:
        group.start_soon(pytest.raises, ClosedError, near.write, bytes(16 << 20))
        far.peek(1)  # so the write is under way
        lingering = begun(near)
    lingering.end()


def test_a_write_that_is_given_time_goes_first(ends):
    near, far = ends
    data = bytes(8 << 20)
    near.write(b"x")
    with TaskGroup() as group:
        group.start_soon(near.write, data)
        far.peek(2)  # so the write is under way
        beginning = group.start_soon(near.begin_linger, now() + 20)
        assert far.read_all(len(data) + 1) == b"x" + data
    beginning.result().end()


def test_what_is_held_back_is_sent_where_there_is_time(ends):
    near, far = ends
    with pytest.raises(ClosedError), near.corked():
        near.write(b"held")
        near.begin_linger(now() + 20).end()
        near.write(b"x")
    assert far.read_all() == b"held"


def test_one_closer_alone_has_it(ends):
    near, _ = ends
    lingering = begun(near)
    assert near.begin_linger(None) is None
    lingering.end()
    assert near.begin_linger(None) is None


def test_it_cannot_be_kept_after_a_close(ends):
    near, _ = ends
    near.close()
    assert near.begin_linger(None) is None


def test_it_drops_what_comes_and_sees_the_end(ends):
    near, far = ends
    lingering = begun(near)
    assert not lingering.drop_available()
    far.write(b"x" * 100)
    far.close_write()
    with timeout(5):
        while not lingering.drop_available():
            sleep(0.001)
    assert not lingering.has_dropped_enough
    lingering.end()


def test_it_drops_so_much_and_no_more(ends):
    near, far = ends
    lingering = begun(near)
    with TaskGroup() as group:
        group.start_soon(pytest.raises, BrokenError, endlessly, far)
        with timeout(5):
            while not lingering.has_dropped_enough:
                assert not lingering.drop_available()
                sleep(0.001)
        assert not lingering.drop_available()
        lingering.end()


def endlessly(conn: net.Conn) -> None:
    # A first write after the end is answered by a reset, also of a socket.
    try:
        while True:
            conn.write(bytes(LINGER_BYTES))
    except ConnectionResetError:
        raise BrokenError from None


def test_a_peer_that_is_gone_has_ended(ends):
    near, far = ends
    lingering = begun(near)
    far.abort()
    with timeout(5):
        while not lingering.drop_available():
            sleep(0.001)
    lingering.end()


def test_the_number_is_given_back_at_the_end_and_not_before(pair):
    near, _ = pair
    fd = near.fileno()
    lingering = begun(near)
    assert lingering.fileno() == fd
    near.close()
    assert is_open(fd)
    lingering.end()
    assert not is_open(fd)


def test_the_number_stays_until_the_last_one_inside_has_left(pair):
    near, _ = pair
    fd = near.fileno()
    lingering = begun(near)
    gate = near._stream.reading
    gate._inside[0] = Task("a thread that does not get its turn to leave")
    lingering.end()
    assert is_open(fd)
    gate.leave()
    assert not is_open(fd)


def test_a_failure_before_it_began_leaves_nothing_open(pair):
    class Interrupted(net.Conn):
        def close_write(self) -> None:
            raise KeyboardInterrupt

    near, far = pair
    fd = near.fileno()
    interrupted = Interrupted(near._stream)
    interrupted.write(b"x")
    with pytest.raises(KeyboardInterrupt):
        interrupted.close(linger=5)
    assert not is_open(fd)
    assert far.read_all() == b"x"


def test_it_says_once_that_it_ended(ends):
    near, _ = ends
    told: list[str] = []
    near.serve_as(Event(), lambda: told.append("closed"))
    lingering = begun(near)
    near.close()
    assert told == []
    lingering.end()
    assert told == ["closed"]


@pytest.fixture
def asked(ends):
    """How often a server was asked to close the near end, which has written."""
    near, _ = ends
    asked: list[net.Conn] = []

    def take_over() -> bool:
        asked.append(near)
        return True

    near.serve_as(Event(), lambda: None, 60.0, take_over)
    near.write(b"x")
    return asked


def test_a_close_that_a_server_takes_over_waits_for_nothing(ends, asked):
    near, _ = ends
    with timeout(5):
        near.close()
    assert asked == [near]
    begun(near).end()


def test_a_linger_of_ones_own_is_taken_over_by_nobody(ends, asked):
    near, _ = ends
    began = now()
    near.close(linger=0.05)
    assert now() - began >= 0.05
    assert asked == []


def test_a_reader_in_the_same_hub_does_not_keep_the_closer_from_waiting(listener):
    def close_while_another_reads() -> None:
        near = net.dial(listener.address)
        far = listener.accept()
        near.write(b"x")
        with TaskGroup() as group:
            group.start_soon(pytest.raises, ClosedError, near.read)
            sleep(0.02)  # so that it waits
            group.start_soon(far.close)
            near.close(linger=20)

    with timeout(10):
        Hub().run(close_while_another_reads)


def test_a_thread_can_drop_what_is_sent_to_a_conn_of_a_hub(listener):
    """Below the gates it belongs to nobody."""

    def close_by_a_thread() -> None:
        near = net.dial(listener.address)
        far = listener.accept()
        near.write(b"x")
        ended = Event()

        def close() -> None:
            near.close(linger=20)
            ended.set()

        with TaskGroup() as group:
            group.start_soon(pytest.raises, ClosedError, near.read)
            sleep(0.02)  # so that the hub waits for it
            closing = threading.Thread(target=close)
            closing.start()
            assert far.read_all() == b"x"
            far.close()
            ended.wait()
        closing.join()

    with timeout(10):
        Hub().run(close_by_a_thread)
    assert current().reasons == set()


def send_empty_record(conn: net.Conn) -> None:
    sock = conn._stream.socket
    assert sock is not None
    sock.send(b"")


def test_an_empty_record_is_no_end(tmp_path):
    with net.listen("unixpacket", str(tmp_path / "s")) as listener:
        near = net.dial(listener.address)
        with listener.accept() as far:
            lingering = begun(near)
            far.write(b"x" * 10)
            send_empty_record(far)
            far.write(b"y" * (2 * LINGER_BYTES))  # longer than what is dropped at once
            assert not lingering.drop_available()
            assert lingering.has_dropped_enough
            lingering.end()


def test_the_end_of_records_is_one(tmp_path):
    with net.listen("unixpacket", str(tmp_path / "s")) as listener:
        near = net.dial(listener.address)
        with listener.accept() as far:
            lingering = begun(near)
            send_empty_record(far)
            far.close_write()
            assert lingering.drop_available()
            lingering.end()
