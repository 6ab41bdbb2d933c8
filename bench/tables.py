"""``python -m bench.tables``: write the page of measures from the results.

In       `results/*.json`
Out      `docs/reference/measures.md`, the whole page
Fails    exit 1: there are no results
"""

import sys
from typing import Any

from bench.paths import PAGE, RESULTS, ROOT
from bench.report import heads_and_rows, lost, warning
from bench.results import read_results
from bench.scenarios import SCENARIOS, Pace

__all__ = ["page", "table"]

_HEAD = """\
# Measures

This page is generated from `bench/results/` by `python -m bench.tables`: do not edit
it.
`make bench` measures again.

What is compared are small servers, each the same program in its own way; their sources
are in `bench/peers/`: echo servers, a web site of twenty pages, a directory of files.
Portside runs the handler that the README begins with, and a `Mux` with twenty routes,
from a user's file.
All run on one machine in one run, by turns, in an order that rotates: a round of one
second for each, then the next round.
The server has one core, the load generator another, and every byte that comes back is
checked.

How to read the tables:

- Figures are medians over the rounds, with the quartiles in brackets.
- *CPU µs* is the processor time of the server for each message (or connection, request,
  transfer), kernel and children included. It says what a server costs; messages a
  second say the same as long as it is the only thing on its core.
- *CPU against* is the ratio of that time to the named server's, taken round by round,
  with its quartiles. Where the quartiles of the two servers' times overlap, it is *no
  difference*.
- Latencies are those of the load generator, in microseconds. Where 50 connections keep
  a server busy all the time, they mostly tell how many wait in front of it.
- All this is the loopback interface of one machine: no network, no loss, and hardly
  anything done with the bytes.
"""


def page(results: dict[str, dict[str, Any]]) -> str:
    """Return the page, with the scenarios in their usual order."""
    sections = [_section(results[name]) for name in SCENARIOS if name in results]
    return "\n".join([_HEAD, *sections])


def table(result: dict[str, Any]) -> str:
    """Return a result as a table in Markdown; Portside's rows are bold."""
    heads, rows = heads_and_rows(result)
    rule = ["---", *["---:"] * (len(heads) - 2), "---"]
    lines = [_line(heads), _line(rule)]
    for name, *cells in rows:
        shown = f"**{name}**" if name.startswith("portside-") else name
        lines.append(_line([shown, *cells]))
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _section(result: dict[str, Any]) -> str:
    scenario = SCENARIOS[result["scenario"]]
    lines = [
        f"## {scenario.name}\n",
        scenario.described(Pace(**result["pace"])) + "\n",
        table(result) + "\n",
        *(f"{each}\n" for each in (lost(result), warning(result)) if each),
        *(
            f"Did not take part: {name} ({why}).\n"
            for name, why in result["skipped"].items()
        ),
        *(f"Failed: {name}.\n" for name in result["failed"]),
        _provenance(result) + "\n",
    ]
    return "\n".join(lines)


def _provenance(result: dict[str, Any]) -> str:
    machine, versions = result["machine"], result["versions"]
    rounds = max((len(rounds) for rounds in result["peers"].values()), default=0)
    programs = ", ".join(f"{name} {version}" for name, version in versions.items())
    commit = result["commit"][:12] + (" and more" if result["uncommitted"] else "")
    return (
        f"{result['date'][:10]}, {rounds} rounds of {result['pace']['seconds']:g} s; "
        f"{machine['processor']}, {machine['cores']} cores, Linux {machine['kernel']}; "
        f"{programs}; commit {commit}."
    )


def main() -> int:
    """Write the page; return the exit status."""
    results = read_results(RESULTS)
    if not results:
        sys.stderr.write("bench: no results yet: run python -m bench first\n")
        return 1
    PAGE.write_text(page(results))
    sys.stdout.write(f"written: {PAGE.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
