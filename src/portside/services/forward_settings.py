"""What can be set about a forwarder: each option once.

In       keyword arguments, flags of the command line
Out      one frozen object; help and units for whoever shows them
Holds    the only place of the defaults
Fails    ValueError: a value that cannot be
"""

import math
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ForwardSettings"]


def _option(default: Any, text: str, unit: str = "") -> Any:
    return field(default=default, metadata={"help": text, "unit": unit})


@dataclass(frozen=True, kw_only=True)
class ForwardSettings:
    """How a forwarder treats its peers, and how bad the network behind it is.

    Raises:
        ValueError: a number that cannot be.
    """

    # Shorter than the 30 s and more that clients wait, so that they learn of it.
    dial_timeout: float = _option(
        10.0, "how long upstream may take to answer", "seconds"
    )
    idle_timeout: float | None = _option(
        None,
        "when a connection on which nothing moves is reset; never unless given",
        "seconds",
    )
    # DNS answers within seconds; a NAT forgets UDP after 30 s to some minutes.
    session_timeout: float = _option(
        60.0, "when a UDP peer of whom nothing comes is forgotten", "seconds"
    )
    # Each costs a descriptor, and a thread where tasks are threads: a guess.
    max_sessions: int = _option(
        1000, "UDP peers at once; the one idle the longest makes room", "peers"
    )
    delay: float = _option(0.0, "what everything takes longer, each way", "seconds")
    jitter: float = _option(0.0, "what it takes longer still, at the most", "seconds")
    loss: float = _option(
        0.0, "the share that is lost: packets for good, of streams until sent again"
    )
    rate: float | None = _option(
        None, "how much goes through, each way; no limit unless given", "bytes a second"
    )
    reset_after: float | None = _option(
        None, "when each connection is reset; never unless given", "seconds"
    )
    seed: int = _option(0, "what jitter and loss are drawn from")

    def __post_init__(self) -> None:
        for name in ("dial_timeout", "session_timeout", "delay", "jitter"):
            _check_seconds(name, getattr(self, name))
        for name in ("idle_timeout", "reset_after"):
            if (seconds := getattr(self, name)) is not None:
                _check_seconds(name, seconds)
        if self.max_sessions < 1:
            raise ValueError(
                f"max_sessions must be at least 1, not {self.max_sessions}"
            )
        if not 0 <= self.loss <= 1:
            raise ValueError(f"loss must be a share from 0 to 1, not {self.loss!r}")
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise ValueError(f"rate must be bytes a second over 0, not {self.rate!r}")

    @property
    def is_bad(self) -> bool:
        """Whether anything is to come late, or not at all."""
        return bool(self.delay or self.jitter or self.loss or self.rate)


def _check_seconds(name: str, seconds: float) -> None:
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{name} must be seconds from 0 on, not {seconds!r}")
