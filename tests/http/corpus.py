r"""Raw requests and what they must come to, as files: `wire/*.http`.

In       files, one case in each, named for what it tries
Out      the bytes to send, and the answers that must come back
Holds    nothing
Fails    ValueError: a file that is no case

A file has three parts::

    # Two lengths, two readings: RFC 9112 section 6.3.     what it tries, and why
    POST / HTTP/1.1\r\n                                    what is sent
    Host: x\r\n
    Content-Length: 5\r\n
    Content-Length: 6\r\n
    \r\n
    hello!
    > 400 close                                            what must come back

What is sent is written with escapes (\r \n \t \0 \xHH \\); the ends of the lines in
the file mean nothing. ``{5000 a}`` is a text so many times; a line that begins with
``{100}`` is meant so many times. A line ``{end}`` behind all: the client ends its
direction; ``{open}``: it sends nothing more and waits.

Then a line for each answer, in order: its status, whether the connection is kept or
closed after it, and, if given, its exact text. ``HEAD`` in place of a text says that
the request was one, so that no body may come. Instead of a status: ``nothing`` (the
connection is closed in silence), ``maybe 100`` (an interim answer that may come),
``one of 200 505``, ``100 times 200``.
"""

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CASES", "Case", "Expected", "read_case"]

_PLACE = Path(__file__).parent / "wire"

_INLINE = re.compile(r"\{(\d+) ([^{}]*)\}")
_WHOLE = re.compile(r"\{(\d+)\}(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|.|$)")
_VERDICT = re.compile(
    r"> (?:(?P<times>\d+) times )?"
    r"(?P<what>\d{3}|maybe 100|nothing|one of \d{3}(?: \d{3})+)"
    r"(?: (?P<end>keep|close)(?: (?P<text>.*))?)?"
)
_SIMPLE = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


@dataclass(frozen=True)
class Expected:
    """One answer.

    Attributes:
        statuses: those that will do; mostly one.
        is_optional: it may be missing.
        keeps: whether the connection goes on behind it.
        is_to_head: the request was a HEAD.
        text: the whole body; None for any.
    """

    statuses: tuple[int, ...]
    is_optional: bool
    keeps: bool
    is_to_head: bool
    text: bytes | None


@dataclass(frozen=True)
class Case:
    """One conversation.

    Attributes:
        name: of the file.
        request: what the client sends.
        then: ``end``, ``open``, or "": the client goes on.
        answers: what it gets; none when the connection is closed in silence.
    """

    name: str
    request: bytes
    then: str
    answers: tuple[Expected, ...]

    @property
    def keeps(self) -> bool:
        """Whether the connection can be used when all was answered."""
        return bool(self.answers) and self.answers[-1].keeps


def read_case(name: str, text: str) -> Case:
    """Return what a file says.

    Raises:
        ValueError: it is no case.
    """
    lines = text.splitlines()
    sent = [line for line in lines if not line.startswith(("#", "> "))]
    verdicts = [line for line in lines if line.startswith("> ")]
    if not lines or not lines[0].startswith("# "):
        raise ValueError(f"{name}: does not say what it tries")
    if not verdicts or lines[-len(verdicts) :] != verdicts:
        raise ValueError(f"{name}: does not end with what must come back")
    then = ""
    if sent and sent[-1] in ("{end}", "{open}"):
        then = sent.pop().strip("{}")
    answers = [each for line in verdicts for each in _expected(name, line)]
    if any(not each.keeps for each in answers[:-1]):
        raise ValueError(f"{name}: an answer after the connection was closed")
    return Case(name, b"".join(map(_bytes, sent)), then, tuple(answers))


def _expected(name: str, line: str) -> list[Expected]:
    match = _VERDICT.fullmatch(line)
    if match is None:
        raise ValueError(f"{name}: {line!r} is no verdict")
    what, end, text = match["what"], match["end"], match["text"]
    if what == "nothing":
        return []
    is_optional = what.startswith("maybe")
    if end is None and not is_optional:
        raise ValueError(f"{name}: {line!r} does not say whether it is kept")
    is_to_head = text == "HEAD"
    one = Expected(
        statuses=tuple(map(int, re.findall(r"\d{3}", what))),
        is_optional=is_optional,
        keeps=end != "close",
        is_to_head=is_to_head,
        text=None if text is None or is_to_head else _unescaped(text),
    )
    return [one] * int(match["times"] or 1)


def _bytes(line: str) -> bytes:
    times = 1
    if (match := _WHOLE.fullmatch(line)) is not None:
        times, line = int(match[1]), match[2]
    pieces = []
    at = 0
    for match in _INLINE.finditer(line):
        pieces.append(_unescaped(line[at : match.start()]))
        pieces.append(_unescaped(match[2]) * int(match[1]))
        at = match.end()
    pieces.append(_unescaped(line[at:]))
    return b"".join(pieces) * times


def _unescaped(text: str) -> bytes:
    return _ESCAPE.sub(_meant, text).encode("latin-1")


def _meant(match: re.Match[str]) -> str:
    what = match[1]
    if what.startswith("x") and len(what) == 3:
        return chr(int(what[1:], 16))
    if what not in _SIMPLE:
        raise ValueError(f"\\{what}: not an escape")
    return _SIMPLE[what]


CASES = {
    path.stem: read_case(path.stem, path.read_text(encoding="ascii"))
    for path in sorted(_PLACE.glob("*.http"))
}
"""All cases, by the names of their files."""
