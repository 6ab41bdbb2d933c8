"""What several workers count together; each stands for a process of its own."""

import os
import select

from portside.names import IPAddress
from portside.server.capacity import Capacity
from portside.server.live import Report
from portside.server.tally import Tally, WorkerCounts


def places(tally: Tally, number: int, per_ip: int | None = None) -> Capacity:
    counts = WorkerCounts(tally, number)
    return Capacity(tally.max_connections, per_ip, lambda: None, counts)


def at(ip: str) -> IPAddress:
    return IPAddress("tcp", ip, 4242)


HERE, THERE = at("192.0.2.1"), at("2001:db8::1")


def rings(tally: Tally, number: int) -> bool:
    readable, _, _ = select.select([tally.bells[number].fd], [], [], 0)
    return bool(readable)


def test_the_places_of_all_are_one_sum() -> None:
    tally = Tally(2, 2, 0)
    first, second = places(tally, 0), places(tally, 1)
    first.take(HERE)
    second.take(HERE)
    assert first.is_full
    assert second.is_full
    first.give_back(HERE)
    assert not second.is_full


def test_a_worker_takes_no_more_than_it_can_bear() -> None:
    tally = Tally(2, 10, 0)
    first = Capacity(10, None, lambda: None, WorkerCounts(tally, 0), own_most=1)
    first.take(HERE)
    assert first.is_full
    assert not places(tally, 1).is_full


def test_a_place_that_is_given_back_rings_where_somebody_may_wait_for_it() -> None:
    tally = Tally(2, 1, 0)
    first = places(tally, 0)
    first.take(HERE)
    first.give_back(HERE)
    assert rings(tally, 1)
    assert not rings(tally, 0)


def test_far_from_the_bound_nobody_is_rung() -> None:
    tally = Tally(2, 100, 0)
    first = places(tally, 0)
    first.take(HERE)
    first.give_back(HERE)
    assert not rings(tally, 1)


def test_the_share_of_an_address_is_that_in_all_workers() -> None:
    tally = Tally(2, 10, 10)
    first, second = places(tally, 0, per_ip=2), places(tally, 1, per_ip=2)
    for address in (HERE, THERE):
        assert first.take(address)
        assert second.take(address)
        assert not first.take(address)
        first.give_back(address)
        assert second.take(address)


def test_the_places_of_a_worker_that_died_come_back_and_all_are_told() -> None:
    tally = Tally(2, 2, 4)
    first, second = places(tally, 0, per_ip=2), places(tally, 1, per_ip=2)
    first.take(HERE)
    first.take(HERE)
    assert tally.take_out(0) == (Report(), 2)
    assert rings(tally, 1)
    assert not second.is_full
    assert second.take(HERE)


def test_the_report_of_a_worker_is_read_once() -> None:
    tally = Tally(2, 2, 0)
    tally.begin(1)
    tally.end(1, Report(1, 2, 3))
    assert tally.has_begun(1)
    assert tally.take_out(1) == (Report(1, 2, 3), 0)
    assert tally.take_out(1) == (Report(), 0)
    assert not tally.has_begun(1)


def test_a_forked_child_and_its_parent_see_the_same() -> None:
    tally = Tally(1, 2, 0)
    tally.begin_stop(12.5)
    pid = os.fork()
    if pid == 0:
        is_told = tally.cut_at == 12.5
        WorkerCounts(tally, 0).add(0)
        os._exit(0 if is_told else 1)
    _, status = os.waitpid(pid, 0)
    assert status == 0
    assert WorkerCounts(tally, 0).all == 1
