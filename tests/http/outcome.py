"""What a conversation comes to, apart from the words in which something is refused.

In       what a client sends, in pieces; the limits
Out      each answer that is no refusal, and whether one was refused at the end
Holds    nothing
Fails    AssertionError: an answer that is not well formed, one behind a refusal, or a
         reset
"""

from collections.abc import Iterable

from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.settings import HttpSettings
from portside.http.web import handler
from tests.http.answers import AnswerReader
from tests.http.app import make_app
from tests.http.played import played

__all__ = ["REFUSED", "Outcome", "conversation"]

Outcome = tuple[int, bytes]
"""A status, and a body."""

REFUSED: Outcome = (400, b"")
"""Any refusal. Where two things are wrong with a request, which one is told may depend
on how it was cut, and that is no harm."""


def conversation(pieces: Iterable[bytes], limits: HttpSettings) -> list[Outcome]:
    """Serve a client that sends these pieces and ends; return what it is answered."""
    methods: list[str] = []
    app = make_app(lambda target: None)

    def noting(request: Request) -> Response:
        methods.append(request.method)
        return app(request)

    pieces = list(pieces)
    conn, stream = played(pieces)
    handler(noting, settings=limits)(conn)
    assert not stream.was_aborted
    sent = iter((bytes(stream.sent),))
    reader = AnswerReader(lambda: next(sent, b""))
    outcome: list[Outcome] = []
    while True:
        method = methods[len(outcome)] if len(outcome) < len(methods) else "?"
        may_be_head = method == "?" and b"HEAD " in b"".join(pieces)
        answer = reader.next(to_head=method == "HEAD" or may_be_head)
        if answer is None:
            return outcome
        if answer.status == 100:
            continue
        if answer.status >= 400 and answer.closes:
            lengths = {0, int(answer.one(b"content-length") or 0) if may_be_head else 0}
            assert len(reader.at_end()) in lengths
            return [*outcome, REFUSED]
        outcome.append((answer.status, answer.body))
