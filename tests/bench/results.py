"""A result as a run would give it."""

from typing import Any

__all__ = ["figures", "result"]


def figures(cpu_us: float, **more: float) -> dict[str, float]:
    """Return what one round gave."""
    return {
        "cpu_us": cpu_us,
        "messages": 1000.0,
        "offered": 1000.0,
        "per_second": 1e6 / cpu_us,
        "p50_us": 50.0,
        "p99_us": 99.0,
        "p999_us": 999.0,
        "cpu_share": 0.5,
        "kept": 1.0,
        "busy_share": 0.0,
    } | more


def result(scenario: str, peers: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Return what is kept of a scenario."""
    return {
        "scenario": scenario,
        "baseline": "portside-nonblocking",
        "bytes": 1024,
        "pace": {
            "seconds": 1.0,
            "warm_seconds": 0.25,
            "idle_connections": 9000,
            "rate": 100_000.0,
        },
        "date": "2030-01-02T03:04:05+00:00",
        "command": "python -m bench",
        "commit": "0123456789abcdef",
        "uncommitted": False,
        "machine": {"processor": "A chip", "cores": 2, "kernel": "6.1"},
        "versions": {"python": "3.11.7"},
        "skipped": {"go": "no go here"},
        "failed": {},
        "peers": peers,
    }
