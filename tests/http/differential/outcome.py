"""What a server made of a request: its answers, and whether it kept the connection.

In       a port, the bytes of a request
Out      an outcome: the classes of the answers, what was understood, kept or closed
Source   RFC 9112 section 6.3: how long the body of an answer is
Holds    nothing
Fails    OSError: nobody listens

The probe is sent right behind the request, and then the client's end. So a server that
kept the connection has answered the probe; one that took the probe for a part of the
request has not; and nobody has to wait for anything.

A server tells what it understood in a field, ``Seen: METHOD LENGTH PATH``, since the
answer to a HEAD has no body. The path is compared decoded: servers encode it anew.
"""

import contextlib
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from tests.http.differential.generator import PROBE, PROBE_PATH

__all__ = ["Answer", "Outcome", "answers_of", "outcome_from", "outcome_of"]

STALL_SECONDS = 10.0
"""A server that is silent for so long hangs: none of them has a reason to."""


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        status: its code; 0 for bytes that are no answer.
        seen: what the server understood: method, bytes of the body, path.
    """

    status: int
    seen: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a request.

    Attributes:
        answers: those to the request, without the probe's.
        ending: "kept", "closed", or "hangs".
    """

    answers: tuple[Answer, ...]
    ending: str

    @property
    def text(self) -> str:
        """The classes of the answers, and the ending; not what was understood."""
        classes = [
            f"{answer.status // 100}xx" if answer.status else "no HTTP"
            for answer in self.answers
        ]
        return f"{' '.join(classes) or 'nothing'}, {self.ending}"

    @property
    def is_served(self) -> bool:
        """Whether the first answer, interim ones apart, is of success."""
        final = [each.status for each in self.answers if each.status // 100 != 1]
        return bool(final) and final[0] // 100 == 2

    @property
    def seen(self) -> tuple[str, ...]:
        """What was understood, of each answer that tells."""
        return tuple(answer.seen for answer in self.answers if answer.seen)


def outcome_of(port: int, sent: bytes) -> Outcome:
    """Send a request and the probe, and return what became of it."""
    return outcome_from(port, lambda client: client.sendall(sent + PROBE))


def outcome_from(port: int, send: Callable[[socket.socket], None]) -> Outcome:
    """Send as is told, with the probe, and return what became of it."""
    received, is_over = _exchange(port, send)
    answers = answers_of(received)
    if answers and answers[-1].seen == f"GET 0 {PROBE_PATH.decode()}":
        return Outcome(tuple(answers[:-1]), "kept")
    return Outcome(tuple(answers), "closed" if is_over else "hangs")


def _exchange(port: int, send: Callable[[socket.socket], None]) -> tuple[bytes, bool]:
    """Return what comes back, and whether the server has ended."""
    received = b""
    try:
        client = socket.create_connection(("127.0.0.1", port), STALL_SECONDS)
    except ConnectionResetError:  # so soon
        return received, True
    with client:
        with contextlib.suppress(OSError):  # it need not read to the end
            send(client)
            client.shutdown(socket.SHUT_WR)
        while True:
            try:
                more = client.recv(65536)
            except ConnectionResetError:
                return received, True
            except TimeoutError:
                return received, False
            if not more:
                return received, True
            received += more


_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")


def answers_of(received: bytes) -> list[Answer]:
    """Return the answers that stand in these bytes, one behind the other."""
    answers: list[Answer] = []
    while received:
        head, empty, rest = received.partition(b"\r\n\r\n")
        started = _STATUS.match(head)
        if not (started and empty):
            return [*answers, Answer(0)]
        status, seen = int(started[1]), unquote(_field(head, b"seen").decode("latin-1"))
        answers.append(Answer(status, seen))
        received = rest[_body_bytes(status, seen, head, rest) :]
    return answers


def _body_bytes(status: int, seen: str, head: bytes, rest: bytes) -> int:
    if status < 200 or status in (204, 304) or seen.startswith("HEAD "):
        return 0
    if rest.startswith(b"HTTP/1."):
        return 0  # to a HEAD that was not told as seen
    if _field(head, b"transfer-encoding"):
        return rest.index(b"0\r\n\r\n") + 5
    length = _field(head, b"content-length")
    return int(length) if length else len(rest)


def _field(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""
