"""The race for a connection: who begins when, who wins, what is left of the rest."""

import contextlib
import errno
import functools
import inspect
import os
import resource
import select
import socket
import struct
from itertools import pairwise

import pytest

from portside.engine import TaskGroup, now, sleep, spawn, timeout, wait_read
from portside.engine.hub import Hub
from portside.engine.poller import EpollPoller, SelectorsPoller
from portside.errors import Cancelled, DeadlineError, Error, InUseError, RefusedError
from portside.events import socket_call
from portside.names import IPAddress
from portside.net import racing
from portside.net.racing import Attempt, attempt_delay, interleave, race
from tests.engine.waiting import LONG, asleep, in_child, joined, until

DELAY = racing.ATTEMPT_DELAY_SECONDS

ENGINES = {
    "script": lambda body: body(),
    "thread": lambda body: joined(spawn(body)),
    "fork": lambda body: in_child(body) == 0 or pytest.fail("see the child's stderr"),
    "hub-epoll": lambda body: Hub(EpollPoller()).run(body),
    "hub-selectors": lambda body: Hub(SelectorsPoller()).run(body),
}


def on_every_engine(test):
    """Run the test's body on each engine."""

    @pytest.mark.parametrize("engine", ENGINES)
    @functools.wraps(test)
    def run(engine, **given):
        ENGINES[engine](functools.partial(test, **given))

    own = inspect.Parameter("engine", inspect.Parameter.KEYWORD_ONLY)
    asked = inspect.signature(test).parameters.values()
    run.__signature__ = inspect.Signature([*asked, own])
    return run


def has_ipv6():
    with socket.socket(socket.AF_INET6) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")


