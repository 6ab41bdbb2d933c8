"""Every raw request of `wire/`, whole and in all pieces, under every model."""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from portside import Server
from portside.http.web import handler
from portside.models import MODELS
from portside.testing.leaks import no_leaks
from tests.http.answers import Answer, AnswerReader
from tests.http.app import make_app
from tests.http.corpus import CASES, Case, Expected, read_case
from tests.http.peer import peer
from tests.http.played import played

PROBE = b"GET /probe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SMUGGLED = b"GET /smuggled?%b HTTP/1.1\r\nHost: x\r\n\r\n"

EVERY_CUT_UP_TO = 600
"""Bytes of a conversation that is cut at each place; longer ones at some."""

SOME = 10

names = pytest.mark.parametrize("name", CASES)


# -- over a script, in this thread: how it is cut is certain


@names
def test_whole(name: str, caplog: pytest.LogCaptureFixture) -> None:
    case = CASES[name]
    assert_played(case, [said(case)])
    if not any(500 in each.statuses for each in case.answers):
        assert [record for record in caplog.records if record.levelno > 20] == []


@names
def test_a_byte_at_a_time(name: str) -> None:
    case = CASES[name]
    data = said(case)
    if len(data) > 10_000:
        cuts = some_places(len(data), 300)
        assert_played(case, pieces_of(data, cuts))
    else:
        assert_played(case, [data[at : at + 1] for at in range(len(data))])


@names
def test_cut_in_two_anywhere(name: str) -> None:
    case = CASES[name]
    data = said(case)
    places: Iterable[int] = range(1, len(data))
    if len(data) > EVERY_CUT_UP_TO:
        places = some_places(len(data), SOME)
    for at in places:
        try:
            assert_played(case, [data[:at], data[at:]])
        except AssertionError as error:
            raise AssertionError(f"cut at {at}: {data[:at][-60:]!r}") from error


def assert_played(case: Case, pieces: Iterable[bytes]) -> None:
    targets: list[str] = []
    conn, stream = played(pieces, ends=case.then != "open")
    handler(make_app(targets.append))(conn)
    assert not stream.was_aborted
    sent = iter((bytes(stream.sent),))
    reader = AnswerReader(lambda: next(sent, b""))
    assert_answers(case, lambda to_head: reader.next(to_head=to_head))
    assert reader.at_end() == b""
    assert [target for target in targets if "smuggled" in target] == []


def said(case: Case) -> bytes:
    """Return all that the client says, with what shows how it was understood."""
    if case.then:
        return case.request
    return case.request + (PROBE if case.keeps else SMUGGLED % case.name.encode())


def some_places(length: int, n_places: int) -> list[int]:
    places = random.Random(length).sample(range(1, length), n_places)
    return sorted(places)


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    ends = [*cuts, len(data)]
    return [data[at:end] for at, end in zip([0, *cuts], ends, strict=True)]


# -- over TCP


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> None:
    """All cases together leave nothing: see `servers`. One alone may, for a second, as
    a conn whose client sent too much lingers."""


@pytest.fixture(scope="module")
def smuggled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory, with a file for each case whose smuggled request was served."""
    return tmp_path_factory.mktemp("smuggled")


@pytest.fixture(scope="module")
def servers(smuggled: Path) -> Iterator[dict[str, Server]]:
    """One server for each model, for all cases."""

    def note(target: str) -> None:
        if target.startswith("/smuggled"):  # in whatever process this is
            (smuggled / (target.partition("?")[2] or "hidden")).touch()

    web = handler(make_app(note))
    with no_leaks(), ExitStack() as stack:
        yield {
            model: stack.enter_context(
                Server(web, "tcp://127.0.0.1:0", model=model, **workers(model))
            )
            for model in MODELS
        }


def workers(model: str) -> dict[str, int]:
    return {"workers": 2} if model == "hybrid" else {}


@names
def test_over_tcp_under_every_model(
    name: str, model: str, servers: dict[str, Server], smuggled: Path
) -> None:
    case = CASES[name]
    with peer(servers[model].address) as client:
        client.say(said(case))
        if case.then == "end":
            client.end()
        assert_answers(case, lambda to_head: client.answer_or_end(to_head=to_head))
        client.assert_end()
    assert not (smuggled / name).exists()
    assert not (smuggled / "hidden").exists()


# -- what must come back


def assert_answers(case: Case, next_answer: Callable[[bool], Answer | None]) -> None:
    """See that the answers are those of the case, and then that of the probe."""
    held: Answer | None = None
    for expected in case.answers:
        answer = held or next_answer(expected.is_to_head)
        held = None
        assert answer is not None, f"the end, and not {expected.statuses}"
        if expected.is_optional and answer.status not in expected.statuses:
            held = answer
            continue
        assert_answer(answer, expected)
    assert held is None
    if case.keeps and not case.then:
        answer = next_answer(False)
        assert answer is not None, "the end, where it was to be kept"
        assert (answer.status, answer.body) == (200, b"GET /probe")
        assert answer.closes
    assert next_answer(False) is None


def assert_answer(answer: Answer, expected: Expected) -> None:
    assert answer.status in expected.statuses, answer.body
    if expected.text is not None:
        assert answer.body == expected.text
    assert answer.closes is not expected.keeps, "keeps" if expected.keeps else "closes"
    if answer.status >= 400 and not expected.is_to_head:
        assert answer.one(b"content-type") == b"text/plain; charset=utf-8"
        assert answer.one(b"x-content-type-options") == b"nosniff"


# -- how a case is read


def test_a_case_is_read_with_its_escapes_and_repetitions() -> None:
    case = read_case(
        "x", "# Why.\nA{3 \\x41}\\r\\n\n{2}b\\t\\\\\n{end}\n> 200 keep a\\0"
    )
    assert case.request == b"AAAA\r\nb\t\\b\t\\"
    assert (case.then, case.keeps) == ("end", True)
    assert case.answers == (Expected((200,), False, True, False, b"a\0"),)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("GET / HTTP/1.1\n> 200 keep", "does not say what it tries"),
        ("# Why.\nGET / HTTP/1.1", "does not end with"),
        ("# Why.\n> 200 keep\nGET / HTTP/1.1", "does not end with"),
        ("# Why.\n> 200", "whether it is kept"),
        ("# Why.\n> fine", "no verdict"),
        ("# Why.\n> 400 close\n> 200 keep", "after the connection was closed"),
        ("# Why.\n\\q\n> 200 keep", "not an escape"),
        ("# Why.\n\\x4g\n> 200 keep", "not an escape"),
    ],
)
def test_what_is_no_case_is_told(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read_case("x", text)
