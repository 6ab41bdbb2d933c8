"""``python -m bench.gates``: what is exact must not grow.

In       `gates.toml`
Out      a line for each threshold
Fails    exit 99: a threshold is missed; exit 1: it could not be measured
"""

import math
import platform
import shutil
import sys
import tomllib
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.instructions import instructions
from bench.paths import BENCH
from bench.process import ProgramError
from bench.roster import Service
from bench.system_calls import system_calls
from portside.models import MODELS

__all__ = ["judged", "main"]

FAILED, MISSED = 1, 99

ATTEMPTS = 3
"""The least of so many counts: a timer or a thread that runs meanwhile only adds."""


def main() -> int:
    """Measure everything that has a threshold; return the exit status."""
    thresholds = tomllib.loads((BENCH / "gates.toml").read_text())
    status = 0
    for kind, tool, measure in (
        ("system_calls", "strace", partial(_system_calls, "echo")),
        ("packet_system_calls", "strace", partial(_system_calls, "packets")),
        ("page_system_calls", "strace", partial(_system_calls, "web")),
        ("instructions", "valgrind", partial(_instructions, "echo")),
        ("page_instructions", "valgrind", partial(_instructions, "web")),
    ):
        most = dict(thresholds[kind])
        reason = _reason_to_skip(tool, most.pop("python", None))
        if reason:
            _say(f"skipped: {kind.replace('_', ' ')}: {reason}")
            continue
        for model, threshold in most.items():
            status = max(status, _gate(kind, model, threshold, measure))
    return status


def judged(what: str, measured: float, threshold: float) -> tuple[bool, str]:
    """Return whether a measure is within its threshold, and the line that says so."""
    is_good = measured <= threshold
    verdict = "ok" if is_good else "MISSED"
    return is_good, f"{verdict}: {what}: {measured:,.2f}, at most {threshold:,}"


def _gate(
    kind: str, model: str, threshold: float, measure: Callable[[str], tuple[float, str]]
) -> int:
    what = f"{kind.replace('_', ' ')} a message, {model}"
    if model not in MODELS:
        _say(f"skipped: {what}: portside has no such model")
        return 0
    least = (math.inf, "")
    for _ in range(ATTEMPTS):
        try:
            least = min(least, measure(model))
        except (ProgramError, OSError, AssertionError) as error:
            _say(f"failed: {what}: {error}")
            return FAILED
        if least[0] <= threshold:
            break
    measured, details = least
    is_good, line = judged(what, measured, threshold)
    _say(line + details)
    return 0 if is_good else MISSED


def _system_calls(service: Service, model: str) -> tuple[float, str]:
    calls = system_calls(model, service)
    told = ", ".join(f"{name} {each:.3f}" for name, each in calls.items())
    return sum(calls.values()), f" ({told})"


def _instructions(service: Service, model: str) -> tuple[float, str]:
    return instructions(model, service), ""


def _reason_to_skip(tool: str, python: Any) -> str:
    if shutil.which(tool) is None:
        return f"no {tool} here"
    here = ".".join(platform.python_version_tuple()[:2])
    if python is not None and python != here:
        return f"the thresholds are Python {python}'s, this is {here}"
    return ""


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
