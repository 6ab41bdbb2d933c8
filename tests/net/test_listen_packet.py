"""Hearing packets: at which spelling, by whom, how often; and being connected."""

import socket

import pytest

from portside import net
from portside.engine import now, timeout
from portside.errors import (
    AddressError,
    DeniedError,
    Error,
    InUseError,
    ResolveError,
    UnknownNetworkError,
    WouldBlockError,
)
from portside.names import Endpoint, IPAddress
from portside.net import listen_packet, listen_packets
from tests.engine.waiting import LONG

# Go's UDPServer: where it hears, and from which family it is asked by which network.
SERVERS = [
    ("udp", ":0"),
    ("udp", "0.0.0.0:0"),
    ("udp", "[::ffff:0.0.0.0]:0"),
    ("udp", "[::]:0"),
    ("udp4", ":0"),
    ("udp4", "0.0.0.0:0"),
    ("udp4", "[::ffff:0.0.0.0]:0"),
    ("udp6", ":0"),
    ("udp6", "[::]:0"),
    ("udp", "127.0.0.1:0"),
    ("udp", "[::ffff:127.0.0.1]:0"),
    ("udp", "[::1]:0"),
    ("udp4", "127.0.0.1:0"),
    ("udp6", "[::1]:0"),
]
CLIENTS = [
    ("udp", "127.0.0.1"),
    ("udp", "::ffff:127.0.0.1"),
    ("udp", "::1"),
    ("udp4", "127.0.0.1"),
    ("udp6", "::1"),
]


def hears(network, place, ip):
    """Whether one that hears there is reached at ip."""
    only_ipv4 = network == "udp4" or "127" in place
    only_ipv6 = network == "udp6" or "::1" in place
    is_ipv4 = "." in ip
    return not (only_ipv6 if is_ipv4 else only_ipv4)


REACHED = [
    (network, place, by, ip)
    for network, place in SERVERS
    for by, ip in CLIENTS
    if hears(network, place, ip)
]


@pytest.mark.parametrize(("network", "place", "by", "ip"), REACHED)
@pytest.mark.parametrize("connected", [True, False], ids=["connected", "not"])
def test_every_client_of_a_family_that_is_heard_is_answered(
    network, place, by, ip, connected
):
    with listen_packet(network, place) as server, timeout(LONG):
        server.set_deadline(now() + LONG)
        at = IPAddress(by, ip, server.local_address.port)
        client = net.dial("udp", str(at)) if connected else listen_packet(by, ":0")
        with client:
            client.set_deadline(now() + LONG)
            client.send(b"ask", None if connected else at)
            packet = server.receive()
            packet.reply(packet.data)
            answer = client.receive()
            assert answer.data == b"ask"
            shown = f"{packet.address} {packet.local_address} {answer.address}"
            assert answer.address == IPAddress(client.network, at.ip, at.port)
            assert "ffff" not in shown


@pytest.mark.parametrize(("network", "ip"), [("udp4", "::1"), ("udp6", "127.0.0.1")])
def test_the_other_family_is_not_heard(network, ip):
    with listen_packet(network, ":0") as server, listen_packet("udp", ":0") as client:
        client.send(b"x", IPAddress("udp", ip, server.local_address.port))
        with pytest.raises(WouldBlockError):
            server.receive_nowait()


