"""Turns: every server once in a round, and none always after the same."""

from bench.process import ProgramError
from bench.rounds import rotated, run_rounds
from bench.scenarios import Measure, Pace, Scenario


def test_the_order_rotates_by_one_each_round():
    names = ["a", "b", "c"]
    assert [rotated(names, number)[0] for number in range(4)] == ["a", "b", "c", "a"]
    assert sorted(rotated(names, 2)) == names


def test_nobody_takes_turns_alone():
    assert rotated([], 3) == []


def scenario(measure):
    return Scenario("told", "", ("good", "bad"), measure, (Measure("cpu_us", "CPU"),))


SERVER = ["sh", "-c", "echo port 1; exec sleep 60"]


def test_a_server_that_fails_is_left_out_and_the_others_go_on():
    def measure(server, pace):
        if server.name == "bad":
            raise ProgramError("it broke")
        return {"cpu_us": 1.0}

    told: list[str] = []
    found = run_rounds(
        scenario(measure), {"good": SERVER, "bad": SERVER}, 2, Pace(), told.append
    )
    assert found.rounds == {"good": [{"cpu_us": 1.0}, {"cpu_us": 1.0}]}
    assert "it broke" in found.failed["bad"]
    assert told[0].startswith("failed: bad: told: it broke")


def test_a_server_that_does_not_start_is_told_with_what_it_said():
    command = ["sh", "-c", "echo no luck >&2; exit 3"]
    found = run_rounds(
        scenario(lambda server, pace: {}), {"bad": command}, 1, Pace(), lambda text: 0
    )
    assert "no luck" in found.failed["bad"]


def test_only_those_who_are_here_take_part():
    found = run_rounds(
        scenario(lambda server, pace: {"cpu_us": 1.0}),
        {"good": SERVER},
        1,
        Pace(),
        lambda text: 0,
    )
    assert list(found.rounds) == ["good"]
