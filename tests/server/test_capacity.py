import pytest

from portside.names import IPAddress, PipeAddress
from portside.server.capacity import Capacity


def capacity(most: int = 10, per_ip: int | None = None) -> Capacity:
    return Capacity(most, per_ip, lambda: None)


def at(ip: str) -> IPAddress:
    return IPAddress("tcp", ip, 4242)


def test_it_is_full_when_every_place_is_taken_and_free_when_one_is_given_back() -> None:
    places = capacity(2)
    assert places.take(at("192.0.2.1"))
    assert places.take(at("192.0.2.2"))
    assert places.is_full
    places.give_back(at("192.0.2.1"))
    assert not places.is_full


def test_who_waits_for_a_place_is_told() -> None:
    told: list[bool] = []
    places = Capacity(1, None, lambda: told.append(True))
    places.take(at("192.0.2.1"))
    places.give_back(at("192.0.2.1"))
    assert told == [True]


SHARES = [
    ("the same IPv4 address", "192.0.2.1", "192.0.2.1", True),
    ("another IPv4 address", "192.0.2.1", "192.0.2.2", False),
    ("an IPv4 address and its mapped form", "192.0.2.1", "::ffff:192.0.2.1", True),
    ("two addresses of one /64", "2001:db8::1", "2001:db8::ffff:2", True),
    ("addresses of two /64", "2001:db8::1", "2001:db8:0:1::1", False),
]


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [row[1:] for row in SHARES],
    ids=[row[0] for row in SHARES],
)
def test_one_subscriber_is_one_address(first: str, second: str, shared: bool) -> None:
    places = capacity(per_ip=1)
    assert places.take(at(first))
    assert places.take(at(second)) is not shared
    places.give_back(at(first))
    assert places.take(at(first))


def test_who_is_turned_away_takes_no_place() -> None:
    places = capacity(per_ip=1)
    places.take(at("192.0.2.1"))
    places.take(at("192.0.2.1"))
    assert places.taken == 1


def test_a_conn_without_an_ip_has_no_share() -> None:
    places = capacity(per_ip=1)
    assert places.take(PipeAddress())
    assert places.take(PipeAddress())