# Who hears there already, and which other spellings of its place are taken then.
TAKEN = {
    "same address": ("udp", "127.0.0.1", "udp", "127.0.0.1"),
    "same, mapped": ("udp", "127.0.0.1", "udp", "[::ffff:127.0.0.1]"),
    "same ipv6 address": ("udp", "[::1]", "udp", "[::1]"),
    "any and any": ("udp", "", "udp", ""),
    "any and 0.0.0.0": ("udp", "", "udp", "0.0.0.0"),
    "any and ::": ("udp", "", "udp", "[::]"),
    "0.0.0.0 and ::": ("udp", "0.0.0.0", "udp", "[::]"),
    "any and any ipv4": ("udp", "", "udp4", ""),
    "any and any ipv6": ("udp", "", "udp6", ""),
    "any ipv4 and any": ("udp4", "", "udp", ""),
    "any ipv6 and any": ("udp6", "", "udp", ""),
    "any and one ipv4": ("udp", "", "udp", "127.0.0.1"),
    "any and one ipv6": ("udp", "", "udp", "[::1]"),
    "one ipv4 and any": ("udp", "127.0.0.1", "udp", ""),
    "one ipv6 and any": ("udp", "[::1]", "udp", ""),
}
SIDE_BY_SIDE = {
    "loopbacks": ("udp", "127.0.0.1", "udp", "[::1]"),
    "two of ipv4": ("udp", "127.0.0.1", "udp", "127.0.0.2"),
    "any of each family": ("udp4", "", "udp6", ""),
}


@pytest.mark.parametrize(("network", "host", "by", "again"), TAKEN.values(), ids=TAKEN)
def test_a_second_one_at_the_same_place_is_refused(network, host, by, again):
    with listen_packet(network, f"{host}:0") as first:
        port = first.local_address.port
        with pytest.raises(InUseError, match=f"listen {by} ") as caught:
            listen_packet(by, f"{again}:{port}")
        assert str(caught.value.local).endswith(f":{port}")
        first.close()
        listen_packet(by, f"{again}:{port}").close()


@pytest.mark.parametrize(
    ("network", "host", "by", "other"), SIDE_BY_SIDE.values(), ids=SIDE_BY_SIDE
)
def test_two_that_do_not_overlap_have_one_port(network, host, by, other):
    with listen_packet(network, f"{host}:0") as first:
        listen_packet(by, f"{other}:{first.local_address.port}").close()


@pytest.mark.parametrize("target", ["udp://127.0.0.1:0", ("udp", "127.0.0.1:0")])
def test_a_target_is_written_in_one_piece_or_in_two(target):
    pieces = (target,) if isinstance(target, str) else target
    with listen_packet(*pieces) as packets:
        assert packets.network == "udp"
        assert packets.local_address.ip == "127.0.0.1"
        assert packets.local_address.port > 0


def test_a_target_may_be_an_address_or_an_endpoint():
    with listen_packet(Endpoint("udp4", "127.0.0.1", 0)) as packets:
        address = packets.local_address
    with listen_packet(address) as again:
        assert again.local_address == address


def test_conns_and_packets_have_ports_of_their_own():
    with net.listen("tcp", "127.0.0.1:0") as listener:
        port = listener.address.port
        try:
            listen_packet("udp", f"127.0.0.1:{port}").close()
        except InUseError:
            pytest.skip("another process has the port of udp")


def test_a_network_of_conns_is_refused_with_the_word_for_it():
    for target in ("tcp://127.0.0.1:0", "tcp4://:0", "unix:@x"):
        with pytest.raises(UnknownNetworkError, match="use listen"):
            listen_packet(target)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("udp://127.0.0.1:70000", AddressError),
        ("udp://::1:80", AddressError),
        ("udp4://[::1]:0", AddressError),
        ("udp6://127.0.0.1:0", AddressError),
        ("udp://no-such-name.invalid:0", ResolveError),
        ("upd://127.0.0.1:0", AddressError),
        ("127.0.0.1:0", AddressError),
    ],
)
def test_what_can_never_be_is_refused(target, error):
    with pytest.raises(error):
        listen_packet(target)


def answers(*texts):
    return lambda host, network: texts


def test_a_name_is_heard_at_each_of_its_addresses_on_one_port():
    found = listen_packets("udp", "two:0", resolver=answers("127.0.0.1", "127.0.0.2"))
    try:
        places = [each.local_address for each in found]
        assert [place.ip for place in places] == ["127.0.0.1", "127.0.0.2"]
        assert len({place.port for place in places}) == 1
    finally:
        for each in found:
            each.close()


