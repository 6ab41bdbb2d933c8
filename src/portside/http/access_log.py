r"""One line for each answer: who asked for what, and what became of it.

In       what was asked and answered
Out      a line in the form that Apache and nginx call combined, or one of JSON, to the
         logger ``portside.http.access`` at level INFO
Source   Apache's mod_log_config; RFC 8259 for JSON
Holds    the text of the second that runs
Fails    never

Whoever asks writes into our log: the target, the referer and the name of the client are
theirs. So that nobody forges a line, or speaks to the terminal of who reads it, what is
no visible ASCII is written as ``\xHH``, and so are the quote and the backslash; what is
long is cut. The target is logged as it came: decoded, ``%0a`` would end the line. And
a line is no longer than what a pipe takes as a whole (PIPE_BUF, pipe(7)): several
processes may write to the same one.

The keys of a line in JSON, all of them always there, ``null`` where nothing is known::

    time        when the answer was sent, in UTC: 2026-02-03T04:05:06.789Z
    remote      the client's address, without its port
    port        its port
    user        who it is, where something in front of the handler has found out
    method      null for a request that could not be read
    target      as it came
    version     of HTTP: "1.1"
    status      of the answer
    sent_bytes  of the answer's body
    seconds     from the request's head to the end of the answer
    referer     the page that led here, as the client says
    user_agent  what the client calls itself
    error       why the request was refused, or the answer was not whole
"""

import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from portside.names import Address, IPAddress

if TYPE_CHECKING:
    from portside.http.message.request import Request

__all__ = ["Served", "combined_line", "json_line", "log_served"]

_log = logging.getLogger("portside.http.access")

MAX_FIELD_CHARS = 540
"""What is logged of each text that somebody else chose, as it is written: longer than
browsers' names are, and seven of them and all the rest are no 4096 bytes, PIPE_BUF."""

_MONTHS = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip

# All but SP and the visible characters of ASCII, without the quote and the backslash.
_UNSAFE = re.compile(r"[^ !#-\[\]-~]+")


@dataclass(slots=True, kw_only=True)
class Served:
    """A request, and what was answered.

    Attributes:
        remote: the client's address.
        time: when the answer was sent, in seconds since the epoch.
        method: "-" for a request that could not be read.
        target: as it came.
        version: of HTTP, (1, 1).
        status: of the answer.
        sent_bytes: of the answer's body.
        seconds: from the request's head to the end of the answer.
        referer: "" for none.
        user_agent: "" for none.
        user: "" for nobody in particular.
        error: why the request was refused, or the answer was not whole.
    """

    remote: Address | None
    time: float
    method: str
    target: str
    version: tuple[int, int] | None
    status: int
    sent_bytes: int
    seconds: float
    referer: str = ""
    user_agent: str = ""
    user: str = ""
    error: str = ""

    @classmethod
    def of(
        cls,
        request: "Request | None",
        *,
        remote: Address | None,
        time: float,
        status: int,
        sent_bytes: int,
        seconds: float,
        error: str = "",
    ) -> Self:
        """Return what is logged of a request; None is one that could not be read."""
        headers = None if request is None else request.headers
        return cls(
            remote=remote,
            time=time,
            method="-" if request is None else request.method,
            target="-" if request is None else request.target,
            version=None if request is None else request.version,
            status=status,
            sent_bytes=sent_bytes,
            seconds=seconds,
            referer="" if headers is None else headers.get("Referer") or "",
            user_agent="" if headers is None else headers.get("User-Agent") or "",
            user="" if request is None else request.user or "",
            error=error,
        )


def log_served(form: str, record: Served) -> None:
    """Log an answer.

    Args:
        form: combined or json.
    """
    if _log.isEnabledFor(logging.INFO):
        _log.info(json_line(record) if form == "json" else combined_line(record))


def combined_line(record: Served) -> str:
    """Return the line that tools for Apache's and nginx's logs read.

    >>> print(
    ...     combined_line(
    ...         Served(
    ...             remote=IPAddress("tcp", "192.0.2.1", 4242),
    ...             time=0.0,
    ...             method="GET",
    ...             target="/",
    ...             version=(1, 1),
    ...             status=200,
    ...             sent_bytes=12,
    ...             seconds=0.001,
    ...         )
    ...     ).replace("+0000", "+hhmm")
    ... )
    192.0.2.1 - - [01/Jan/1970:00:00:00 +hhmm] "GET / HTTP/1.1" 200 12 "-" "-"
    """
    return (
        f"{_word(_host(record.remote))} - {_word(record.user)} "
        f'[{_local_second(int(record.time))}] "{_request_line(record)}" '
        f"{record.status} {record.sent_bytes} "
        f'"{_safe(record.referer) or "-"}" "{_safe(record.user_agent) or "-"}"'
    )


