"""Keep what was measured, with the machine that it was measured on.

In       the figures of every round
Out      `results/SCENARIO.json`; read back for the tables
Holds    nothing
Fails    OSError: the file cannot be written or read

A result without its machine is no result: the file says which processor, kernel and
versions, which commit, and which command.
"""

import datetime as dt
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.cores import load_core, server_core
from bench.paths import ROOT
from bench.rounds import Measured
from bench.scenarios import BASELINE, BYTES, Pace, Scenario

__all__ = ["as_result", "read_results", "write_result"]

PACKAGES = (
    *("portside", "greenlet", "gevent", "uvloop", "trio"),
    *("httptools", "uvicorn", "granian", "gunicorn", "bjoern"),
)
"""Those whose versions matter; what is not here is not told."""


def as_result(
    scenario: Scenario, measured: Measured, skipped: dict[str, str], pace: Pace
) -> dict[str, Any]:
    """Return all that is kept of a scenario."""
    return {
        "scenario": scenario.name,
        "baseline": BASELINE,
        "bytes": BYTES,
        "pace": asdict(pace),
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
        "commit": _told("git", "rev-parse", "HEAD"),
        "uncommitted": bool(
            _told("git", "status", "--porcelain", "src", "bench/peers")
        ),
        "machine": _machine(),
        "versions": _versions(),
        "skipped": {
            name: why for name, why in skipped.items() if name in scenario.peers
        },
        "failed": measured.failed,
        "peers": measured.rounds,
    }


def write_result(folder: Path, result: dict[str, Any]) -> Path:
    """Write a result to its file, and return where that is."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{result['scenario']}.json"
    file.write_text(_compact(result))
    return file


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Return every result of a folder, by the name of its scenario."""
    return {
        file.stem: json.loads(file.read_text())
        for file in sorted(folder.glob("*.json"))
    }


def _compact(result: dict[str, Any]) -> str:
    """Write a round a line, so that a diff shows rounds."""
    peers = ",\n".join(
        f"    {json.dumps(name)}: [\n      "
        + ",\n      ".join(json.dumps(_rounded(figures)) for figures in rounds)
        + "\n    ]"
        for name, rounds in result["peers"].items()
    )
    rest = json.dumps(result | {"peers": "HERE"}, indent=2)
    return rest.replace('"HERE"', f"{{\n{peers}\n  }}") + "\n"


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 4) for key, value in figures.items()}


def _machine() -> dict[str, Any]:
    governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "server_core": server_core(),
        "load_core": load_core(),
        "kernel": platform.release(),
        "governor": governor.read_text().strip() if governor.exists() else None,
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        word, _, value = line.partition(":")
        if word.strip() == "model name":
            return value.strip()
    return platform.machine()


def _versions() -> dict[str, str]:
    versions = {
        "python": platform.python_version(),
        "libc": " ".join(platform.libc_ver()),
        "gcc": _told("gcc", "-dumpfullversion"),
        "go": _told("go", "version").removeprefix("go version "),
        "nginx": _nginx_version(),
    }
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {name: version for name, version in versions.items() if version}


def _nginx_version() -> str:
    try:  # it tells on stderr
        done = subprocess.run(
            ["nginx", "-v"], check=False, capture_output=True, text=True, timeout=30
        )
    except OSError:
        return ""
    return done.stderr.strip().rpartition("/")[2]


def _told(*command: str) -> str:
    try:
        done = subprocess.run(
            command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=30
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
