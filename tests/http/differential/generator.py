"""A thousand requests, good and bad, the same ones each time.

In       how many, a seed
Out      requests as bytes, each with the production that was mutated and how
Source   the tables in `productions`
Holds    nothing
Fails    never

A quarter of them are plain, with nothing wrong about them. The others take turns over
all mutations, and around the mutated place everything is as chance has it: method,
path, fields, framing.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.http.differential.productions import PRODUCTIONS, Mutation

__all__ = ["PROBE", "PROBE_PATH", "Case", "generate"]

SEED = 20_261_125

PROBE_PATH = b"/is-it-kept"
PROBE = (
    b"GET %s HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n" % PROBE_PATH
)
"""Sent behind each request: its answer shows that the connection was kept."""

_PLAIN_EVERY = 4

_HOST = b"Host: example.com"
_FIELDS = (
    b"User-Agent: curl/8.5.0",
    b"Accept: */*",
    b"Accept-Language: de, en;q=0.5",
    b"Cookie: a=b; c=d",
    b"X-Request-Id: 7f3c2a9e",
    b"Referer: http://example.com/x?y",
    b"Cache-Control: no-cache",
)
_LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789-._~"


@dataclass(frozen=True)
class Case:
    """A request.

    Attributes:
        production: which was mutated; "plain": none.
        name: of the mutation.
        is_fine: whether a server must take it.
        sent: its bytes.
        form: what was put in the mutated place.
    """

    production: str
    name: str
    is_fine: bool
    sent: bytes
    form: bytes = b""

    @property
    def kind(self) -> str:
        """The production and the mutation."""
        return f"{self.production}: {self.name}"


def generate(count: int, seed: int = SEED) -> list[Case]:
    """Return so many requests."""
    chance = random.Random(seed)
    turns = _turns(chance)
    cases = []
    for number in range(count):
        if number % _PLAIN_EVERY == 0:
            cases.append(_plain(chance))
            continue
        production, name, (is_fine, *forms) = next(turns)
        form = chance.choice(forms)
        sent = _BUILD[production](chance, form)
        cases.append(Case(production, name, is_fine, sent, form))
    return cases


def _turns(chance: random.Random) -> Iterator[tuple[str, str, Mutation]]:
    """Yield every mutation, then every one again in another order, and so on."""
    every = [
        (production, name, mutation)
        for production, mutations in PRODUCTIONS.items()
        for name, mutation in mutations.items()
    ]
    while True:
        chance.shuffle(every)
        yield from every


# -- requests with a place for what is mutated


def _plain(chance: random.Random) -> Case:
    """Return a request with nothing wrong about it."""
    name, lines, body = chance.choice(
        [
            ("without a body", [], b""),
            ("with a length", *_length(chance)),
            ("chunked", *_chunked(chance)),
        ]
    )
    methods = (
        [b"GET", b"DELETE", b"OPTIONS"] if not body else [b"POST", b"PUT", b"PATCH"]
    )
    sent = _request(chance, chance.choice(methods), lines=lines, body=body)
    return Case("plain", name, True, sent)


def _request(
    chance: random.Random,
    method: bytes = b"GET",
    *,
    target: bytes | None = None,
    version: bytes = b"HTTP/1.1",
    start: bytes | None = None,
    host: bytes = _HOST,
    lines: list[bytes] | None = None,
    body: bytes = b"",
) -> bytes:
    """Return a request in which all that is not given is as chance has it."""
    target = _path(chance) if target is None else target
    if start is None:
        start = b" ".join(filter(None, [method, target, version])) + b"\r\n"
    fields = chance.sample(_FIELDS, chance.randrange(4)) + (lines or [])
    chance.shuffle(fields)
    head = [each for each in (host, *fields) if each]
    return start + b"".join(each + b"\r\n" for each in head) + b"\r\n" + body


def _path(chance: random.Random) -> bytes:
    segments = [
        bytes(chance.choices(_LETTERS, k=chance.randint(1, 8)))
        for _ in range(chance.randint(1, 3))
    ]
    path = b"/" + b"/".join(segment.replace(b".", b"x") for segment in segments)
    return path + chance.choice([b"", b"", b"?", b"?a=b&c", b"?a=%20"])


def _length(chance: random.Random) -> tuple[list[bytes], bytes]:
    body = chance.randbytes(chance.randint(1, 2000))
    return [b"Content-Length: %d" % len(body)], body


def _chunked(chance: random.Random) -> tuple[list[bytes], bytes]:
    chunks = [chance.randbytes(chance.randint(1, 900)) for _ in range(3)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in chunks)
    return [b"Transfer-Encoding: chunked"], body + b"0\r\n\r\n"


def _method(chance: random.Random, form: bytes) -> bytes:
    start = b"%s %s HTTP/1.1\r\n" % (form, _path(chance))
    return _request(chance, start=start)


def _target(chance: random.Random, form: bytes) -> bytes:
    return _request(chance, target=form)


def _version(chance: random.Random, form: bytes) -> bytes:
    start = b"GET %s %s\r\n" % (_path(chance), form)
    return _request(chance, start=start)


def _line(chance: random.Random, form: bytes) -> bytes:
    return _request(chance, start=form.replace(b"@", _path(chance)))


def _field(chance: random.Random, form: bytes) -> bytes:
    lines, body = chance.choice([([], b""), _length(chance)])
    method = b"POST" if body else b"GET"
    return _request(chance, method, lines=[form, *lines], body=body)


def _host(chance: random.Random, form: bytes) -> bytes:
    return _request(chance, host=form)


def _content_length(chance: random.Random, form: bytes) -> bytes:
    return _request(chance, b"POST", lines=[form], body=b"hello")


def _coding(chance: random.Random, form: bytes) -> bytes:
    body = b"5\r\nhello\r\n0\r\n\r\n"
    return _request(chance, b"POST", lines=[form], body=body)


def _chunks(chance: random.Random, form: bytes) -> bytes:
    lines = [b"Transfer-Encoding: chunked"]
    return _request(chance, b"POST", lines=lines, body=form)


def _connection(chance: random.Random, form: bytes) -> bytes:
    return _request(chance, lines=[form])


def _expectation(chance: random.Random, form: bytes) -> bytes:
    lines = [form, b"Content-Length: 5"]
    return _request(chance, b"POST", lines=lines, body=b"hello")


def _old(chance: random.Random, form: bytes) -> bytes:
    body = b"hello" if b"Length" in form else b""
    body = b"5\r\nhello\r\n0\r\n\r\n" if b"chunked" in form else body
    method = b"POST" if body else b"GET"
    start = b"%s %s HTTP/1.0\r\n" % (method, _path(chance))
    return _request(chance, start=start, host=form, body=body)


def _preface(chance: random.Random, form: bytes) -> bytes:
    return form


_BUILD = {
    "method": _method,
    "target": _target,
    "version": _version,
    "request line": _line,
    "field": _field,
    "Host": _host,
    "Content-Length": _content_length,
    "Transfer-Encoding": _coding,
    "chunks": _chunks,
    "Connection": _connection,
    "Expect": _expectation,
    "HTTP/1.0": _old,
    "preface": _preface,
}
