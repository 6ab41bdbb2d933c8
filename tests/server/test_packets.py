"""Who answers packets: in turn, while others wait, at a crash, and at the stop."""

import contextlib
import logging
import time

import pytest
from greenlet import GreenletExit

from portside import Event, Server, Service, net, packet_handler, sleep, timeout
from portside.engine import now, spawn_on_thread
from portside.errors import Cancelled, DeadlineError, Error, ResetError
from portside.net import listen_packet
from portside.server.packets import (
    FIRST_RETURN_SECONDS,
    INLINE_PACKETS,
    LONGEST_RETURN_SECONDS,
    MAX_LINES,
    PacketDoor,
)
from tests.engine.waiting import LONG, until

ANY_PORT = "udp://127.0.0.1:0"
IN_MEMORY = pytest.mark.parametrize("model", ["serial", "thread", "nonblocking"])
SIDE_BY_SIDE = pytest.mark.parametrize("model", ["thread", "nonblocking"])
LINES = {"thread": 8, "nonblocking": MAX_LINES}


@packet_handler
def echo(packet):
    packet.reply(packet.data)


class Waiting:
    """A handler that waits for leave, if the packet says so.

    Attributes:
        waits: how many wait now.
        most: how many have waited at once.
        ends: what ended each.
    """

    def __init__(self):
        self.leave = Event()
        self.waits = self.most = 0
        self.ends = []
        self.service = Service(packet=self.answer)

    def answer(self, packet):
        if packet.data.startswith(b"wait"):
            self.waits += 1
            self.most = max(self.most, self.waits)
            try:
                self.leave.wait()
            except BaseException as error:
                self.ends.append(type(error))
                raise
            finally:
                self.waits -= 1
        packet.reply(packet.data)


@pytest.fixture
def client():
    with listen_packet("udp", "127.0.0.1:0") as packets:
        yield packets


def take(packets, count):
    """Return the data of so many packets."""
    with timeout(LONG):
        return [packets.receive().data for _ in range(count)]


def stands(server):
    """Return how many lines stand at the doors of a server."""
    return len(server._serving.live)


# -- while a handler waits


@SIDE_BY_SIDE
def test_as_many_as_there_are_lines_may_wait_and_the_rest_is_answered_later(
    model, client
):
    waiting = Waiting()
    with Server(waiting.service, ANY_PORT, model=model) as server:
        for number in range(LINES[model]):
            client.send(b"wait %d" % number, server.address)
            until(lambda: waiting.waits == number + 1)  # noqa: B023  at once
        for number in range(5):  # nobody is left: these stay in the kernel
            client.send(b"later %d" % number, server.address)
        with pytest.raises(DeadlineError), timeout(0.05):
            client.receive()
        waiting.leave.set()
        found = take(client, LINES[model] + 5)
        assert sorted(found) == sorted(
            [b"wait %d" % number for number in range(LINES[model])]
            + [b"later %d" % number for number in range(5)]
        )
        assert waiting.most == LINES[model]


@SIDE_BY_SIDE
def test_one_line_less_than_all_leaves_one_that_answers(model, client):
    waiting = Waiting()
    with Server(waiting.service, ANY_PORT, model=model) as server:
        for _ in range(LINES[model] - 1):
            client.send(b"wait", server.address)
        until(lambda: waiting.waits == LINES[model] - 1)
        for _ in range(50):
            client.send(b"quick", server.address)
            assert take(client, 1) == [b"quick"]
        waiting.leave.set()
        assert take(client, LINES[model] - 1) == [b"wait"] * (LINES[model] - 1)


def test_in_a_hub_lines_are_made_when_one_waits_and_go_again(client):
    waiting = Waiting()
    with Server(waiting.service, ANY_PORT, model="nonblocking") as server:
        client.send(b"first", server.address)
        assert take(client, 1) == [b"first"]
        until(lambda: stands(server) == 2)  # the leader, and its relief
        for _ in range(3):
            for _ in range(20):
                client.send(b"wait", server.address)
            until(lambda: waiting.waits == 20)
            assert stands(server) >= 20
            waiting.leave.set()
            assert take(client, 20) == [b"wait"] * 20
            waiting.leave = Event()
            until(lambda: stands(server) == 2)
            door = server.doors.packets[0]
            assert door.lines == 2
            assert door.relief is not None
            client.send(b"next", server.address)
            assert take(client, 1) == [b"next"]


