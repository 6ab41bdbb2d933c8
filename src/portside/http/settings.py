"""What can be set about serving HTTP: each limit and each wait once.

In       keyword arguments, flags of the command line
Out      one frozen object; help and units for whoever shows them
Source   what other servers bound, at each default
Holds    the only place of the defaults
Fails    ValueError: a value that cannot be
"""

import math
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ACCESS_LOGS", "HttpSettings"]

ACCESS_LOGS = ("none", "combined", "json")
"""The forms of an access log; none keeps none."""


def _option(default: Any, text: str, unit: str = "") -> Any:
    return field(default=default, metadata={"help": text, "unit": unit})


@dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """How much of a request, and how long, a client may take.

    Raises:
        ValueError: a number that cannot be.
    """

    # RFC 9112 section 3 asks for 8000 of a request line at the least; nginx and Apache
    # have 8 KiB too.
    max_target_bytes: int = _option(
        8192, "the longest target of a request (414)", "bytes"
    )
    # nginx 32 KiB, Envoy 60 KiB, node 16 KiB, Go 1 MiB.
    max_header_bytes: int = _option(
        65536, "the longest head of a request, all of it (431)", "bytes"
    )
    # gunicorn, granian and Envoy 100, HAProxy 101.
    max_headers: int = _option(100, "the most header fields (431)", "fields")
    # nginx 1 MiB. A handler that wants more says so: request.body.max_bytes.
    max_body_bytes: int | None = _option(
        1048576, "the longest body of a request that a handler gets (413)", "bytes"
    )
    # From the first byte to the last, however they dribble. h2o 10 s, granian 30 s,
    # nginx 60 s.
    header_timeout: float = _option(
        10.0, "how long the head of a request may take (408)", "seconds"
    )
    # 64 KiB in 30 s are 2 KiB/s: more than a modem of 1994 had.
    body_timeout: float = _option(
        30.0, "how long 64 KiB of a body, or its rest, may take (408)", "seconds"
    )
    write_timeout: float = _option(
        30.0, "how long a client may take to read 64 KiB of an answer", "seconds"
    )
    # nginx 75 s, Go's examples 60 to 120 s: longer than clients keep theirs.
    keep_alive_timeout: float = _option(
        60.0, "how long a connection may wait for the next request", "seconds"
    )
    access_log: str = _option(
        "none", "log each answer: none, combined or json, to portside.http.access"
    )

    def __post_init__(self) -> None:
        for name, least in (
            ("max_target_bytes", 1),
            ("max_header_bytes", 64),
            ("max_headers", 1),
            ("max_body_bytes", 0),
        ):
            value = getattr(self, name)
            if value is None and name == "max_body_bytes":
                continue
            if not isinstance(value, int):
                raise ValueError(f"{name} must be a whole number, not {value!r}")
            if value < least:
                raise ValueError(f"{name} must be at least {least}, not {value}")
        for name in (
            "header_timeout",
            "body_timeout",
            "write_timeout",
            "keep_alive_timeout",
        ):
            seconds = getattr(self, name)
            if not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
                raise ValueError(f"{name} must be seconds over 0, not {seconds!r}")
        if self.access_log not in ACCESS_LOGS:
            raise ValueError(
                f"access_log must be {', '.join(ACCESS_LOGS)}, not {self.access_log!r}"
            )
