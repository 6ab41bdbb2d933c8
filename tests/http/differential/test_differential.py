"""Portside, Go and nginx make the same of a request, but where a reason is given."""

import contextlib
import socket
import threading
from collections import Counter

import pytest

from tests.http.differential import outcome, peers
from tests.http.differential.comparison import (
    Compared,
    compared,
    kinds_of,
    unlisted,
    unseen,
)
from tests.http.differential.generator import PROBE, Case, generate
from tests.http.differential.outcome import Answer, Outcome, answers_of, outcome_of
from tests.http.differential.page import PAGE, kinds_on, page
from tests.http.differential.productions import PRODUCTIONS
from tests.http.differential.reasons import REASONS, Kind, read_reasons

needs_peers = pytest.mark.skipif(bool(peers.missing()), reason=peers.missing())


def answer(status, seen="", body=b"seen\n"):
    """Return an answer as a server sends it."""
    field = b"Seen: %s\r\n" % seen.encode() if seen else b""
    head = b"HTTP/1.1 %d OK\r\n%sContent-Length: %d\r\n\r\n" % (
        status,
        field,
        len(body),
    )
    return head + body


def became(*texts):
    """Return what became of a request, from outcomes like "200 GET 0 /, kept"."""
    outcomes = []
    for text in texts:
        status, _, rest = text.partition(" ")
        seen, _, ending = rest.rpartition(", ")
        outcomes.append(Outcome((Answer(int(status), seen),), ending))
    return Compared(Case("method", "odd", True, b""), tuple(outcomes))


# -- the run itself


@needs_peers
def test_fifty_requests_show_no_difference_without_a_reason():
    with peers.serving() as ports:
        found = kinds_of(compared(generate(50), ports))
    assert unlisted(found) == []
    assert any(kind.is_difference for kind in found)


def test_a_difference_that_is_not_listed_is_found():
    same = became("200 GET 0 /, kept", "200 GET 0 /, kept", "200 GET 0 /, kept")
    other = became("400 , closed", "200 GET 0 /, kept", "200 GET 0 /, kept")
    found = kinds_of([same, other, other])
    assert [len(requests) for requests in found.values()] == [1, 2]
    assert unlisted(found) == [Kind("method: odd", ("4xx, closed", *["2xx, kept"] * 2))]


def test_a_listed_mutation_with_another_outcome_is_not_listed():
    listed = REASONS[0].kinds[0]
    kind = Kind(listed.mutation, ("5xx, hangs", *listed.outcomes[1:]))
    assert unlisted([kind]) == [kind]
    assert unlisted([listed]) == []


def test_a_listed_difference_that_did_not_happen_is_found():
    kinds = [kind for reason in REASONS for kind in reason.kinds]
    assert unseen(kinds) == []
    assert unseen(kinds[1:]) == kinds[:1]


def test_the_page_lists_every_difference_that_has_a_reason():
    listed = [kind.mutation for reason in REASONS for kind in reason.kinds]
    assert kinds_on(PAGE.read_text()) == listed, (
        "run: python -m tests.http.differential"
    )


# -- what is sent


def test_the_requests_are_the_same_each_time():
    assert generate(300) == generate(300)
    assert generate(300) != generate(300, seed=1)


def test_a_thousand_requests_have_every_mutation_and_as_many_good_ones_as_bad():
    cases = generate(1000)
    every = {
        f"{production}: {name}"
        for production in PRODUCTIONS
        for name in PRODUCTIONS[production]
    }
    assert {case.kind for case in cases if case.production != "plain"} == every
    fine = sum(case.is_fine for case in cases)
    assert 400 < fine < 600
    assert Counter(case.production for case in cases)["plain"] == 250


def test_a_request_has_what_was_mutated():
    for case in generate(1000):
        before, _, behind = case.form.rpartition(b"@")
        assert before in case.sent
        assert behind in case.sent


# -- what comes back


def test_answers_are_taken_apart():
    received = answer(100, body=b"") + answer(200, "POST 5 /a%20b") + answer(404)
    assert answers_of(received) == [
        Answer(100),
        Answer(200, "POST 5 /a b"),
        Answer(404),
    ]


def test_an_answer_to_a_head_has_no_body():
    to_head = answer(200, "HEAD 0 /").removesuffix(b"seen\n")
    unseen_head = answer(405).removesuffix(b"seen\n")
    assert [each.status for each in answers_of(to_head + answer(404))] == [200, 404]
    assert [each.status for each in answers_of(unseen_head + answer(404))] == [405, 404]


