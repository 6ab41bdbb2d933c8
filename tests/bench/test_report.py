"""Rows of a result: medians, quartiles, and the comparison in words."""

from bench.report import aligned, heads_and_rows, lost, warning
from tests.bench.results import figures, result

BASE = [figures(10.0), figures(11.0), figures(12.0)]


def row(peers, name, scenario="echo50"):
    heads, rows = heads_and_rows(result(scenario, peers))
    return dict(zip(heads, next(each for each in rows if each[0] == name), strict=True))


def against(rounds, peers=None):
    peers = peers or {"portside-nonblocking": BASE}
    return row(peers | {"c": rounds}, "c")["CPU against portside-nonblocking"]


def test_a_row_has_medians_and_the_quartiles_of_the_first():
    cells = row({"portside-nonblocking": BASE}, "portside-nonblocking")
    assert cells["CPU µs"] == "11.0 (10.5-11.5)"
    assert cells["messages/s"] == "90909"
    assert cells["p99.9 µs"] == "999"


def test_a_server_that_costs_less_has_a_ratio():
    rounds = [figures(5.0), figures(5.5), figures(6.0)]
    assert against(rounds) == "0.50 (0.50-0.50)"


def test_a_server_that_costs_about_the_same_is_no_different():
    rounds = [figures(10.5), figures(11.5), figures(12.5)]
    assert against(rounds).startswith("no difference: 1.05 (")


def test_a_server_that_could_not_keep_up_is_not_compared():
    rounds = [figures(20.0, kept=0.4)] * 3
    assert against(rounds) == "could not keep up: 40% echoed in time"


def test_a_server_that_was_not_offered_enough_is_not_blamed():
    rounds = [figures(20.0, kept=0.4, busy_share=0.5)] * 3
    assert against(rounds).startswith("not offered: ")


def test_a_busy_machine_spoils_the_figures():
    quiet, busy = figures(5.0), figures(5.0, busy_share=0.2)
    assert warning(result("echo1", {"c": [quiet, quiet, busy]})) == ""
    assert "20% of the time" in warning(result("echo1", {"c": [quiet, busy, busy]}))
    assert warning(result("echo1", {})) == ""


def test_lost_datagrams_are_told_of_all_rounds():
    rounds = [figures(5.0), figures(5.0, offered=1002.0), figures(5.0, offered=1001.0)]
    told = lost(result("packets50", {"c": rounds, "go": [figures(5.0)]}))
    assert told == "Datagrams that were lost, in all rounds: c 3."


def test_where_no_datagram_was_lost_that_is_told():
    peers = {"c": [figures(5.0)]}
    assert lost(result("packets50", peers)) == "No datagram was lost."
    assert lost(result("packets50", {})) == ""


def test_of_conns_nothing_is_lost():
    peers = {"c": [figures(5.0, offered=2000.0)]}  # at a rate: not sent in time
    assert lost(result("rate50", peers)) == ""


def test_the_baseline_is_one():
    rows = row({"portside-nonblocking": BASE}, "portside-nonblocking")
    assert rows["CPU against portside-nonblocking"] == "1"


def test_without_the_baseline_nothing_is_compared():
    assert against(BASE, peers={"go": BASE}) == ""


def test_columns_are_aligned_names_left_and_figures_right():
    text = aligned(["server", "µs", "what"], [["c", "7.0", "x"], ["go", "10.0", ""]])
    assert text.splitlines() == [
        "server    µs  what",
        "c        7.0  x",
        "go      10.0",
    ]


def test_a_result_without_servers_has_its_heads():
    assert aligned(*heads_and_rows(result("echo1", {}))).startswith("server  CPU µs")
