"""The access log: its lines, and who cannot write in them."""

import json
import logging
import re
import select
import time
from typing import Any

import pytest

from portside.http.access_log import (
    MAX_FIELD_CHARS,
    Served,
    combined_line,
    json_line,
    log_served,
)
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.settings import HttpSettings
from portside.http.web import handler
from portside.names import IPAddress, PipeAddress, UnixAddress
from portside.server import Server
from tests.http.peer import peer

CLIENT = IPAddress("tcp", "192.0.2.1", 4242)
AT = 1_770_091_506.789  # 2026-02-03 04:05:06 UTC


@pytest.fixture(params=["UTC", "Asia/Kolkata", "America/St_Johns"])
def zone(request, monkeypatch):
    """Be in another time zone while the test runs; both by rule, no table is needed."""
    rules = {
        "UTC": "UTC0",
        "Asia/Kolkata": "IST-5:30",
        "America/St_Johns": "NST3:30",
    }
    monkeypatch.setenv("TZ", rules[request.param])
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def served(**given: Any) -> Served:
    fields: dict[str, Any] = {
        "remote": CLIENT,
        "time": AT,
        "method": "GET",
        "target": "/a?b",
        "version": (1, 1),
        "status": 200,
        "sent_bytes": 12,
        "seconds": 0.0012345678,
    }
    return Served(**(fields | given))


MOMENTS = {
    "UTC": "03/Feb/2026:04:05:06 +0000",
    "Asia/Kolkata": "03/Feb/2026:09:35:06 +0530",
    "America/St_Johns": "03/Feb/2026:00:35:06 -0330",
}


def test_a_combined_line_is_as_apache_has_it(zone):
    # Another second before: the text of the last one is kept, and not for ever.
    combined_line(served(time=AT - 1))
    line = combined_line(served(referer="http://x/", user_agent="curl/8.0 (x; y)"))
    assert line == (
        f"192.0.2.1 - - [{MOMENTS[zone]}] "
        '"GET /a?b HTTP/1.1" 200 12 "http://x/" "curl/8.0 (x; y)"'
    )


def test_a_second_is_written_once_and_then_kept():
    first, second = served(time=AT), served(time=AT + 0.2)
    other = served(time=AT + 1)
    assert combined_line(first) == combined_line(second)
    assert combined_line(first) != combined_line(other)
    assert json_line(first).count("04:05:06.789Z") == 1
    assert json_line(second).count("04:05:06.989Z") == 1
    assert json_line(other).count("04:05:07.789Z") == 1


def test_a_line_of_json_has_all_keys_always():
    assert json.loads(json_line(served())) == {
        "time": "2026-02-03T04:05:06.789Z",
        "remote": "192.0.2.1",
        "port": 4242,
        "user": None,
        "method": "GET",
        "target": "/a?b",
        "version": "1.1",
        "status": 200,
        "sent_bytes": 12,
        "seconds": 0.001235,
        "referer": None,
        "user_agent": None,
        "error": None,
    }
    full = served(referer="r", user_agent="a", user="u", error="e")
    assert json.loads(json_line(full)).keys() == json.loads(json_line(served())).keys()
    assert None not in json.loads(json_line(full)).values()


REMOTES = {
    "ipv6": (IPAddress("tcp", "2001:db8::1", 80), "2001:db8::1"),
    "link local": (IPAddress("tcp", "fe80::1%eth0", 80), "fe80::1%eth0"),
    "a pipe": (PipeAddress(), "pipe"),
    "a unix socket": (UnixAddress("unix", "/run/a b"), r"/run/a\x20b"),
    "nobody knows": (None, "-"),
}


@pytest.mark.parametrize(("remote", "shown"), REMOTES.values(), ids=REMOTES)
def test_who_asked_is_one_word(remote, shown):
    assert combined_line(served(remote=remote)).split(" ", 1)[0] == shown


def test_a_request_that_could_not_be_read_is_logged_too():
    record = Served.of(
        None, remote=CLIENT, time=AT, status=400, sent_bytes=9, seconds=0.0, error="bad"
    )
    assert '] "-" 400 9 "-" "-"' in combined_line(record)
    found = json.loads(json_line(record))
    assert (found["method"], found["target"], found["version"]) == (None, None, None)
    assert (found["status"], found["error"]) == (400, "bad")


def test_what_is_logged_of_a_request_is_what_it_says():
    request = Request.build(
        "GET", "/%0a?x", headers={"Referer": "http://x/", "User-Agent": "curl"}
    )
    record = Served.of(
        request, remote=None, time=AT, status=404, sent_bytes=0, seconds=0.5
    )
    assert record == served(
        remote=None,
        target="/%0a?x",
        status=404,
        sent_bytes=0,
        seconds=0.5,
        referer="http://x/",
        user_agent="curl",
    )


