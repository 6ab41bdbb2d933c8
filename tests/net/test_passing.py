"""Descriptors passed between processes."""

import array
import os
import socket

import pytest

from portside import net
from portside.engine import TaskGroup, timeout
from portside.errors import BrokenError, ClosedError, DeadlineError, Error, LimitError

NETWORKS = ["unix", "unixpacket"]


@pytest.fixture(params=NETWORKS)
def pair(request):
    with net.listen(request.param, "@") as listener:
        near = net.dial(listener.address)
        far = listener.accept()
    with near, far:
        yield near, far


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_what_comes_out_is_the_same_thing_under_another_number(pair, pipe):
    near, far = pair
    near.send_descriptors(b"take", pipe)
    data, (reading, writing) = far.receive_descriptors()
    assert data == b"take"
    assert not set(pipe) & {reading, writing}
    os.write(writing, b"through")
    assert os.read(pipe[0], 10) == b"through"
    for each in (reading, writing):
        assert not os.get_inheritable(each)
        os.close(each)


def test_they_go_both_ways_and_whatever_has_a_number_can_go(pair, tmp_path):
    near, far = pair
    with (tmp_path / "file").open("wb") as file, net.listen("unix", "@") as listener:
        near.send_descriptors(b"a", [file])
        with net.dial(listener.address) as conn:
            far.send_descriptors(b"b", [conn, file.fileno()])
    _, files = far.receive_descriptors()
    _, others = near.receive_descriptors()
    assert (len(files), len(others)) == (1, 2)
    os.write(files[0], b"written")
    assert (tmp_path / "file").read_bytes() == b"written"
    for each in files + others:
        os.close(each)


def test_an_accepted_client_can_be_given_to_another_process(pair):
    near, far = pair
    with net.listen("tcp", "127.0.0.1:0") as listener:
        with net.dial(listener.address) as client:
            with listener.accept() as conn:
                near.send_descriptors(b"!", [conn])
            _, (number,) = far.receive_descriptors()
            with socket.socket(fileno=number) as sock:
                sock.sendall(b"from there")
            assert client.read_all() == b"from there"


def test_more_than_asked_for_is_an_error_and_none_is_left_open(pair, pipe):
    near, far = pair
    before = len(os.listdir("/proc/self/fd"))
    near.send_descriptors(b"three", [pipe[0]] * 3)
    with pytest.raises(LimitError, match="more than max_descriptors=2 came"):
        far.receive_descriptors(max_descriptors=2)
    assert len(os.listdir("/proc/self/fd")) == before
    assert far.read() == b"three"


@pytest.mark.parametrize("count", [1, 2, 3, 253])
def test_as_many_as_asked_for_come(pair, pipe, count):
    near, far = pair
    near.send_descriptors(b"x", [pipe[0]] * count)
    _, descriptors = far.receive_descriptors(max_descriptors=count)
    for each in descriptors:
        os.close(each)
    assert len(descriptors) == count


def test_bytes_alone_come_with_none_and_the_end_is_an_end(pair):
    near, far = pair
    near.write(b"alone")
    assert far.receive_descriptors() == (b"alone", [])
    near.close_write()
    assert far.receive_descriptors() == (b"", [])


def test_bytes_that_were_read_ahead_come_first():
    with net.listen("unix", "@") as listener:
        near, far = net.dial(listener.address), listener.accept()
    with near, far:
        near.write(b"line\nahead")
        assert far.read_line() == b"line\n"
        near.send_descriptors(b"with", [near])
        assert far.receive_descriptors() == (b"ahead", [])
        data, descriptors = far.receive_descriptors()
        os.close(descriptors[0])
        assert data == b"with"


def test_a_long_write_carries_them_once_and_arrives_whole(pipe):
    with net.listen("unix", "@") as listener:
        near, far = net.dial(listener.address), listener.accept()
    data = os.urandom(3_000_000)
    with near, far, TaskGroup() as group:
        group.start_soon(near.send_descriptors, data, pipe)
        first, descriptors = far.receive_descriptors()
        assert first + far.read_exactly(len(data) - len(first)) == data
    assert len(descriptors) == 2
    for each in descriptors:
        os.close(each)


def test_what_was_corked_goes_before(pair, pipe):
    near, far = pair
    with near.corked():
        near.write(b"before ")
        near.send_descriptors(b"with", pipe)
    data = b""
    descriptors: list[int] = []
    while not descriptors:
        more, descriptors = far.receive_descriptors()
        data += more
    assert data == b"before with"
    for each in descriptors:
        os.close(each)


WRONG = {
    "no data": ((b"", [0]), "at least a byte"),
    "too many": ((b"x", [0] * 254), "254 descriptors are over the 253"),
}


@pytest.mark.parametrize(("given", "says"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_sent_is_refused(pair, given, says):
    with pytest.raises(ValueError, match=says):
        pair[0].send_descriptors(*given)


@pytest.mark.parametrize("given", [(0, 1), (1, 0)])
def test_nothing_cannot_be_asked_for(pair, given):
    with pytest.raises(ValueError, match="must be at least 1"):
        pair[0].receive_descriptors(*given)


def test_a_number_that_is_not_open_is_an_error(pair):
    with pytest.raises(ValueError, match="descriptor 1000000 is not open"):
        pair[0].send_descriptors(b"x", [1_000_000])


def test_other_networks_pass_none(listener):
    near, far = net.pipe()
    with near, far, net.dial(listener.address) as conn:
        for each in (near, conn):
            with pytest.raises(Error, match="only a Unix socket can pass"):
                each.send_descriptors(b"x", [0])
            with pytest.raises(Error, match="only a Unix socket can pass"):
                each.receive_descriptors()


def test_deadline_half_close_and_close_hold_as_for_read_and_write(pair):
    near, far = pair
    with timeout(0.02), pytest.raises(DeadlineError, match=r"^read unix"):
        far.receive_descriptors()
    near.close_write()
    with pytest.raises(BrokenError, match="close_write was called"):
        near.send_descriptors(b"x", [0])
    near.close()
    for call in (near.receive_descriptors, lambda: near.send_descriptors(b"x", [0])):
        with pytest.raises(ClosedError):
            call()


def test_a_close_wakes_who_waits_for_some(pair):
    with TaskGroup() as group:
        waiting = group.start_soon(fails_closed, pair[0].receive_descriptors)
        pair[0].close()
        waiting.result()


def fails_closed(call):
    with pytest.raises(ClosedError):
        call()


def test_the_standard_library_understands_it(tmp_path):
    path = str(tmp_path / "x")
    with net.listen("unix", path) as listener, socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        with listener.accept() as conn:
            conn.send_descriptors(b"x", [conn])
            data, descriptors, _, _ = socket.recv_fds(sock, 10, 10)
            assert (data, len(descriptors)) == (b"x", 1)
            os.close(descriptors[0])
            rights = array.array("i", [sock.fileno()])
            sock.sendmsg([b"y"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            data, (number,) = conn.receive_descriptors()
            os.close(number)
            assert data == b"y"