def test_in_a_hub_a_handler_that_gives_way_but_does_not_wait_is_overtaken(client):
    begun, seen = [], []

    @packet_handler
    def gives_way(packet):
        if packet.data == b"slow":
            begun.append(1)
            while b"quick" not in seen:
                sleep(0)
        packet.reply(packet.data)
        seen.append(packet.data)

    with Server(gives_way, ANY_PORT, model="nonblocking") as server:
        client.send(b"slow", server.address)
        until(lambda: begun)
        client.send(b"quick", server.address)
        assert take(client, 2) == [b"quick", b"slow"]


def test_in_a_hub_a_handler_that_waits_for_a_moment_calls_no_crowd(client):
    lines = []

    @packet_handler
    def briefly(packet):
        sleep(0)
        lines.append(server.doors.packets[0].lines)
        packet.reply(packet.data)

    with Server(briefly, ANY_PORT, model="nonblocking") as server:
        for _ in range(10):
            for _ in range(50):
                client.send(b"x", server.address)
            take(client, 50)
    assert max(lines) < 10


@SIDE_BY_SIDE
def test_waiting_handlers_at_one_door_leave_another_alone(model, client):
    waiting = Waiting()
    server = Server(waiting.service, ANY_PORT, model=model)
    server.add(echo, ANY_PORT)
    with server:
        held, free = server.addresses
        for _ in range(LINES[model]):
            client.send(b"wait", held)
        until(lambda: waiting.waits == LINES[model])
        client.send(b"at the other", free)
        assert take(client, 1) == [b"at the other"]
        waiting.leave.set()


# -- what a handler may raise


class Planned(BaseException):
    pass


RAISED = {
    "exception": RuntimeError("planned"),
    "keyboard": KeyboardInterrupt(),
    "generator": GeneratorExit(),
    "greenlet": GreenletExit(),
    "another library's": Planned(),
    "group": BaseExceptionGroup("planned", [Planned()]),
    "closed elsewhere": ResetError(op="read", network="tcp"),
    "exit": SystemExit(3),
}


@pytest.mark.parametrize("error", RAISED.values(), ids=RAISED)
def test_whatever_a_handler_raises_ends_one_packet_alone(model, client, error):
    @packet_handler
    def fails(packet):
        if packet.data == b"fail":
            raise error
        packet.reply(packet.data)

    with Server(fails, ANY_PORT, model=model, grace=10.0) as server:
        for number in range(20):  # more than there are lines in any model but one
            client.send(b"fail", server.address)
            if number % 10 == 9:
                client.send(b"next", server.address)
                assert take(client, 1) == [b"next"]
        begun = time.monotonic()
        report = server.stop()
        assert time.monotonic() - begun < 5.0
    assert (report.cut, report.abandoned) == (0, 0)


@IN_MEMORY
def test_a_failure_is_told_with_both_ends_and_at_a_bounded_rate(model, client, caplog):
    @packet_handler
    def fails(packet):
        if packet.data == b"fail":
            raise RuntimeError("planned")
        packet.reply(packet.data)

    with Server(fails, ANY_PORT, model=model) as server:
        for _ in range(50):
            client.send(b"fail", server.address)
        client.send(b"next", server.address)
        assert take(client, 1) == [b"next"]
        place = server.address
    told = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert 1 <= len(told) <= 3  # one a second, and this machine may be slow
    ends = f"udp {place}->{client.local_address}"
    assert told[0].getMessage() == f"{ends}: handler fails: failed: RuntimeError"


@IN_MEMORY
def test_an_answer_that_cannot_be_sent_is_told_at_debug_level(model, client, caplog):
    caplog.set_level(logging.DEBUG, logger="portside.server")

    @packet_handler
    def too_long(packet):
        packet.reply(bytes(70000) if packet.data == b"long" else b"ok")

    with Server(too_long, ANY_PORT, model=model) as server:
        client.send(b"long", server.address)
        client.send(b"short", server.address)
        assert take(client, 1) == [b"ok"]
    [told] = [each for each in caplog.records if "handler too_long" in each.message]
    assert told.levelno == logging.DEBUG
    assert "over the 65507" in told.message
    assert str(client.local_address) in told.message


