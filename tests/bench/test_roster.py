"""Who takes part."""

import argparse

import pytest

from bench import roster
from bench.building import BuildError
from bench.roster import PEERS, Commands, Peer, named, prepare
from bench.scenarios import BASELINE, SCENARIOS
from portside.models import MODELS


def test_every_model_of_portside_is_compared():
    assert [f"portside-{name}" for name in MODELS if f"portside-{name}" in PEERS] == [
        f"portside-{name}" for name in MODELS
    ]


def test_a_serial_server_takes_part_only_where_nobody_waits_for_a_connections_end():
    serial = {name for name in SCENARIOS if "portside-serial" in SCENARIOS[name].peers}
    assert serial == {"echo1", "connect1", "packets50"}


def test_every_scenario_has_peers_with_a_program_for_it():
    for scenario in SCENARIOS.values():
        for name in scenario.peers:
            assert PEERS[name].at(scenario.service) is not None, name


def test_every_model_that_can_serves_pages():
    models = {f"portside-{name}" for name in MODELS} - {"portside-serial"}
    assert models <= set(SCENARIOS["http50"].peers)


def test_every_scenario_has_the_baseline():
    assert all(BASELINE in scenario.peers for scenario in SCENARIOS.values())


def test_who_has_no_program_for_packets_is_neither_here_nor_skipped():
    peer = Peer("it", lambda: ["echo"])
    assert prepare([peer], "echo").here == {"it": ["echo"]}
    assert prepare([peer], "packets") == Commands({}, {}, {})


def test_a_peer_is_started_as_the_service_wants():
    peer = Peer("it", lambda: ["echo"], lambda: ["packets"])
    assert prepare([peer], "echo").here == {"it": ["echo"]}
    assert prepare([peer], "packets").here == {"it": ["packets"]}


def test_peers_are_named_with_commas_and_keep_their_order():
    assert [peer.name for peer in named("go,c")] == ["c", "go"]


def test_a_name_that_no_peer_has_is_told():
    with pytest.raises(argparse.ArgumentTypeError, match="no peer 'cc'"):
        named("c,cc")


def test_who_lacks_a_library_is_skipped():
    peer = Peer("it", roster._python("it", needs="no_such_library"))
    assert prepare([peer], "echo").skipped == {"it": "no_such_library is not installed"}


def test_who_is_a_model_to_come_is_skipped():
    peer = roster._portside("telepathic")
    for service in ("echo", "packets", "web", "files"):
        skipped = prepare([peer], service).skipped
        assert "telepathic" in skipped["portside-telepathic"]


def test_who_does_not_compile_has_failed():
    def command() -> list[str]:
        raise BuildError("a syntax error")

    failed = prepare([Peer("it", command)], "echo").failed
    assert failed == {"it": "a syntax error"}