def test_a_user_is_one_word():
    line = combined_line(served(user="a b"))
    assert line.startswith(r"192.0.2.1 - a\x20b [")


HOSTILE = {
    "a line": ("a\r\nb", r"a\x0d\x0ab"),
    "an escape and a bell": ("\x1b[31m\x07", r"\x1b[31m\x07"),
    "a quote": ('" 200 0 "', r"\x22 200 0 \x22"),
    "a backslash": ("\\", r"\x5c"),
    "what looks escaped": (r"\x0a", r"\x5cx0a"),
    "a byte over ascii": ("\xff", r"\xff"),
    "utf-8": ("\xc3\xa9", r"\xc3\xa9"),
    "a delete": ("\x7f", r"\x7f"),
    "a c1 control": ("\x9b", r"\x9b"),
    "a tab": ("\t", r"\x09"),
    "nul": ("\0", r"\x00"),
    "beyond latin-1": ("\u20ac\u2028", r"\xe2\x82\xac\xe2\x80\xa8"),
    "half of a character": ("\ud800", r"\xed\xa0\x80"),
}
TEXTS = ("target", "referer", "user_agent", "user", "method")


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize(("text", "escaped"), HOSTILE.values(), ids=HOSTILE)
def test_nobody_ends_a_line_or_speaks_to_a_terminal(field, text, escaped):
    record = served(**{field: text})
    line = combined_line(record)
    assert re.fullmatch(r"[\x20-\x7e]*", line)
    if field != "user":
        assert escaped in line
    assert line.count('"') == 6
    raw = json_line(record)
    assert re.fullmatch(r"[\x20-\x7e]*", raw)
    assert json.loads(raw)[field] == text


def test_an_error_may_quote_what_the_client_sent():
    raw = json_line(served(error='header "\n\x7f"'))
    assert re.fullmatch(r"[\x20-\x7e]*", raw)
    assert json.loads(raw)["error"] == 'header "\n\x7f"'


@pytest.mark.parametrize("field", [*TEXTS, "error"])
def test_what_is_long_is_cut(field):
    long = "x" * (MAX_FIELD_CHARS - 3)
    assert json.loads(json_line(served(**{field: long})))[field] == long
    record = served(**{field: long + "yyyyy"})
    assert json.loads(json_line(record))[field].startswith(f"{long}y")
    assert json.loads(json_line(record))[field].endswith("y...")


@pytest.mark.parametrize("write", [combined_line, json_line])
@pytest.mark.parametrize(
    "character", ["x", " ", '"', "\0", "\xff", "\u2028", "\U0001f600"]
)
def test_a_line_with_its_end_is_no_longer_than_a_pipe_takes_as_a_whole(
    write, character
):
    """Workers write to the same one, and a line that is torn could begin anywhere."""
    texts = dict.fromkeys((*TEXTS, "error"), character * 10_000_000)
    remote = UnixAddress("unix", "@" + character * 107)
    line = write(
        served(**texts, remote=remote, sent_bytes=2**63, seconds=1e9, status=599)
    )
    assert len(line) < select.PIPE_BUF
    assert line.count("...") >= 3


@pytest.mark.parametrize(
    ("form", "line"), [("combined", combined_line), ("json", json_line)]
)
def test_a_line_goes_to_the_logger_as_it_is(caplog, form, line):
    record = served(target="/100%d%s")
    with caplog.at_level(logging.INFO, "portside.http.access"):
        log_served(form, record)
    assert caplog.record_tuples == [
        ("portside.http.access", logging.INFO, line(record))
    ]


def test_what_a_client_sends_over_the_wire_is_one_line_each(caplog):
    """Number 39 of the bad inputs, and a request that is none."""

    def hello(request):
        return Response.text("hello")

    web = handler(hello, settings=HttpSettings(access_log="combined"))
    with caplog.at_level(logging.INFO, "portside.http.access"):
        with Server(web, "tcp://127.0.0.1:0", model="thread") as server:
            with peer(server.address) as client:
                forged = b"/a%0a127.0.0.1%20-%20-%20FORGED"
                agent = b'\x80\xff" \\n'
                client.ask(
                    b"GET %b HTTP/1.1\r\nHost: a\r\nUser-Agent: %b\r\n\r\n"
                    % (forged, agent)
                )
                client.ask(b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n")
                client.assert_end()
    good, bad = caplog.messages
    assert good.startswith("127.0.0.1 - - [")
    assert good.endswith(
        '] "GET /a%0a127.0.0.1%20-%20-%20FORGED HTTP/1.1" 200 5 "-" '
        r'"\x80\xff\x22 \x5cn"'
    )
    assert re.search(r'\] "-" 400 [0-9]+ "-" "-"$', bad)


def test_nothing_is_logged_where_nobody_listens(caplog):
    with caplog.at_level(logging.WARNING, "portside.http.access"):
        log_served("json", served())
    assert caplog.records == []
