"""``python -m bench``: compare the servers, by turns.

In       what of it is wanted; nothing: all of it
Out      a table for each scenario; `results/*.json`, if nothing was left out
Fails    exit 1: a server, or the load, failed
"""

import argparse
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable

from bench.building import BuildError, compile_load
from bench.paths import BUILD, RESULTS
from bench.process import ProgramError
from bench.report import aligned, heads_and_rows, lost, warning
from bench.results import as_result, write_result
from bench.roster import PEERS, Commands, Peer, Service, named, prepare
from bench.rounds import run_rounds, with_rate
from bench.scenarios import IDLE_CONNECTIONS, SCENARIOS, Pace, Scenario

ROUNDS = 15
"""The fewest for results that are kept: quartiles of fewer say little."""

SMOKE = Pace(seconds=0.1, warm_seconds=0.05, idle_connections=100)


def main() -> int:
    """Run what is asked for; return the exit status."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    idle_connections = min(IDLE_CONNECTIONS, _raise_descriptor_limit() - 500)
    try:
        compile_load()
    except BuildError as error:
        _say(f"failed: the load generator: {error}")
        return 1
    scenarios = [SCENARIOS[name] for name in options.scenario]
    commands = _prepared(scenarios, options.peers)
    if options.smoke:
        pace, rounds = SMOKE, 1
    else:
        pace, rounds = Pace(options.seconds, 0.25, idle_connections), options.rounds
    good = not any(each.failed for each in commands.values())
    for scenario in scenarios:
        good &= _run(scenario, commands[scenario.service], rounds, pace, options)
    return 0 if good else 1


def _prepared(
    scenarios: Iterable[Scenario], peers: Iterable[Peer]
) -> dict[Service, Commands]:
    """Prepare the peers for each service of the scenarios; say who is not here."""
    services = dict.fromkeys(scenario.service for scenario in scenarios)
    commands = {service: prepare(peers, service) for service in services}
    told: dict[str, None] = {}  # once, what holds for several
    for each in commands.values():
        told |= dict.fromkeys(f"skipped: {n}: {why}" for n, why in each.skipped.items())
        told |= dict.fromkeys(f"failed: {n}: {why}" for n, why in each.failed.items())
    for line in told:
        _say(line)
    return commands


def _run(
    scenario: Scenario,
    commands: Commands,
    rounds: int,
    pace: Pace,
    options: argparse.Namespace,
) -> bool:
    """Run a scenario, show and keep what it gave; return whether nobody failed."""
    began = time.monotonic()
    if scenario.at_rate:
        try:
            pace = with_rate(pace)
        except (BuildError, ProgramError) as error:
            _say(f"failed: {scenario.name}: no rate to offer: {error}")
            return False
        _say(f"{scenario.name}: {pace.rate:.0f} messages/s are offered")
    measured = run_rounds(scenario, commands.here, rounds, pace, _say)
    result = as_result(scenario, measured, commands.skipped, pace)
    seconds = time.monotonic() - began
    _say(f"\n{scenario.name}: {scenario.described(pace)} [{seconds:.0f} s]\n")
    _say(aligned(*heads_and_rows(result)) + "\n")
    for sentence in (lost(result), warning(result)):
        if sentence:
            _say(f"{sentence}\n")
    if not options.smoke:
        folder = RESULTS if _is_whole(options) else BUILD / "partial"
        _say(f"written: {write_result(folder, result)}\n")
    return not measured.failed


def _is_whole(options: argparse.Namespace) -> bool:
    return (
        len(options.peers) == len(PEERS)
        and options.rounds >= ROUNDS
        and options.seconds == Pace().seconds
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Compare servers on this machine, by turns.",
        epilog="Results are kept in bench/results by a run with all peers, at least "
        f"{ROUNDS} rounds, and the usual seconds; any other leaves its own in "
        "bench/build/partial.",
    )
    parser.add_argument(
        "--scenario",
        nargs="+",
        choices=tuple(SCENARIOS),
        default=tuple(SCENARIOS),
        metavar="NAME",
        help=f"which of {', '.join(SCENARIOS)} (all)",
    )
    parser.add_argument(
        "--peers",
        type=named,
        default=tuple(PEERS.values()),
        metavar="A,B...",
        help=f"which of {', '.join(PEERS)} (all)",
    )
    parser.add_argument(
        "--rounds", type=_above_zero(int), default=ROUNDS, help=f"({ROUNDS})"
    )
    parser.add_argument(
        "--seconds",
        type=_above_zero(float),
        default=Pace().seconds,
        help="how long each peer is measured in a round (1)",
    )
    parser.add_argument(
        "--smoke",
        action="store_true",
        help="one very short round of everything, to see that it works",
    )
    return parser.parse_args()


def _above_zero(kind: type[int] | type[float]) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"{text} is not above zero")
        return value

    return read


def _raise_descriptor_limit() -> int:
    """Let us and all that we start open as many files as may be; return how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 1 << 20 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