def test_of_a_name_the_first_address_is_heard_at_whatever_the_others_are():
    both = answers("127.0.0.1", "127.0.0.2")
    with listen_packet("udp", "127.0.0.2:0") as taken:
        place = f"two:{taken.local_address.port}"
        with listen_packet("udp", place, resolver=both) as packets:
            assert packets.local_address.ip == "127.0.0.1"
            with pytest.raises(InUseError):
                listen_packets("udp", place, resolver=both)


def test_no_packet_is_stolen_by_a_second_one_that_reuses_the_address():
    """SO_REUSEADDR would let it: it is set for groups alone."""
    with listen_packet("udp", "127.0.0.1:0") as packets:
        sock = packets._descriptor.socket
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                thief.bind(packets.local_address.sockaddr)


@pytest.mark.parametrize(
    ("network", "place", "told"),
    [
        ("udp", "127.0.0.1:0", "udp4"),
        ("udp", ":0", "udp6"),
        ("udp4", ":0", "udp4"),
        ("udp6", "[::1]:0", "udp6"),
    ],
)
def test_control_is_told_the_concrete_network_and_may_set_options(network, place, told):
    seen = []

    def control(concrete, at, sock):
        seen.append((concrete, at.port, sock.getsockname()[1]))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

    with listen_packet(network, place, control=control) as packets:
        sock = packets._descriptor.socket
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)
    assert seen == [(told, 0, 0)]


def test_what_control_raises_ends_it():
    def control(network, at, sock):
        raise OSError(1, "planned")

    with pytest.raises(Error, match="listen udp 127"):
        listen_packet("udp", "127.0.0.1:0", control=control)
    with listen_packet("udp", "127.0.0.1:0") as server:
        with pytest.raises(Error, match="dial udp"):
            net.dial("udp", str(server.local_address), control=control)


# -- connected


def test_a_connected_one_may_have_a_local_address_and_is_told_in_control():
    seen = []
    with listen_packet("udp", "127.0.0.1:0") as server, timeout(LONG):
        client = net.dial(
            "udp",
            str(server.local_address),
            local="127.0.0.3",
            control=lambda network, at, sock: seen.append(network),
        )
        with client:
            client.send(b"x")
            assert server.receive().address == client.local_address
            assert client.local_address.ip == "127.0.0.3"
    assert seen == ["udp4"]


def test_a_local_port_that_is_taken_is_told():
    with listen_packet("udp", "127.0.0.1:0") as server:
        with pytest.raises(InUseError, match="dial udp") as caught:
            net.dial(
                "udp",
                str(server.local_address),
                local=f"127.0.0.1:{server.local_address.port}",
            )
        assert str(caught.value.remote) == str(server.local_address)


def test_nobody_can_be_connected_to_at_port_0():
    with pytest.raises(AddressError, match="nobody is at port 0") as caught:
        net.dial("udp", "127.0.0.1:0")
    assert caught.value.op == "dial"


def test_a_broadcast_address_wants_an_option_and_says_which():
    place = "127.255.255.255:9"
    with pytest.raises(DeniedError, match="SO_BROADCAST in control=") as caught:
        net.dial("udp", place)
    assert str(caught.value.remote) == place

    def allow(network, at, sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

    net.dial("udp", place, control=allow).close()


def test_of_a_name_the_first_address_that_there_is_a_way_to_is_taken():
    with listen_packet("udp", "127.0.0.1:0") as server, timeout(LONG):
        port = server.local_address.port
        client = net.dial(
            "udp",
            f"both:{port}",
            resolver=answers("255.255.255.255", "127.0.0.1"),
        )
        with client:
            assert client.remote_address == server.local_address
    with pytest.raises(DeniedError) as caught:
        net.dial("udp", "one:9", resolver=answers("255.255.255.255"))
    assert str(caught.value.remote) == "one:9"


def test_a_server_at_every_address_is_dialled_by_its_own_address():
    with listen_packet("udp", ":0") as server, timeout(LONG):
        with net.dial("udp", str(server.local_address)) as client:
            client.send(b"x")
            assert server.receive().data == b"x"
