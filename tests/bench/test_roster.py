"""Who takes part."""

import argparse

import pytest

from bench import roster
from bench.building import BuildError
from bench.roster import PEERS, Peer, named, prepare
from bench.scenarios import SCENARIOS
from portside.models import MODELS


def test_every_model_of_portside_is_compared():
    assert [f"portside-{name}" for name in MODELS if f"portside-{name}" in PEERS] == [
        f"portside-{name}" for name in MODELS
    ]


def test_a_serial_server_takes_part_only_where_there_is_one_connection():
    serial = {name for name in SCENARIOS if "portside-serial" in SCENARIOS[name].peers}
    assert serial == {"echo1", "connect1"}


def test_every_scenario_has_peers_that_there_are():
    for scenario in SCENARIOS.values():
        assert set(scenario.peers) <= set(PEERS)


def test_peers_are_named_with_commas_and_keep_their_order():
    assert [peer.name for peer in named("go,c")] == ["c", "go"]


def test_a_name_that_no_peer_has_is_told():
    with pytest.raises(argparse.ArgumentTypeError, match="no peer 'cc'"):
        named("c,cc")


def test_who_lacks_a_library_is_skipped():
    peer = Peer("it", roster._python("it", needs="no_such_library"))
    assert prepare([peer]).skipped == {"it": "no_such_library is not installed"}


def test_who_is_a_model_to_come_is_skipped():
    peer = Peer("it", roster._portside("telepathic"))
    assert "telepathic" in prepare([peer]).skipped["it"]


def test_who_does_not_compile_has_failed():
    def command() -> list[str]:
        raise BuildError("a syntax error")

    assert prepare([Peer("it", command)]).failed == {"it": "a syntax error"}
