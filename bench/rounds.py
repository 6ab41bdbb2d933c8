"""Rounds by turns: every server once in each, in an order that rotates.

In       a scenario, its peers as they can be started, a pace
Out      the figures of every round of every peer
Holds    the servers that run, for the length of a scenario
Fails    never for a peer: one that fails is told and left out from then on

By turns, because a machine is faster in one minute than in the next: what is compared
ran a few seconds apart. Rotated, so that nobody always comes after the same one.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bench.building import compile_c_peer
from bench.load import Figures
from bench.process import ProgramError, Server
from bench.scenarios import RATE_SHARE, Pace, Scenario

__all__ = ["Measured", "run_rounds", "with_rate"]

Say = Callable[[str], object]


@dataclass
class Measured:
    """What a scenario gave.

    Attributes:
        rounds: by peer, the figures of each round in order.
        failed: by peer, how it failed; it has no rounds.
    """

    rounds: dict[str, list[Figures]]
    failed: dict[str, str] = field(default_factory=dict)


def run_rounds(
    scenario: Scenario,
    commands: dict[str, list[str]],
    rounds: int,
    pace: Pace,
    say: Say,
) -> Measured:
    """Run a scenario: so many rounds of each peer that is here and takes part."""
    names = [name for name in scenario.peers if name in commands]
    measured = Measured({name: [] for name in names})
    with contextlib.ExitStack() as stack:
        running: dict[str, Server] = {}
        for number in range(rounds):
            told = []
            for name in rotated(names, number):
                if name in measured.failed:
                    continue
                try:
                    figures = _measure_once(
                        scenario, name, commands[name], pace, running, stack
                    )
                except ProgramError as error:
                    measured.failed[name] = str(error)
                    measured.rounds.pop(name)
                    if name in running:
                        running[name].terminate()  # it may be busy with nothing
                    say(f"failed: {error}")
                    continue
                measured.rounds[name].append(figures)
                told.append(f"{name} {figures['cpu_us']:.1f}")
            say(f"{scenario.name} {number + 1}/{rounds}: {', '.join(told)}")
    return measured


def rotated(names: list[str], number: int) -> list[str]:
    """Return the names in the order of a round.

    >>> rotated(["a", "b", "c"], 1)
    ['b', 'c', 'a']
    """
    at = number % len(names) if names else 0
    return names[at:] + names[:at]


def with_rate(pace: Pace) -> Pace:
    """Return the pace with a share of the rate at which the C server is saturated."""
    with Server("c", [str(compile_c_peer("epoll"))]) as server:
        most = max(pace.load(server, "closed", 50)["per_second"] for _ in range(3))
    return replace(pace, rate=float(round(most * RATE_SHARE)))


def _measure_once(
    scenario: Scenario,
    name: str,
    command: list[str],
    pace: Pace,
    running: dict[str, Server],
    stack: contextlib.ExitStack,
) -> Figures:
    if scenario.is_fresh:
        with Server(name, command) as server:
            return _measure_and_say_why(scenario, server, pace)
    if name not in running:
        running[name] = stack.enter_context(Server(name, command))
    return _measure_and_say_why(scenario, running[name], pace)


def _measure_and_say_why(scenario: Scenario, server: Server, pace: Pace) -> Figures:
    """Measure; where that fails, also tell what the server wrote."""
    try:
        return scenario.measure(server, pace)
    except (ProgramError, ProcessLookupError) as error:
        raise server.failed(f"{scenario.name}: {error}") from error
