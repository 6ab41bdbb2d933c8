"""The five values that tell one conversation from all others."""

from portside.names.address import IPAddress
from portside.names.fivetuple import FiveTuple

CLIENT = IPAddress("tcp", "127.0.0.1", 4242)
SERVER = IPAddress("tcp", "127.0.0.1", 7)


def test_five_values_are_the_identity():
    conversation = FiveTuple("tcp", CLIENT, SERVER)
    assert (
        conversation.protocol,
        conversation.local_ip,
        conversation.local_port,
        conversation.remote_ip,
        conversation.remote_port,
    ) == ("tcp", "127.0.0.1", 4242, "127.0.0.1", 7)


def test_it_reads_from_here_to_there():
    assert str(FiveTuple("tcp", CLIENT, SERVER)) == "tcp 127.0.0.1:4242 -> 127.0.0.1:7"


def test_the_peer_sees_it_the_other_way_round():
    ours = FiveTuple("tcp", CLIENT, SERVER)
    assert str(ours.reversed()) == "tcp 127.0.0.1:7 -> 127.0.0.1:4242"
    assert ours.reversed().reversed() == ours


def test_two_clients_of_one_server_are_two_conversations():
    neighbour = IPAddress("tcp", "127.0.0.1", 4243)
    assert (
        len({FiveTuple("tcp", SERVER, CLIENT), FiveTuple("tcp", SERVER, neighbour)})
        == 2
    )


def test_link_local_hosts_on_two_links_are_two_hosts():
    near = IPAddress("tcp", "fe80::1", 7, zone="2")
    other = IPAddress("tcp", "fe80::1", 7, zone="3")
    ours = FiveTuple("tcp", near, other)
    assert (ours.local_ip, ours.remote_ip) == ("fe80::1%2", "fe80::1%3")
