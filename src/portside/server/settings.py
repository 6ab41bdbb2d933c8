"""What can be set about a server: each option once.

In       keyword arguments, flags of the command line
Out      one frozen object; help and units for whoever shows them
Holds    the only place of the defaults
Fails    ValueError: a value that cannot be
"""

import math
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MAX_WORKERS", "Settings"]

MAX_WORKERS = 1024
"""More than a host has cores, mostly; a slip of the hand is told, and not tried."""


def _option(default: Any, text: str, unit: str = "") -> Any:
    return field(default=default, metadata={"help": text, "unit": unit})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a server serves.

    Raises:
        ValueError: a number that is too small, or an unknown choice.
    """

    model: str = _option(
        "thread", "where handlers run: serial, fork, thread, nonblocking or hybrid"
    )
    workers: int | None = _option(
        None, "processes that serve under hybrid; one per core unless given", "workers"
    )
    worker_model: str | None = _option(
        None, "what each worker of hybrid runs: nonblocking, unless given, or thread"
    )
    backlog: int | None = _option(
        None,
        "clients that may wait to be accepted; the kernel's most unless given",
        "clients",
    )
    max_connections: int | None = _option(
        None,
        "connections served at once; what the descriptors allow unless given",
        "connections",
    )
    max_connections_per_ip: int | None = _option(
        None,
        "connections of one address at once (IPv6: of one /64); no bound unless given, "
        "and none for clients of a Unix socket, which have no address",
        "connections",
    )
    over_capacity: str = _option(
        "wait", "what happens to clients over max_connections: wait or refuse"
    )
    unguarded: bool = _option(
        False,
        "let echo, chargen and their kind answer packets from anywhere, of any length: "
        "for labs",
    )
    # Below the 10 s after which "docker stop" kills, so that the report is still told.
    grace: float = _option(
        8.0, "how long conversations may go on when the server stops", "seconds"
    )

    def __post_init__(self) -> None:
        for name, least in (
            ("workers", 1),
            ("backlog", 0),
            ("max_connections", 1),
            ("max_connections_per_ip", 1),
        ):
            value = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, int):
                raise ValueError(f"{name} must be a whole number, not {value!r}")
            if value < least:
                raise ValueError(f"{name} must be at least {least}, not {value}")
        if self.workers is not None and self.workers > MAX_WORKERS:
            raise ValueError(
                f"workers must be at most {MAX_WORKERS}, not {self.workers}"
            )
        grace: Any = self.grace  # a program may give what no type checker has seen
        if not isinstance(grace, int | float) or not 0 <= grace < math.inf:
            raise ValueError(f"grace must be a number of seconds, not {grace!r}")
        if self.over_capacity not in ("wait", "refuse"):
            raise ValueError(
                f"over_capacity must be wait or refuse, not {self.over_capacity!r}"
            )
