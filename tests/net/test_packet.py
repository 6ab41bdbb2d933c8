"""A packet: what it says of itself, and the way back."""

import socket

import pytest

from portside.engine import timeout
from portside.errors import ClosedError, LimitError
from portside.names import IPAddress
from portside.net import PacketConn, listen_packet
from portside.net.packet import HEADER_BYTES
from tests.engine.waiting import LONG

ANY = "127.0.0.1:0"


@pytest.fixture
def server():
    with listen_packet("udp", ANY) as packets:
        yield packets


@pytest.fixture
def client():
    with listen_packet("udp", ANY) as packets:
        yield packets


@pytest.fixture
def asked(server, client):
    with timeout(LONG):
        client.send(b"question", server.local_address)
        return server.receive()


def heard(client):
    with timeout(LONG):
        return client.receive().data


def test_it_says_from_whom_it_is_and_how_long(asked, server, client):
    assert repr(asked) == f"<Packet of 8 bytes from {client.local_address}>"
    assert isinstance(asked.address, IPAddress)
    assert isinstance(asked.source, PacketConn)
    assert asked.source is server
    assert asked.local_address == server.local_address
    assert not asked.was_to_all


def test_without_a_guard_a_reply_is_as_long_as_the_network_bears(asked, client):
    assert asked.max_reply_bytes is None
    for data in (bytes(65507), b""):
        asked.reply(data)
        assert heard(client) == data


def test_a_reply_that_is_over_the_limit_is_not_sent(asked, client):
    asked.max_reply_bytes = 10
    with pytest.raises(LimitError, match=r"11 bytes .* at most 10") as caught:
        asked.reply(b"x" * 11)
    assert caught.value.limit == 10
    asked.reply(b"y" * 10)
    assert heard(client) == b"y" * 10


def test_the_limit_is_that_of_all_replies_with_their_headers(asked, client):
    asked.max_reply_bytes = 100
    asked.reply(b"1" * 30)
    assert asked.max_reply_bytes == 70 - HEADER_BYTES
    asked.reply(b"2" * 42)
    with pytest.raises(LimitError, match="at most 0") as caught:
        asked.reply(b"")
    assert caught.value.limit == 0
    assert heard(client) == b"1" * 30
    assert heard(client) == b"2" * 42


def test_the_limit_counts_bytes_and_not_items(asked):
    asked.max_reply_bytes = 10
    with pytest.raises(LimitError, match="a reply of 16 bytes"):
        asked.reply(memoryview(bytes(16)).cast("Q"))


def test_a_reply_that_is_too_long_says_so_with_both_ends(asked, server, client):
    with pytest.raises(LimitError, match="over the 65507 of udp") as caught:
        asked.reply(bytes(65508))
    assert caught.value.local == server.local_address
    assert caught.value.remote == client.local_address


def test_on_a_dual_stack_socket_the_longest_is_that_of_ipv6():
    with listen_packet("udp", ":0") as packets, timeout(LONG):
        place = IPAddress("udp", "::1", packets.local_address.port)
        packets.send(bytes(65527), place)
        assert len(packets.receive().data) == 65527
        with pytest.raises(LimitError, match="65528 bytes is over the 65527"):
            packets.send(bytes(65528), place)


def test_what_is_too_long_for_the_way_alone_says_that():
    with listen_packet("udp6", "[::1]:0") as packets:
        sock = packets._descriptor.socket
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DONTFRAG, 1)
        with pytest.raises(LimitError, match="too long for this socket or its way"):
            packets.send(bytes(65527), packets.local_address)  # the MTU of lo is 65536


def test_a_text_is_no_reply(asked):
    with pytest.raises(TypeError):
        asked.reply("text")
    asked.max_reply_bytes = 100
    with pytest.raises(TypeError):
        asked.reply("text")


def test_a_reply_by_a_closed_socket_says_to_whom(asked, server, client):
    server.close()
    with pytest.raises(ClosedError) as caught:
        asked.reply(b"late")
    assert caught.value.op == "send"
    assert caught.value.local == server.local_address