@IN_MEMORY
def test_a_client_at_port_0_is_no_trouble_of_ours(model, client, caplog):
    """Only a forged packet comes from there; the kernel refuses to answer it."""
    caplog.set_level(logging.INFO, logger="portside.server")
    with Server(echo, ANY_PORT, model=model) as server:
        send_from_port_0(server.address)
        client.send(b"next", server.address)
        assert take(client, 1) == [b"next"]
    assert not any("handler" in each.message for each in caplog.records)


def send_from_port_0(target):
    from portside.names import IPAddress
    from tests.server.test_guard import send_forged

    send_forged(IPAddress("udp", "127.0.0.1", 0), target)


# -- the stop


@SIDE_BY_SIDE
def test_at_a_stop_each_that_waits_may_answer(model, client):
    waiting = Waiting()
    count = LINES[model] // 2
    with Server(waiting.service, ANY_PORT, model=model) as server:
        for _ in range(count):
            client.send(b"wait", server.address)
        until(lambda: waiting.waits == count)
        server.begin_stop(grace=LONG)
        until(lambda: stands(server) == count)  # who had nothing to do has gone
        waiting.leave.set()
        report = server.stop()
        assert take(client, count) == [b"wait"] * count
    assert (report.finished, report.cut, report.abandoned) == (0, 0, 0)
    assert waiting.ends == []


@IN_MEMORY
def test_at_the_end_of_the_grace_who_waits_is_cut_and_counted(model, client):
    waiting = Waiting()
    count = 1 if model == "serial" else LINES[model] // 2
    with Server(waiting.service, ANY_PORT, model=model) as server:
        for _ in range(count):
            client.send(b"wait", server.address)
        until(lambda: waiting.waits == count)
        begun = time.monotonic()
        report = server.stop(grace=0.1)
        assert time.monotonic() - begun < 5.0
        assert stands(server) == 0
    assert (report.cut, report.abandoned) == (count, 0)
    assert waiting.ends == [Cancelled] * count


@IN_MEMORY
def test_a_handler_that_swallows_its_end_is_cut_all_the_same(model, client):
    begun = []

    @packet_handler
    def stubborn(packet):
        begun.append(1)
        with contextlib.suppress(Cancelled):
            sleep(LONG)

    with Server(stubborn, ANY_PORT, model=model) as server:
        client.send(b"x", server.address)
        until(lambda: begun)
        report = server.stop(grace=0.1)
    assert (report.cut, report.abandoned) == (1, 0)


def test_what_has_come_before_the_stop_is_answered(model, client):
    if model == "serial":
        pytest.skip("serial answers between two conversations, and stops there")
    with Server(echo, ANY_PORT, model=model) as server:
        client.send(b"somebody stands there", server.address)
        take(client, 1)
        for number in range(20):
            client.send(b"%d" % number, server.address)
        server.stop(grace=LONG)
        found = sorted(int(data) for data in take(client, 20))
    assert found == list(range(20))


def test_a_stop_at_once_after_the_start_does_not_wait_for_the_grace(model):
    for _ in range(3 if model in ("fork", "hybrid") else 20):
        with Server(echo, ANY_PORT, model=model, grace=10.0) as server:
            begun = time.monotonic()
            report = server.stop()
            assert time.monotonic() - begun < 5.0
        assert (report.finished, report.cut, report.abandoned) == (0, 0, 0)


@SIDE_BY_SIDE
def test_an_idle_server_stops_at_once_after_it_has_answered(model, client):
    with Server(echo, ANY_PORT, model=model, grace=10.0) as server:
        client.send(b"x", server.address)
        assert take(client, 1) == [b"x"]
        begun = time.monotonic()
        server.stop()
        assert time.monotonic() - begun < 5.0
        assert stands(server) == 0


@IN_MEMORY
def test_packets_that_never_end_do_not_hold_up_a_stop(model, client):
    """Each one makes the next: at a stop there is always one more that has come."""
    count = []

    @packet_handler
    def again(packet):
        count.append(1)
        packet.source.send(b"again", packet.source.local_address)

    with Server(again, ANY_PORT, model=model, grace=10.0) as server:
        for _ in range(20):
            client.send(b"first", server.address)
        until(lambda: len(count) > 200)
        begun = time.monotonic()
        report = server.stop()
        assert time.monotonic() - begun < 5.0
    assert (report.cut, report.abandoned) == (0, 0)


