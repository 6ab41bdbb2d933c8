"""The page of measures."""

from bench.scenarios import SCENARIOS
from bench.tables import page, table
from tests.bench.results import figures, result

PEERS = {"c": [figures(5.0)] * 3, "portside-nonblocking": [figures(10.0)] * 3}


def test_a_table_is_markdown_with_our_rows_bold():
    lines = table(result("echo1", PEERS)).splitlines()
    assert lines[0].startswith("| server | CPU µs | messages/s |")
    assert lines[1] == "| --- | ---: | ---: | ---: | ---: | ---: | --- |"
    assert lines[2].startswith("| c | 5.0 (5.0-5.0) | 200000 |")
    assert lines[3].startswith("| **portside-nonblocking** | 10.0 (10.0-10.0) |")


def test_the_page_says_what_made_it_and_on_what_machine():
    text = page({"echo1": result("echo1", PEERS)})
    assert "by `python -m bench.tables`" in text
    assert "2030-01-02, 3 rounds of 1 s; A chip, 2 cores, Linux 6.1" in text
    assert "commit 0123456789ab." in text


def test_the_page_says_who_did_not_take_part():
    text = page({"echo1": result("echo1", PEERS)})
    assert "Did not take part: go (no go here)." in text


def test_scenarios_stand_in_their_usual_order():
    results = {name: result(name, {}) for name in reversed(SCENARIOS)}
    text = page(results)
    places = [text.index(f"## {name}\n") for name in SCENARIOS]
    assert places == sorted(places)


def test_a_scenario_is_described_at_the_pace_that_it_was_run():
    text = page({name: result(name, {}) for name in ("rate50", "idle")})
    assert "100,000 messages a second" in text
    assert "beside 9,000 that have had" in text


def test_the_page_says_what_was_lost():
    peers = {"c": [figures(5.0, offered=1007.0)]}
    assert "in all rounds: c 7." in page({"packets50": result("packets50", peers)})


def test_the_page_says_when_the_machine_was_busy():
    peers = {"c": [figures(5.0, busy_share=0.3)]}
    assert "The machine was busy" in page({"echo1": result("echo1", peers)})