def json_line(record: Served) -> str:
    """Return the line as JSON, in ASCII; the keys are described above."""
    remote, version = record.remote, record.version
    return _encode(
        {
            "time": _utc(record.time),
            "remote": _cut(_host(remote)) or None,
            "port": remote.port if isinstance(remote, IPAddress) else None,
            "user": _cut(record.user) or None,
            "method": None if record.method == "-" else _cut(record.method),
            "target": None if record.method == "-" else _cut(record.target),
            "version": None if version is None else f"{version[0]}.{version[1]}",
            "status": record.status,
            "sent_bytes": record.sent_bytes,
            "seconds": round(record.seconds, 6),
            "referer": _cut(record.referer) or None,
            "user_agent": _cut(record.user_agent) or None,
            "error": _cut(record.error) or None,
        }
    )


_encode = json.JSONEncoder(separators=(",", ":")).encode


def _request_line(record: Served) -> str:
    if record.method == "-":
        return "-"
    line = f"{_safe(record.method)} {_safe(record.target)}"
    if record.version is None:
        return line
    return f"{line} HTTP/{record.version[0]}.{record.version[1]}"


def _host(remote: Address | None) -> str:
    if isinstance(remote, IPAddress):
        return remote.host
    return "" if remote is None else str(remote)


def _cut(text: str) -> str:
    """Return what stands in JSON: not too long when it is encoded."""
    if len(text) < MAX_FIELD_CHARS - 2 and not _UNSAFE.search(text):
        return text
    kept = _fitting(text, _encode)
    return text if kept == text else f"{kept}..."


def _safe(text: str) -> str:
    """Return what stands between quotes."""
    return _shown(text, _escaped)


def _word(text: str) -> str:
    """Return what stands between spaces: "-" for nothing."""
    return _shown(text, lambda each: _escaped(each).replace(" ", r"\x20")) or "-"


def _shown(text: str, escape: Callable[[str], str]) -> str:
    kept = _fitting(text, escape)
    return escape(kept) if kept == text else f"{escape(kept)}..."


def _fitting(text: str, escape: Callable[[str], str]) -> str:
    """Return so much of text as is not too long when it is escaped."""
    kept = text[:MAX_FIELD_CHARS]
    while (chars := len(escape(kept))) > MAX_FIELD_CHARS:
        kept = kept[: len(kept) * MAX_FIELD_CHARS // chars]
    return kept


def _escaped(text: str) -> str:
    return _UNSAFE.sub(_as_bytes, text) if _UNSAFE.search(text) else text


def _as_bytes(match: re.Match[str]) -> str:
    try:
        raw = match[0].encode("latin-1")  # from the wire: each is a byte
    except UnicodeEncodeError:
        raw = match[0].encode("utf-8", "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in raw)


# The second, and its text. One assignment: threads may race, and agree.
_last_local: tuple[int, str] = (-1, "")
_last_utc: tuple[int, str] = (-1, "")


def _local_second(seconds: int) -> str:
    """Return ``10/Oct/2000:13:55:36 -0700``: with English months in every locale."""
    global _last_local
    last, text = _last_local
    if last != seconds:
        at = time.localtime(seconds)
        minutes = at.tm_gmtoff // 60
        sign = "-" if minutes < 0 else "+"
        hours, minutes = divmod(abs(minutes), 60)
        text = (
            f"{at.tm_mday:02}/{_MONTHS[at.tm_mon - 1]}/{at.tm_year:04}:"
            f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} "
            f"{sign}{hours:02}{minutes:02}"
        )
        _last_local = (seconds, text)
    return text


def _utc(at: float) -> str:
    global _last_utc
    seconds = int(at)
    last, text = _last_utc
    if last != seconds:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        _last_utc = (seconds, text)
    return f"{text}.{int((at - seconds) * 1000):03}Z"