class Server:
    """A port of this host.

    Attributes:
        place: where it is.
        sock: what has it.
    """

    def __init__(self, host, backlog=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.bind((host, 0))
        if backlog is not None:
            self.sock.listen(backlog)
        self.place = IPAddress("tcp", *self.sock.getsockname()[:2])

    def accept(self):
        self.sock.settimeout(LONG / 2)
        return self.sock.accept()[0]


@pytest.fixture
def server():
    """Return what makes a port: that answers, refuses or stays silent."""
    with contextlib.ExitStack() as stack:

        def make(what, host="127.0.0.1"):
            made = Server(host, {"answers": 256, "silent": 0, "refuses": None}[what])
            stack.enter_context(made.sock)
            if what == "silent":
                # One client fills its queue, and further ones get no answer, listen(2).
                address = made.sock.getsockname()[:2]
                stack.enter_context(socket.create_connection(address, LONG))
                assert select.select([made.sock], [], [], LONG)[0]
            return made

        yield make


class Asked:
    """A control that notes who is tried, and when."""

    def __init__(self):
        self.places = []
        self.times = []

    def __call__(self, network, place, sock):
        self.places.append(place)
        self.times.append(now())


def attempts_at(*servers, local=None, control=None):
    return [Attempt(each.place, local, control) for each in servers]


def n_sockets():
    found = 0
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself is gone
            found += os.readlink(f"/proc/self/fd/{number}").startswith("socket:")
    return found


@contextlib.contextmanager
def no_socket_left():
    before = n_sockets()
    yield
    assert n_sockets() == before


@contextlib.contextmanager
def won(attempts, *, at):
    """Race, and see that this one wins and the others leave nothing."""
    with no_socket_left():
        stream = race(attempts, None)
        try:
            assert stream is not None
            assert stream.ends.remote_address == at.place
            assert stream.socket.getpeername()[:2] == at.sock.getsockname()[:2]
            yield stream
        finally:
            if stream is not None:
                stream.close()


# -- who begins when, and who wins: the cases of Go's TestDialParallel


@on_every_engine
def test_the_first_wins_at_once_and_the_second_is_not_asked(server):
    good, other, asked = server("answers"), server("answers"), Asked()
    with won(attempts_at(good, other, control=asked), at=good):
        assert asked.places == [good.place]


@needs_ipv6
@on_every_engine
def test_a_good_ipv6_address_is_preferred_when_it_is_first(server):
    good, other, asked = server("answers", "::1"), server("answers"), Asked()
    with won(attempts_at(good, other, control=asked), at=good):
        assert asked.places == [good.place]


@on_every_engine
def test_the_second_begins_beside_a_silent_first_after_the_delay(server):
    silent, good, asked = server("silent"), server("answers"), Asked()
    began = now()
    with won(attempts_at(silent, good, control=asked), at=good):
        assert now() - began < DELAY + 0.5
    assert asked.times[1] - asked.times[0] >= DELAY - 0.001


@needs_ipv6
@on_every_engine
def test_a_silent_ipv6_address_costs_a_quarter_of_a_second(server):
    silent, good = server("silent", "::1"), server("answers")
    began = now()
    with won(attempts_at(silent, good), at=good):
        assert DELAY - 0.001 <= now() - began < DELAY + 0.5


@on_every_engine
def test_the_second_begins_at_once_when_the_first_is_refused(server, monkeypatch):
    monkeypatch.setattr(racing, "ATTEMPT_DELAY_SECONDS", LONG)
    refusing, good = server("refuses"), server("answers")
    began = now()
    with won(attempts_at(refusing, good), at=good):
        assert now() - began < LONG / 2


@on_every_engine
def test_refusals_between_are_passed_at_once(server):
    asked = Asked()
    silent, good = server("silent"), server("answers")
    some = [silent, server("refuses"), server("refuses"), good]
    with won(attempts_at(*some, control=asked), at=good):
        assert asked.places == [each.place for each in some]
    assert asked.times[3] - asked.times[1] < DELAY


@on_every_engine
def test_silent_ones_are_a_delay_apart(server, monkeypatch):
    monkeypatch.setattr(racing, "ATTEMPT_DELAY_SECONDS", 0.05)
    asked, good = Asked(), server("answers")
    some = [*(server("silent") for _ in range(4)), good]
    with won(attempts_at(*some, control=asked), at=good):
        pass
    gaps = [late - early for early, late in pairwise(asked.times)]
    assert len(gaps) == 4
    assert min(gaps) >= 0.049


@on_every_engine
def test_a_refusal_of_an_older_one_does_not_hurry_the_next(server, monkeypatch):
    monkeypatch.setattr(racing, "ATTEMPT_DELAY_SECONDS", 0.6)
    silent, other, good = server("silent"), server("silent"), server("answers")
    asked = Asked()

    def control(network, place, sock):
        asked(network, place, sock)
        if place == other.place:
            silent.sock.shutdown(socket.SHUT_RDWR)  # the next question is refused

    attempts = attempts_at(silent, other, good, control=control)
    with won(attempts, at=good):
        assert isinstance(attempts[0].error, RefusedError)
    assert asked.times[2] - asked.times[1] >= 0.599


@on_every_engine
def test_all_refused_is_told_at_once_and_each(server, monkeypatch):
    monkeypatch.setattr(racing, "ATTEMPT_DELAY_SECONDS", LONG)
    some = [server("refuses"), server("refuses"), server("refuses")]
    attempts = attempts_at(*some)
    began = now()
    with no_socket_left():
        assert race(attempts, None) is None
    assert now() - began < LONG / 2
    assert [type(each.error) for each in attempts] == [RefusedError] * 3
    assert [str(each.error) for each in attempts] == [
        f"dial tcp {each.place}: connection refused" for each in some
    ]


@on_every_engine
def test_a_race_of_nobody_is_won_by_nobody():
    assert race([], None) is None


@on_every_engine
def test_a_thousand_addresses_may_fail_before_one_answers(server):
    refusing, good = server("refuses"), server("answers")
    with won(attempts_at(*[refusing] * 999, good), at=good):
        pass


@on_every_engine
def test_a_slow_address_is_not_given_up_for_one_that_fails(server):
    slow, refusing = server("silent"), server("refuses")

    def control(network, place, sock):
        if place == refusing.place:
            slow.accept().close()  # and so it answers the next question

    with won(attempts_at(slow, refusing, control=control), at=slow):
        pass


@on_every_engine
def test_of_two_that_connect_in_one_moment_the_first_wins_and_the_other_ends(server):
    first, second = server("silent"), server("answers")

    def control(network, place, sock):
        if place == second.place:
            first.accept().close()
            wait_read(first.sock.fileno(), now() + LONG / 2)  # now it is connected

    with won(attempts_at(first, second, control=control), at=first):
        # A reset would be as good an end.
        with second.accept() as served, contextlib.suppress(ConnectionResetError):
            served.settimeout(LONG / 2)
            assert served.recv(1) == b""


def test_whoever_is_given_up_is_told_to_the_hooks(server):
    silent, good, told = server("silent"), server("answers"), []

    def hook(name, fd, argument, result):
        if name == "connect":
            told.append((argument, result))

    socket_call.add(hook)
    try:
        with won(attempts_at(silent, good), at=good):
            pass
        assert race(attempts_at(silent), now() + 0.01) is None
    finally:
        socket_call.remove(hook)
    assert told == [
        (str(good.place), "ok"),
        (str(silent.place), "given up"),
        (str(silent.place), "given up"),
    ]


# -- until when


@on_every_engine
def test_the_end_of_the_time_is_a_failure_of_those_under_way(server, monkeypatch):
    monkeypatch.setattr(racing, "LEAST_DELAY_SECONDS", 0.0)
    silent, refusing, other = server("silent"), server("refuses"), server("silent")
    attempts = attempts_at(silent, refusing, other)
    began = now()
    with no_socket_left():
        assert race(attempts, began + 0.3) is None
    assert 0.3 <= now() - began < LONG / 2
    assert [type(each.error) for each in attempts] == [
        DeadlineError,
        RefusedError,
        DeadlineError,
    ]
    told = f"dial tcp {other.place}: deadline exceeded"
    assert str(attempts[2].error) == told


@on_every_engine
def test_a_block_around_bounds_it_as_well(server):
    attempts = attempts_at(server("silent"), server("silent"))
    with no_socket_left(), timeout(0.05):
        assert race(attempts, None) is None
    assert isinstance(attempts[0].error, DeadlineError)
    assert attempts[1].error is None  # its turn had not come
    (alone,) = attempts_at(server("silent"))
    with no_socket_left(), timeout(0.05):
        assert race([alone], None) is None
    assert isinstance(alone.error, DeadlineError)


@on_every_engine
def test_nobody_is_asked_when_the_time_is_up_before(server):
    asked = Asked()
    with pytest.raises(DeadlineError):
        race(attempts_at(server("answers"), control=asked), now() - 1)
    assert asked.places == []


@on_every_engine
def test_nobody_is_asked_after_a_control_that_took_all_the_time(server):
    asked = Asked()

    def control(network, place, sock):
        asked(network, place, sock)
        sleep(0.06)
        raise OSError(errno.EHOSTUNREACH, "no route to host")

    attempts = attempts_at(server("answers"), server("answers"), control=control)
    assert race(attempts, now() + 0.05) is None
    assert asked.places == [attempts[0].place]
    assert attempts[0].error is not None
    assert attempts[1].error is None


# Seconds until the end, addresses left, seconds alone.
DELAYS = {
    "plenty": (12, 2, 0.25),
    "just enough": (0.5, 2, 0.25),
    "little": (0.3, 2, 0.15),
    "the least": (1, 999, 0.1),
    "over": (-1, 1, 0.1),
}


@pytest.mark.parametrize(("left", "places", "wanted"), DELAYS.values(), ids=DELAYS)
def test_the_delay_is_shared_out_where_time_is_short(left, places, wanted):
    delay = attempt_delay(now() + left, places)
    assert delay == pytest.approx(wanted, abs=0.02)


def test_the_delay_without_end_is_that_of_the_rfc():
    assert attempt_delay(None, 7) == 0.25


# -- what is left


@on_every_engine
def test_a_cancellation_in_the_middle_leaves_nothing(server, monkeypatch):
    monkeypatch.setattr(racing, "ATTEMPT_DELAY_SECONDS", 0.01)
    asked, some = Asked(), [server("silent"), server("silent"), server("silent")]
    with no_socket_left():
        task = asleep(race, attempts_at(*some, control=asked), None)
        until(lambda: len(asked.places) == 3 and task.sleeping)
        task.cancel()
        with pytest.raises(Cancelled):
            joined(task)


@on_every_engine
def test_a_cancellation_wins_over_a_connection_or_comes_too_late(server):
    good = server("answers")
    for _ in range(20):
        with no_socket_left():
            task = spawn(race, attempts_at(good), None)
            task.cancel()
            with contextlib.suppress(Cancelled):
                if stream := joined(task):
                    stream.close()


@on_every_engine
def test_a_control_that_fails_ends_the_race_and_leaves_nothing(server):
    silent, other = server("silent"), server("answers")

    def control(network, place, sock):
        if place == other.place:
            raise KeyError("no")

    with no_socket_left(), pytest.raises(KeyError):
        race(attempts_at(silent, other, control=control), None)


@on_every_engine
def test_a_control_that_raises_an_os_error_fails_that_attempt_alone(server):
    refused, good = server("answers"), server("answers")

    def control(network, place, sock):
        if place == refused.place:
            raise OSError(errno.EHOSTUNREACH, "no route to host")

    attempts = attempts_at(refused, good, control=control)
    with won(attempts, at=good):
        assert str(attempts[0].error) == f"dial tcp {refused.place}: no route to host"


def without_descriptors(server):
    silent, others = server("silent"), [server("answers"), server("answers")]

    def control(network, place, sock):
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
        with contextlib.suppress(OSError):
            while True:
                os.dup(0)

    sleep(0.001)  # so that this thread has its bell
    attempts = attempts_at(silent, *others, control=control)
    assert race(attempts, now() + 0.3) is None
    assert isinstance(attempts[0].error, DeadlineError)
    for each in attempts[1:]:
        assert type(each.error) is Error
        assert each.error.errno == errno.EMFILE
    os.close(os.dup(0))  # that of the first has been given back


@pytest.mark.parametrize("engine", ["script", "hub-epoll", "hub-selectors"])
def test_having_no_descriptor_left_is_a_failure_of_that_attempt(server, engine):
    # In a child, which ends with all that it has used up.
    assert in_child(lambda: ENGINES[engine](lambda: without_descriptors(server))) == 0


@on_every_engine
def test_a_hundred_races_at_once_leave_nothing(server, monkeypatch):
    monkeypatch.setattr(racing, "ATTEMPT_DELAY_SECONDS", 0.05)
    some = server("refuses"), server("silent"), server("answers")

    def run():
        stream = race(attempts_at(*some), None)
        assert stream is not None
        assert stream.ends.remote_address == some[2].place
        stream.close()

    with no_socket_left(), TaskGroup() as group:
        for _ in range(100):
            group.start_soon(run)


# -- from where


@on_every_engine
def test_a_fixed_local_port_is_shared_by_the_attempts(server):
    silent, good, free = server("silent"), server("answers"), server("refuses")
    free.sock.close()
    attempts = attempts_at(silent, good, local=free.place)
    with won(attempts, at=good) as stream:
        assert stream.ends.local_address == free.place


def test_a_local_port_can_be_used_again_after_a_conversation(server):
    one, other, free = server("answers"), server("answers"), server("refuses")
    free.sock.close()
    with won(attempts_at(one, local=free.place), at=one) as stream:
        stream.close()  # we are the first to end it: TIME-WAIT is ours
        one.accept().close()
    with won(attempts_at(other, local=free.place), at=other):
        pass


def test_a_local_port_that_somebody_has_is_in_use(server):
    (attempt,) = attempts_at(server("answers"), local=server("answers").place)
    assert race([attempt], None) is None
    assert type(attempt.error) is InUseError
    assert str(attempt.error).endswith(f"{attempt.place}: address already in use")


def test_the_same_two_ends_twice_are_in_use(server):
    good, free = server("answers"), server("refuses")
    free.sock.close()
    with won(attempts_at(good, local=free.place), at=good):
        (attempt,) = attempts_at(good, local=free.place)
        assert race([attempt], None) is None
        assert type(attempt.error) is InUseError
        assert "these two ends have a conversation" in str(attempt.error)


def test_a_local_address_of_another_host_is_told(server):
    local = IPAddress("tcp", "192.0.2.77", 0)
    (attempt,) = attempts_at(server("answers"), local=local)
    assert race([attempt], None) is None
    assert attempt.error is not None
    assert attempt.error.errno == errno.EADDRNOTAVAIL
    assert attempt.error.reason == "192.0.2.77 is not an address of this host"
    assert attempt.error.local == local


# -- ports that the kernel chooses and that do not do


IP_LOCAL_PORT_RANGE = 51  # ip(7), Linux 6.3


class OnlyPort:
    """A control that leaves the kernel one port to choose, for the first few times."""

    def __init__(self, port, times):
        self.port = port
        self.times = times
        self.calls = 0

    def __call__(self, network, place, sock):
        self.calls += 1
        if self.calls <= self.times:
            only = struct.pack("I", self.port << 16 | self.port)
            try:
                sock.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, only)
            except OSError:
                pytest.skip("this kernel has no IP_LOCAL_PORT_RANGE")