def test_a_chunked_answer_and_one_without_a_length_are_read():
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    )
    endless = b"HTTP/1.0 400 No\r\n\r\nwhatever"
    assert [each.status for each in answers_of(chunked + endless)] == [200, 400]


def test_what_is_no_answer_is_told():
    assert answers_of(b"seen\n") == [Answer(0)]
    assert answers_of(answer(200) + b"HTTP/1.1 200 OK\r\n") == [Answer(200), Answer(0)]


ENDINGS = {
    "kept": (answer(200, "GET 0 /a") + answer(200, "GET 0 /is-it-kept"), "2xx, kept"),
    "closed": (answer(400), "4xx, closed"),
    "two answers": (answer(200, "GET 0 /a") + answer(400), "2xx 4xx, closed"),
    "silence": (b"", "nothing, closed"),
    "the probe in another request": (answer(200, "POST 63 /a"), "2xx, closed"),
    "an interim answer": (
        b"HTTP/1.1 100 Continue\r\n\r\n" + answer(200, "POST 5 /a"),
        "1xx 2xx, closed",
    ),
    "HTTP/0.9": (b"seen\n", "no HTTP, closed"),
}


@contextlib.contextmanager
def served(play):
    """Play the server to one client: a function of the socket."""

    def serve():
        conn, _ = listener.accept()
        with conn:
            play(conn)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def read_to_end(conn):
    received = b""
    while more := conn.recv(65536):
        received += more
    return received


@pytest.mark.parametrize(("sends", "text"), ENDINGS.values(), ids=ENDINGS)
def test_an_outcome_is_told_in_words(sends, text):
    def play(conn):
        assert read_to_end(conn) == b"GET /a HTTP/1.1\r\n\r\n" + PROBE
        conn.sendall(sends)

    with served(play) as port:
        assert outcome_of(port, b"GET /a HTTP/1.1\r\n\r\n").text == text


def test_a_server_that_neither_answers_nor_ends_hangs(monkeypatch):
    monkeypatch.setattr(outcome, "STALL_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # and nobody accepts
        assert outcome_of(listener.getsockname()[1], b"").text == "nothing, hangs"


def test_a_server_that_resets_has_closed():
    def play(conn):
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with served(play) as port:
        assert outcome_of(port, b"GET / HTTP/1.1\r\n\r\n").text == "nothing, closed"


# -- what is told of it


def test_what_was_understood_is_told_where_it_differs():
    kind = became("200 GET 0 /, kept", "200 GET 5 /, kept", "200 GET 0 /, kept").kind
    assert kind.outcomes == (
        "2xx, kept, seen as A",
        "2xx, kept, seen as B",
        "2xx, kept, seen as A",
    )
    assert kind.is_difference


def test_who_understood_nothing_is_not_told_so():
    kind = became("400 , closed", "200 GET 5 /, kept", "200 GET 5 /, kept").kind
    assert kind.outcomes == ("4xx, closed", "2xx, kept", "2xx, kept")


def test_reasons_are_read_from_a_file():
    text = (
        "# about\n\n= One\nWhy it is\nso.\n\na: b | x, kept | y | z\nc: d | x | y | z\n"
    )
    (reason,) = read_reasons(text)
    assert (reason.title, reason.text) == ("One", "Why it is\nso.")
    assert reason.kinds == (
        Kind("a: b", ("x, kept", "y", "z")),
        Kind("c: d", ("x", "y", "z")),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("= One\n\na: b | x | y | z\n", "no reason"),
        ("= One\nWhy.\n\na: b | x | y\n", "three outcomes"),
        (
            "= One\nWhy.\n\na | x | y | z\n\n= Two\nWhy.\n\na | x | y | z\n",
            "twice: Two",
        ),
    ],
)
def test_a_file_that_is_none_is_told(text, told):
    with pytest.raises(ValueError, match=told):
        read_reasons(text)


def test_the_page_has_a_row_for_each_kind_with_its_count_and_an_example():
    kind = REASONS[0].kinds[0]
    case = Case("request line", "LF for an end", False, b"", b"GET `@` | x\n")
    request = Compared(case, (Outcome((Answer(400),), "closed"),) * 3)
    text = page({kind: [request, request]}, {"Go": "1.19.8"})
    assert "2 requests are generated" in text
    assert "Versions: Go 1.19.8." in text
    cells = " | ".join([kind.mutation, *kind.outcomes])
    assert f"| {cells} | 2 | `GET \\x60@\\x60 \\x7c x\\n` |" in text
    assert kinds_on(text) == [k.mutation for reason in REASONS for k in reason.kinds]
