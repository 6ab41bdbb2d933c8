from collections.abc import Iterator

import pytest

from portside import TaskGroup, net, now, timeout
from portside.errors import DeadlineError
from portside.names import Endpoint, IPAddress
from portside.net import PacketConn
from portside.services.forward_settings import ForwardSettings
from portside.services.lane import Lane
from portside.services.sessions import Sessions
from tests.services.waiting import wait_until


class Front:
    """A packet conn with sessions to an upstream that the test plays itself."""

    def __init__(self, **settings: float) -> None:
        options = ForwardSettings(**settings)  # type: ignore[arg-type]
        self.packets = net.listen_packet("udp", "127.0.0.1:0")
        self.upstream = net.listen_packet("udp", "127.0.0.1:0")
        at = self.upstream.local_address
        assert isinstance(at, IPAddress)
        to = Endpoint("udp", at.ip, at.port)
        lanes = Lane(options, "there"), Lane(options, "back")
        self.sessions = Sessions(to, options, lanes)
        self._peers: list[PacketConn] = []

    def peer(self) -> PacketConn:
        self._peers.append(net.dial("udp", str(self.packets.local_address)))
        return self._peers[-1]

    def carry(self, peer: PacketConn, data: bytes) -> None:
        """Let a peer send, and take it as a server would."""
        peer.send(data)
        self.sessions.forward(self.packets.receive())

    def close(self) -> None:
        self.sessions.end()
        for conn in (self.packets, self.upstream, *self._peers):
            conn.close()


@pytest.fixture
def front(request: pytest.FixtureRequest) -> Iterator[Front]:
    front = Front(**getattr(request, "param", {}))
    with timeout(15):
        yield front
    front.close()


def with_settings(**settings: float) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("front", [settings], indirect=True, ids=str)


def test_a_peer_keeps_its_session_and_gets_its_own_answers(front: Front) -> None:
    ann, bob = front.peer(), front.peer()
    seen = []
    for peer, data in ((ann, b"a1"), (bob, b"b1"), (ann, b"a2"), (bob, b"b2")):
        front.carry(peer, data)
        packet = front.upstream.receive()
        assert packet.data == data
        packet.reply(data.upper())
        assert peer.receive().data == data.upper()
        seen.append(packet.address)
    assert seen[0] == seen[2] != seen[1] == seen[3]
    assert len(front.sessions) == 2


def test_upstream_may_say_more_and_later(front: Front) -> None:
    peer = front.peer()
    front.carry(peer, b"subscribe")
    packet = front.upstream.receive()
    for number in range(5):
        packet.reply(b"%d" % number)
        assert peer.receive().data == b"%d" % number


@with_settings(session_timeout=0.2)
def test_a_silent_session_is_forgotten_and_begun_anew(front: Front) -> None:
    peer = front.peer()
    front.carry(peer, b"1")
    first = front.upstream.receive().address
    wait_until(lambda: len(front.sessions) == 0)
    front.carry(peer, b"2")
    second = front.upstream.receive()
    assert second.data == b"2"
    assert second.address != first


@with_settings(session_timeout=1)
def test_a_session_lives_on_while_either_end_says_something(front: Front) -> None:
    peer = front.peer()
    front.carry(peer, b"1")
    packet = front.upstream.receive()
    until = now() + 2
    while now() < until:
        packet.reply(b"news")
        peer.receive()
        with pytest.raises(DeadlineError), timeout(0.1):
            peer.receive()
    assert len(front.sessions) == 1


@with_settings(max_sessions=2)
def test_the_one_idle_the_longest_makes_room(front: Front) -> None:
    ann, bob, cyd = front.peer(), front.peer(), front.peer()
    seen = {}
    for name, peer in (("ann", ann), ("bob", bob), ("ann", ann), ("cyd", cyd)):
        front.carry(peer, name.encode())
        seen[name] = front.upstream.receive()
    assert len(front.sessions) == 2
    for name in ("ann", "cyd"):
        seen[name].reply(b"still here?")
    assert ann.receive().data == cyd.receive().data == b"still here?"
    seen["bob"].reply(b"still here?")
    front.carry(bob, b"again")
    again = front.upstream.receive()
    assert again.address != seen["bob"].address
    again.reply(b"new")
    assert bob.receive().data == b"new"


def test_nobody_at_upstream_ends_nothing(front: Front) -> None:
    place = str(front.upstream.local_address)
    peer = front.peer()
    front.carry(peer, b"1")
    seen = front.upstream.receive().address
    front.upstream.close()
    for _ in range(5):  # each is answered by ICMP, which our socket is told of
        front.carry(peer, b"lost")
    with pytest.raises(DeadlineError), timeout(0.1):  # of which the peer hears nothing
        peer.receive()
    assert len(front.sessions) == 1
    front.upstream = net.listen_packet("udp", place)
    front.carry(peer, b"2")
    packet = front.upstream.receive()
    assert (packet.data, packet.address) == (b"2", seen)


@with_settings(loss=1)
def test_what_is_lost_does_not_arrive(front: Front) -> None:
    peer = front.peer()
    for _ in range(3):
        front.carry(peer, b"?")
    with pytest.raises(DeadlineError), timeout(0.1):
        front.upstream.receive()


@with_settings(delay=0.2)
def test_a_delay_is_taken_both_ways_and_holds_up_nobody(front: Front) -> None:
    ann, bob = front.peer(), front.peer()
    began = now()
    front.carry(ann, b"a")
    front.carry(bob, b"b")
    assert now() - began < 0.2
    for _ in range(2):
        packet = front.upstream.receive()
        assert now() - began >= 0.2
        packet.reply(packet.data)
    assert (ann.receive().data, bob.receive().data) == (b"a", b"b")
    assert now() - began >= 0.4


@with_settings(jitter=0.2)
def test_jitter_lets_packets_overtake(front: Front) -> None:
    peer = front.peer()
    sent = [b"%d" % number for number in range(30)]
    for data in sent:
        front.carry(peer, data)
    came = [front.upstream.receive().data for _ in sent]
    assert came != sent
    assert sorted(came) == sorted(sent)


def test_after_the_end_nothing_goes_and_no_session_begins(front: Front) -> None:
    peer = front.peer()
    front.carry(peer, b"1")
    front.upstream.receive()
    front.sessions.end()
    front.carry(peer, b"2")
    assert len(front.sessions) == 0
    with pytest.raises(DeadlineError), timeout(0.1):
        front.upstream.receive()


def test_threads_that_take_a_new_peers_packets_at_once_share_a_session(
    front: Front,
) -> None:
    peer = front.peer()
    for _ in range(8):
        peer.send(b"x")
    packets = [front.packets.receive() for _ in range(8)]
    with TaskGroup() as group:
        for packet in packets:
            group.start_soon(front.sessions.forward, packet)
    assert len(front.sessions) == 1
    assert len({front.upstream.receive().address for _ in range(7)}) == 1
