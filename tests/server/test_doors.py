"""What a server hears at: all of it at the ports that were asked for, or nothing."""

import contextlib
import os
import socket

import pytest

from portside import net
from portside.errors import AddressError, HandlerError, InUseError, ResolveError
from portside.names import IPAddress, UnixAddress
from portside.server.doors import SAME_PORT_TRIES, Doors
from portside.server.service import Service
from tests.lonely import LONELY


def of_conn(conn):
    pass


def of_packet(packet):
    pass


BOTH = Service(stream=of_conn, packet=of_packet)
GUARDED = Service(stream=of_conn, packet=of_packet, is_guarded=True)


@pytest.fixture
def doors():
    doors = Doors()
    yield doors
    doors.close()
    doors.remove_files()


def open_fds():
    """Return the numbers of all open sockets."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself is gone
            if os.readlink(f"/proc/self/fd/{number}").startswith("socket:"):
                found.add(int(number))
    return found


@pytest.mark.parametrize("place", ["127.0.0.1:0", "[::1]:0", ":0"])
def test_without_a_network_every_transport_is_heard_at_one_port(doors, place):
    doors.add(BOTH, [place])
    doors.open(None, guard_packets=True)
    stream, packet = doors.addresses
    assert (stream.network, packet.network) == ("tcp", "udp")
    assert stream.port == packet.port > 0
    assert stream.ip == packet.ip
    assert doors.conns[0][1] is of_conn
    assert doors.packets[0].handler is of_packet


def test_a_name_with_many_addresses_has_one_port_for_all(doors):
    doors.add(BOTH, ["localhost:0"])
    doors.open(None, guard_packets=True)
    assert len({each.port for each in doors.addresses}) == 1
    assert {each.network for each in doors.addresses} == {"tcp", "udp"}


def test_with_a_network_that_alone_is_heard(doors):
    doors.add(BOTH, ["udp://127.0.0.1:0", "tcp4://127.0.0.1:0"])
    doors.open(None, guard_packets=True)
    assert [each.network for each in doors.addresses] == ["tcp4", "udp"]


def test_each_place_has_a_port_of_its_own(doors):
    doors.add(BOTH, ["127.0.0.1:0", "127.0.0.1:0"])
    doors.open(None, guard_packets=True)
    ports = [each.port for each in doors.addresses]
    assert len(ports) == 4
    assert len(set(ports)) == 2


def test_a_port_of_packets_that_is_taken_is_looked_for_again(doors):
    """The kernel chooses the port of conns, and somebody has it for packets."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((LONELY, 0))
        port = taken.getsockname()[1]
        doors.add(BOTH, [IPAddress("tcp", LONELY, port), "127.0.0.1:0"])
        doors.open(None, guard_packets=True)
        assert all(each.port != port for each in doors.addresses[1:])
        assert SAME_PORT_TRIES > 1


def test_a_fixed_port_that_is_taken_for_packets_leaves_nothing_open(doors):
    with net.listen_packet("udp", f"{LONELY}:0") as taken:
        place = str(taken.local_address)
        doors.add(BOTH, ["127.0.0.1:0"])
        doors.add(BOTH, [place])
        before = open_fds()
        with pytest.raises(InUseError, match=f"listen udp {place}"):
            doors.open(None, guard_packets=True)
        assert open_fds() == before
        assert doors.addresses == ()
        assert doors.packets == []


def test_what_failed_to_open_can_be_opened_later(doors):
    with net.listen_packet("udp", f"{LONELY}:0") as taken:
        doors.add(BOTH, ["127.0.0.1:0"])
        doors.add(BOTH, [str(taken.local_address)])
        with pytest.raises(InUseError):
            doors.open(None, guard_packets=True)
    doors.open(None, guard_packets=True)
    assert len(doors.conns) == len(doors.packets) == 2
    assert not any(listener.closed for listener, _ in doors.conns)
    assert len(doors.addresses) == 4


def test_a_name_without_an_address_leaves_nothing_open(doors):
    doors.add(BOTH, ["127.0.0.1:0", "no-such-name.invalid:0"])
    before = open_fds()
    with pytest.raises(ResolveError):
        doors.open(None, guard_packets=True)
    assert open_fds() == before


def test_swapped_kinds_are_refused_when_they_are_added(doors):
    with pytest.raises(HandlerError, match="carries packets"):
        doors.add(Service(stream=of_conn), ["udp://127.0.0.1:0"])
    with pytest.raises(HandlerError, match="carries conns"):
        doors.add(Service(packet=of_packet), ["tcp://127.0.0.1:0"])
    with pytest.raises(AddressError):
        doors.add(BOTH, ["127.0.0.1:70000"])
    doors.open(None, guard_packets=True)
    assert doors.addresses == ()


def test_the_file_of_a_unix_socket_is_listed_and_removed(doors, tmp_path):
    path = tmp_path / "echo"
    doors.add(BOTH, [f"unix:{path}", "127.0.0.1:0"])
    doors.open(None, guard_packets=True)
    assert doors.addresses[0] == UnixAddress("unix", str(path))
    assert path.exists()
    doors.close()
    doors.remove_files()
    assert not path.exists()


def test_packets_of_a_unix_socket_are_heard_and_its_file_removed(doors, tmp_path):
    path = tmp_path / "packets"
    doors.add(BOTH, [f"unixgram:{path}"])
    doors.open(None, guard_packets=True)
    assert doors.addresses == (UnixAddress("unixgram", str(path)),)
    doors.close()
    doors.remove_files()
    assert not path.exists()


def test_its_descriptors_are_those_of_all_sockets(doors):
    before = open_fds()
    doors.add(BOTH, ["127.0.0.1:0", "127.0.0.1:0"])
    doors.open(None, guard_packets=True)
    assert doors.descriptors() == open_fds() - before
    doors.close()
    doors.close()
    assert open_fds() == before


def test_a_copy_that_is_abandoned_is_closed(doors):
    before = open_fds()
    doors.add(BOTH, ["127.0.0.1:0"])
    doors.open(None, guard_packets=True)
    doors.abandon()
    assert open_fds() == before


@pytest.mark.parametrize(
    ("service", "guard_packets", "is_guarded"),
    [(GUARDED, True, True), (GUARDED, False, False), (BOTH, True, False)],
)
def test_only_who_answers_whoever_asks_is_guarded(
    doors, service, guard_packets, is_guarded
):
    doors.add(service, ["127.0.0.1:0"])
    doors.open(None, guard_packets=guard_packets)
    assert (doors.packets[0].guard is not None) is is_guarded