@IN_MEMORY
def test_who_only_waits_for_packets_is_not_cut_however_short_the_grace(model, client):
    with Server(echo, ANY_PORT, model=model) as server:
        client.send(b"x", server.address)
        assert take(client, 1) == [b"x"]
        report = server.stop(grace=0.0)
        assert stands(server) == 0
    assert (report.finished, report.cut, report.abandoned) == (0, 0, 0)


def test_in_a_hub_that_stops_nobody_is_called_to_the_door_any_more(client):
    for _ in range(10):
        with Server(echo, ANY_PORT, model="nonblocking") as server:
            until(lambda: stands(server) == 2)
            server.stop(grace=LONG)
            assert server.doors.packets[0].lines == 0


@IN_MEMORY
def test_a_packet_conn_that_somebody_closes_ends_its_answers_alone(model, client):
    server = Server(echo, ANY_PORT, model=model, grace=10.0)
    server.add(echo, ANY_PORT)
    server.add(stream_echo, "tcp://127.0.0.1:0")
    with server:
        stream, _, place = server.addresses
        client.send(b"x", server.doors.packets[0].packets.local_address)
        assert take(client, 1) == [b"x"]
        closed = server.doors.packets[0]
        closed.packets.close()
        until(lambda: closed.lines == 0)  # and nobody is called there any more
        client.send(b"y", place)
        assert take(client, 1) == [b"y"]
        with net.dial(stream, timeout=LONG) as conn, timeout(LONG):
            conn.write(b"z")
            assert conn.read() == b"z"


def stream_echo(conn):
    for chunk in conn:
        conn.write(chunk)


# -- serial: who accepts answers


def test_serial_lets_a_conn_in_after_so_many_packets(client):
    order = []
    both = Service(
        stream=lambda conn: order.append("conn"),
        packet=lambda packet: order.append("packet"),
    )
    server = Server(both, "127.0.0.1:0", model="serial")
    server.listen()
    stream, packet = server.addresses
    for _ in range(150):
        client.send(b"x", packet)
    conns = [net.dial(stream, timeout=LONG) for _ in range(3)]
    running = spawn_on_thread(server.serve_all, name="server")
    until(lambda: len(order) == 153)
    server.stop()
    until(lambda: running.done)
    for conn in conns:
        conn.close()
    positions = [index for index, kind in enumerate(order) if kind == "conn"]
    assert positions[0] <= INLINE_PACKETS
    assert positions[1] - positions[0] <= INLINE_PACKETS + 1
    assert positions[2] - positions[1] <= INLINE_PACKETS + 1
    # And a packet does not wait for all conns either.
    assert positions != [0, 1, 2]


def test_serial_comes_back_for_packets_and_not_for_none(client):
    with Server(echo, ANY_PORT, model="serial") as server:
        client.send(b"x", server.address)
        assert take(client, 1) == [b"x"]
        until(lambda: stands(server) == 0)
        assert server.doors.packets[0].lines == 0
        assert server._serving is not None
        assert not server._serving._acceptor._wanted


# -- a door whose process dies


def test_a_door_is_left_alone_longer_each_time_up_to_a_bound(client):
    door = PacketDoor(client, echo, None)
    wanted = FIRST_RETURN_SECONDS
    for _ in range(10):
        before = now()
        moment = door.return_at()
        assert before + wanted <= moment <= now() + wanted
        wanted = min(2 * wanted, LONGEST_RETURN_SECONDS)
    assert wanted == LONGEST_RETURN_SECONDS


def test_a_door_says_where_it_is(client):
    assert str(PacketDoor(client, echo, None)) == f"udp {client.local_address}"


def test_a_handler_of_conns_at_udp_and_swapped_is_refused():
    with pytest.raises(Error, match="carries packets"):
        Server(stream_echo, ANY_PORT)
    with pytest.raises(Error, match="carries conns"):
        Server(echo, "tcp://127.0.0.1:0")
