"""Unix datagram sockets: names, files, and packets that wait instead of being lost."""

import os
import socket
import stat

import pytest

from portside import TaskGroup, net, timeout
from portside.errors import (
    AddressError,
    DeadlineError,
    Error,
    InUseError,
    LimitError,
    NotFoundError,
    RefusedError,
)
from portside.names import UnixAddress

SECONDS = 10.0


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a short path
    return "here"


def test_packets_go_both_ways(path):
    with net.listen_packet("unixgram", path) as server, timeout(SECONDS):
        with net.dial("unixgram", path) as client:
            client.send(b"question")
            packet = server.receive()
            assert (packet.data, packet.address) == (b"question", client.local_address)
            packet.reply(b"answer")
            answer = client.receive()
            assert (answer.data, str(answer.address)) == (b"answer", path)


def test_a_client_has_a_name_of_its_own_so_that_it_can_be_answered(path):
    with net.listen_packet("unixgram", path):
        with net.dial("unixgram", path) as one, net.dial("unixgram", path) as two:
            assert one.local_address != two.local_address
            assert str(one.local_address).startswith("@")


def test_who_has_no_name_cannot_be_answered(path):
    with net.listen_packet("unixgram", path) as server, timeout(SECONDS):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nameless:
            nameless.sendto(b"question", path)
        packet = server.receive()
        assert packet.address == UnixAddress("unixgram", "")
        with pytest.raises(AddressError, match="no address to reply to"):
            packet.reply(b"answer")


@pytest.mark.parametrize("size", [0, 1, 65536, 200_000])
def test_a_packet_of_any_length_comes_whole(path, size):
    data = os.urandom(size)
    with net.listen_packet("unixgram", path) as server, timeout(SECONDS):
        with net.dial("unixgram", path) as client, TaskGroup() as group:
            group.start_soon(client.send, data)
            packet = server.receive()
            assert (packet.data, packet.truncated) == (data, False)


def test_what_is_longer_than_the_buffer_is_told(path):
    with net.listen_packet("unixgram", path), net.dial("unixgram", path) as client:
        with pytest.raises(LimitError, match="a packet of 100000000 bytes is too long"):
            client.send(bytes(100_000_000))


def test_a_sender_waits_while_the_queue_is_full_and_nothing_is_lost(path):
    with net.listen_packet("unixgram", path) as server, timeout(SECONDS):
        with net.dial("unixgram", path) as client, TaskGroup() as group:
            group.start_soon(send_numbers, client, 2000)
            numbers = [int(server.receive().data) for _ in range(2000)]
    assert numbers == list(range(2000))


def send_numbers(client, count):
    for number in range(count):
        client.send(b"%d" % number)


def test_a_send_into_a_full_queue_ends_at_its_deadline(path):
    with net.listen_packet("unixgram", path), net.dial("unixgram", path) as client:
        with pytest.raises(DeadlineError), timeout(0.2):
            send_numbers(client, 100_000)


def test_the_file_goes_when_it_is_closed_and_no_other_file_does(path):
    server = net.listen_packet("unixgram", path)
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    server.close()
    assert not os.path.exists(path)
    with open(path, "w"):
        server.close()
    assert os.path.exists(path)


def test_a_stale_file_is_replaced_and_a_live_one_is_not(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as killed:
        killed.bind(path)
    with net.listen_packet("unixgram", path):
        with pytest.raises(InUseError):
            net.listen_packet("unixgram", path)
        net.dial("unixgram", path).close()  # it is still there


def test_a_file_that_is_no_socket_stays(path):
    with open(path, "w") as file:
        file.write("mine")
    with pytest.raises(InUseError, match="no socket"):
        net.listen_packet("unixgram", path)
    with open(path) as file:
        assert file.read() == "mine"


def test_nobody_behind_a_file_and_no_file_are_told_apart(path):
    with pytest.raises(NotFoundError):
        net.dial("unixgram", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as killed:
        killed.bind(path)
    with pytest.raises(RefusedError):
        net.dial("unixgram", path)


def test_a_socket_of_another_kind_is_told(path):
    with net.listen("unix", path), pytest.raises(Error, match="of another kind"):
        net.dial("unixgram", path)


def test_an_abstract_name_needs_no_file():
    with net.listen_packet("unixgram", "@") as server, timeout(SECONDS):
        with net.dial("unixgram", str(server.local_address)) as client:
            client.send(b"hello")
            assert server.receive().data == b"hello"


def test_a_peer_that_has_gone_is_told(path):
    server = net.listen_packet("unixgram", path)
    with net.dial("unixgram", path) as client:
        server.close()
        with pytest.raises(RefusedError):
            client.send(b"anybody?")
