"""Records kept apart, and descriptors that nobody asked for."""

import contextlib
import os
import socket

import pytest

from portside import net
from portside.engine import TaskGroup, timeout
from portside.errors import DeadlineError, LimitError
from portside.events import socket_call
from portside.net import Conn
from portside.net.unix_stream import STREAMS


@contextlib.contextmanager
def conn_and_socket(network):
    """Return a conn, and its peer as a socket of the standard library."""
    kind = socket.SOCK_STREAM if network == "unix" else socket.SOCK_SEQPACKET
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    with theirs, Conn(STREAMS[network](ours, network, None, None)) as conn:
        theirs.settimeout(10)
        yield conn, theirs


@pytest.fixture
def records():
    with conn_and_socket("unixpacket") as both:
        yield both


@pytest.fixture(params=["unix", "unixpacket"])
def either(request):
    with conn_and_socket(request.param) as both:
        yield both


def pass_descriptor(sock, data):
    reading, writing = os.pipe()
    try:
        socket.send_fds(sock, [data], [reading])
    finally:
        os.close(reading)
    return writing


class TestRecords:
    def test_one_write_is_one_record_is_one_read(self, records):
        conn, peer = records
        for data in (b"a", b"bc", b"d" * 60_000):
            conn.write(data)
            peer.send(data[::-1])
        assert [peer.recv(65536) for _ in range(3)] == [b"a", b"bc", b"d" * 60_000]
        assert [conn.read() for _ in range(3)] == [b"a", b"cb", b"d" * 60_000]

    def test_a_writev_is_one_record_and_so_is_what_was_corked(self, records):
        conn, peer = records
        conn.writev([b"a", b"b", b"c"])
        with conn.corked():
            conn.write(b"d")
            conn.write(b"e")
        assert [peer.recv(10), peer.recv(10)] == [b"abc", b"de"]

    @pytest.mark.parametrize("buffered", [False, True])
    def test_a_record_that_is_too_long_stays_whole(self, records, buffered):
        conn, peer = records
        peer.send(b"x" * 10)
        peer.send(b"next")
        for _ in range(2):
            with pytest.raises(LimitError, match="of 10 bytes is over max_bytes=9"):
                conn.readinto(bytearray(9)) if buffered else conn.read(9)
        assert conn.read(10) == b"x" * 10
        assert conn.read() == b"next"

    def test_a_record_over_the_send_buffer_is_refused_whole(self, records):
        conn, peer = records
        for call in (conn.write, lambda data: conn.writev([data, b"x"])):
            with pytest.raises(LimitError, match="over what the send buffer of") as got:
                call(b"x" * 10_000_000)
            assert got.value.sent == 0
        conn.write(b"short")
        assert peer.recv(65536) == b"short"

    def test_a_longer_record_needs_a_larger_buffer(self, records):
        conn, peer = records
        record = b"x" * 400_000
        with pytest.raises(LimitError):
            conn.write(record)
        try:
            conn.set_buffer_sizes(send=400_000)
            conn.write(record)
        except LimitError:
            pytest.skip("net.core.wmem_max does not allow it here")
        assert peer.recv(500_000) == record

    def test_an_empty_record_is_passed_over_and_is_no_end(self, records):
        conn, peer = records
        peer.send(b"")
        peer.send(b"")
        peer.send(b"data")
        peer.send(b"")
        assert conn.read() == b"data"
        with timeout(0.02), pytest.raises(DeadlineError):
            conn.read()
        peer.send(b"more")
        peer.send(b"")
        peer.close()
        assert [conn.read(), conn.read(), conn.read()] == [b"more", b"", b""]

    def test_nothing_written_is_no_record(self, records):
        conn, peer = records
        conn.write(b"")
        conn.write(b"x")
        assert peer.recv(10) == b"x"

    def test_a_buffered_read_goes_over_the_ends_of_records(self, records):
        conn, peer = records
        for part in (b"one ", b"line\nand ", b"more"):
            peer.send(part)
        assert conn.read_line() == b"one line\n"
        assert conn.read() == b"and "
        assert conn.read() == b"more"

    def test_a_write_waits_for_a_reader_and_keeps_the_records_whole(self, records):
        conn, peer = records
        sent = [bytes([n]) * 50_000 for n in range(60)]
        with TaskGroup() as group:
            group.start_soon(lambda: [conn.write(each) for each in sent])
            assert [peer.recv(65536) for _ in sent] == sent

    def test_empty_records_with_descriptors_are_told(self, records):
        conn, peer = records
        os.close(pass_descriptor(peer, b""))
        with pytest.raises(LimitError, match="receive_descriptors takes them"):
            conn.read()
        os.close(pass_descriptor(peer, b""))
        data, descriptors = conn.receive_descriptors()
        assert (data, len(descriptors)) == (b"", 1)
        os.close(descriptors[0])


class TestDescriptorsThatNobodyAskedFor:
    def test_a_read_fails_once_and_the_bytes_are_there(self, either):
        conn, peer = either
        writing = pass_descriptor(peer, b"hello")
        peer.send(b"more")
        with pytest.raises(LimitError, match="receive_descriptors takes them"):
            conn.read()
        if conn.network == "unix":
            assert conn.read(2) + conn.read(3) == b"hello"
        else:
            with pytest.raises(LimitError, match="of 5 bytes is over max_bytes=4"):
                conn.read(4)
            assert conn.read(5) == b"hello"
        assert conn.read() == b"more"
        with pytest.raises(BrokenPipeError):  # the other end is closed in this process
            os.write(writing, b"x")
        os.close(writing)

    def test_a_buffered_read_fails_as_well(self, either):
        conn, peer = either
        for call in (conn.read_line, lambda: conn.readinto(bytearray(3))):
            os.close(pass_descriptor(peer, b"ab\n"))
            with pytest.raises(LimitError):
                call()
            assert conn.read_exactly(3) == b"ab\n"

    def test_a_read_ahead_tells_it_too(self):
        with conn_and_socket("unix") as (conn, peer):
            peer.send(b"line\n")
            os.close(pass_descriptor(peer, b"x"))
            with pytest.raises(LimitError):
                conn.read_line()
            assert conn.read_line() == b"line\n"


@pytest.mark.parametrize("network", ["unix", "unixpacket"])
def test_a_handler_may_end_idle_reads_when_the_server_stops(network, tmp_path):
    with net.listen(network, str(tmp_path / "x")) as listener:
        with (
            net.dial(listener.address),
            listener.accept() as conn,
            TaskGroup() as group,
        ):

            def read():
                with conn.idle():
                    return conn.read()

            reading = group.start_soon(read)
            conn.drain()
            assert reading.result() == b""


def test_what_is_received_and_sent_can_be_looked_at(either):
    conn, peer = either
    seen = []

    def look(name, number, told, result):
        assert number == conn.fileno()
        seen.append((name, told, result))

    socket_call.add(look)
    try:
        peer.send(b"hello")
        conn.read()
        conn.send_descriptors(b"x" * 25, [0])
        peer.recv(30)
        peer.close()
        conn.read()
    finally:
        socket_call.remove(look)
    assert seen == [
        ("recvmsg", "", "5 bytes b'hello'"),
        ("sendmsg", f"25 bytes {b'x' * 24!r} ... and 1 descriptors", "25"),
        ("recvmsg", "", "0 bytes (the end)"),
    ]
