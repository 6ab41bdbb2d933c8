"""What is kept, and read back."""

from bench.results import as_result, read_results, write_result
from bench.rounds import Measured
from bench.scenarios import SCENARIOS, Pace
from tests.bench.results import figures, result


def test_a_result_is_read_back_as_it_was_written(tmp_path):
    peers = {"c": [figures(5.0), figures(8.0)], "go": [figures(10.0)]}
    written = result("echo1", peers)
    file = write_result(tmp_path / "new", written)
    assert file.name == "echo1.json"
    assert read_results(tmp_path / "new") == {"echo1": written}


def test_a_file_has_a_line_for_each_round(tmp_path):
    file = write_result(tmp_path, result("echo1", {"c": [figures(5.0), figures(6.0)]}))
    lines = file.read_text().splitlines()
    assert sum(line.lstrip().startswith('{"cpu_us"') for line in lines) == 2


def test_a_result_names_its_machine_and_versions():
    kept = as_result(SCENARIOS["echo1"], Measured({"c": []}), {}, Pace())
    assert kept["machine"]["kernel"]
    assert kept["machine"]["processor"]
    assert kept["versions"]["python"]
    assert kept["versions"]["portside"]


def test_only_those_who_would_take_part_are_told_as_skipped():
    skipped = {"trio": "not here", "go": "not here"}
    kept = as_result(SCENARIOS["idle"], Measured({}), skipped, Pace())
    assert kept["skipped"] == {"go": "not here"}