@pytest.mark.parametrize(("times", "calls"), [(1, 2), (2, 3), (9, 3)])
def test_a_connection_to_itself_is_tried_again_twice_and_then_refused(
    server, times, calls
):
    nobody = server("refuses")
    nobody.sock.close()
    control = OnlyPort(nobody.place.port, times)
    (attempt,) = attempts_at(nobody, control=control)
    with no_socket_left():
        assert race([attempt], None) is None
    assert str(attempt.error) == f"dial tcp {nobody.place}: connection refused"
    assert control.calls == calls


@pytest.mark.parametrize("times", [1, 2])
def test_a_port_that_is_not_available_is_chosen_again(server, times):
    good, free = server("answers"), server("refuses")
    free.sock.close()
    with won(attempts_at(good, control=OnlyPort(free.place.port, 1)), at=good):
        control = OnlyPort(free.place.port, times)
        with won(attempts_at(good, control=control), at=good):
            assert control.calls == times + 1


def test_a_port_that_is_never_available_is_an_error(server):
    good, free = server("answers"), server("refuses")
    free.sock.close()
    with won(attempts_at(good, control=OnlyPort(free.place.port, 1)), at=good):
        control = OnlyPort(free.place.port, 9)
        (attempt,) = attempts_at(good, control=control)
        with no_socket_left():
            assert race([attempt], None) is None
        assert attempt.error is not None
        assert attempt.error.errno == errno.EADDRNOTAVAIL
        assert control.calls == 3


# -- in which order

ORDERS = {
    "none": ("", ""),
    "one family": ("4a 4b", "4a 4b"),
    "in turn already": ("6a 4a 6b 4b", "6a 4a 6b 4b"),
    "ipv6 first": ("6a 6b 6c 4a 4b", "6a 4a 6b 4b 6c"),
    "ipv4 first": ("4a 4b 6a", "4a 6a 4b"),
    "more of the second": ("6a 4a 4b 4c", "6a 4a 4b 4c"),
}


@pytest.mark.parametrize(("given", "wanted"), ORDERS.values(), ids=ORDERS)
def test_families_take_turns_beginning_with_the_first(given, wanted):
    def places(text):
        return [
            IPAddress("tcp", f"2001:db8::{n}" if v == "6" else f"192.0.2.{ord(n)}", 80)
            for v, n in text.split()
        ]

    assert interleave(places(given)) == places(wanted)
