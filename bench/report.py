"""What a scenario gave, as rows of text: for the terminal and for the page.

In       a result, as it is kept
Out      heads and rows; one row a peer, in the order of the roster
Holds    nothing: pure functions
Fails    never
"""

from collections.abc import Sequence
from typing import Any

from bench.quartiles import compare, spread
from bench.scenarios import SCENARIOS, Measure

__all__ = ["KEPT_SHARE", "aligned", "heads_and_rows", "lost", "warning"]

BUSY_SHARE = 0.05
"""Of the time: a load that had to wait longer for its core tells little. A guess."""

KEPT_SHARE = 0.95
"""Of the offered messages: who echoes fewer in time could not keep up. A guess."""


def heads_and_rows(result: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return a table of medians, the first with its quartiles, and the comparison."""
    shown = SCENARIOS[result["scenario"]].shown
    peers: dict[str, list[dict[str, float]]] = result["peers"]
    heads = ["server", *(measure.title for measure in shown)]
    heads.append(f"CPU against {result['baseline']}")
    rows = []
    for name, rounds in peers.items():
        cells = [_cell(measure, rounds) for measure in shown]
        cells[0] += _quartiles(shown[0], rounds)
        rows.append([name, *cells, _against(result, name)])
    return heads, rows


def warning(result: dict[str, Any]) -> str:
    """Return a sentence that spoils the figures, or nothing."""
    rounds = [each for rounds in result["peers"].values() for each in rounds]
    share = spread([each["busy_share"] for each in rounds]).median if rounds else 0.0
    if share <= BUSY_SHARE:
        return ""
    return (
        "The machine was busy with something else: the load generator waited for its "
        f"core {share:.0%} of the time, so these figures mean little."
    )


def lost(result: dict[str, Any]) -> str:
    """Return a sentence about the datagrams that were lost; of conns, nothing."""
    if SCENARIOS[result["scenario"]].service != "packets" or not result["peers"]:
        return ""
    counts = {
        name: sum(each["offered"] - each["messages"] for each in rounds)
        for name, rounds in result["peers"].items()
    }
    if not any(counts.values()):
        return "No datagram was lost."
    told = ", ".join(f"{name} {count:.0f}" for name, count in counts.items() if count)
    return f"Datagrams that were lost, in all rounds: {told}."


def _cell(measure: Measure, rounds: list[dict[str, float]]) -> str:
    median = spread([figures[measure.key] for figures in rounds]).median
    return f"{median:.{measure.digits}f}"


def _quartiles(measure: Measure, rounds: list[dict[str, float]]) -> str:
    found = spread([figures[measure.key] for figures in rounds])
    return f" ({found.low:.{measure.digits}f}-{found.high:.{measure.digits}f})"


def _against(result: dict[str, Any], name: str) -> str:
    rounds, baseline = result["peers"][name], result["peers"].get(result["baseline"])
    kept = spread([figures["kept"] for figures in rounds]).median
    busy = spread([figures["busy_share"] for figures in rounds]).median
    if kept < KEPT_SHARE and busy > BUSY_SHARE:
        return f"not offered: the load waited for its core, {busy:.0%} of the time"
    if kept < KEPT_SHARE:
        return f"could not keep up: {kept:.0%} echoed in time"
    if name == result["baseline"]:
        return "1"
    if baseline is None:
        return ""
    found = compare(_cpu(rounds), _cpu(baseline))
    ratio = found.ratio
    text = f"{ratio.median:.2f} ({ratio.low:.2f}-{ratio.high:.2f})"
    return f"no difference: {text}" if found.is_same else text


def _cpu(rounds: list[dict[str, float]]) -> list[float]:
    return [figures["cpu_us"] for figures in rounds]


def aligned(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under heads as lines of text, names to the left, figures right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if at in (0, len(line) - 1) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (heads, *rows)
    ]
    return "\n".join(lines)
