"""The head of a request: what it says, and which of them nobody would read alike."""

import pytest

from portside.http.message.status_error import RequestError
from portside.http.wire.head import Head, HeadParser, check_line
from portside.http.wire.request_line import read_request_line

HOST = b"Host: x"


def raw(*lines: bytes, first: bytes = b"GET / HTTP/1.1") -> bytes:
    return b"\r\n".join((first, *lines, b"", b""))


def parse(*lines: bytes, first: bytes = b"GET / HTTP/1.1") -> Head:
    return HeadParser(8192, 100).parse(raw(*lines, first=first))


def refusal(head: bytes, parser: HeadParser | None = None) -> RequestError:
    parser = parser or HeadParser(8192, 100)
    with pytest.raises(RequestError) as caught:
        _ = parser.parse_again(head) or parser.parse(head)
    return caught.value


# -- what it says


def test_a_head_says_its_parts_as_they_came():
    head = parse(
        b"hOsT: a.example:80",
        b"X-A:1",
        b"x-a: \t two words \t",
        b"X-Empty:",
        b"X-High: n\xe9e",
        first=b"PUT /a%20b?x=1 HTTP/1.1",
    )
    assert (head.method, head.target, head.minor) == ("PUT", "/a%20b?x=1", 1)
    assert head.host == "a.example:80"
    assert [(name, value.strip(b" \t")) for name, value in head.fields] == [
        (b"hOsT", b"a.example:80"),
        (b"X-A", b"1"),
        (b"x-a", b"two words"),
        (b"X-Empty", b""),
        (b"X-High", b"n\xe9e"),
    ]
    assert (head.length, head.keep_alive) == (0, True)
    assert (head.expects_continue, head.upgrade) == (False, "")


KEPT = {
    (b"1.1", None): True,
    (b"1.0", None): False,
    (b"1.1", b"close"): False,
    (b"1.1", b"CLOSE"): False,
    (b"1.1", b"keep-alive"): True,
    (b"1.0", b"keep-alive"): True,
    (b"1.0", b"Keep-Alive"): True,
    (b"1.0", b"foo"): False,
    (b"1.0", b"keep-alive, close"): False,
    (b"1.1", b"keep-alive, close"): False,
    (b"1.1", b" , ,\tclose ,x"): False,
    (b"1.1", b"closed"): True,
    (b"1.1", b"close;now"): True,
    (b"1.1", b'"close"'): True,
    (b"1.0", b'"keep-alive"'): False,
}


@pytest.mark.parametrize(("version", "options"), KEPT, ids=str)
def test_connection_is_a_list_of_options(version, options):
    """RFC 9112 section 9.3: the version says what holds without one."""
    lines = [HOST] if options is None else [HOST, b"Connection: " + options]
    head = parse(*lines, first=b"GET / HTTP/" + version)
    assert head.keep_alive is KEPT[version, options]


def test_repeated_options_are_one_list():
    lines = (HOST, b"Connection: keep-alive", b"connection: close")
    assert parse(*lines).keep_alive is False


LENGTHS = {
    b"0": 0,
    b"5": 5,
    b"007": 7,
    b"9" * 19: 10**19 - 1,
    b"0" * 18 + b"1": 1,
}


@pytest.mark.parametrize("digits", LENGTHS, ids=str)
def test_a_length_is_digits(digits):
    head = parse(HOST, b"Content-Length: " + digits, first=b"POST / HTTP/1.1")
    assert head.length == LENGTHS[digits]


def test_a_body_in_chunks_has_no_length():
    lines = (HOST, b"Transfer-Encoding: \tChunked ")
    assert parse(*lines, first=b"POST / HTTP/1.1").length is None


EXPECTED = {
    (b"1.1", b"100-continue", b"5"): True,
    (b"1.1", b"100-Continue ", b"5"): True,
    (b"1.1", b"100-continue", b"0"): False,  # no body is to come
    (b"1.0", b"100-continue", b"5"): False,  # RFC 9110 section 10.1.1
    (b"1.0", b"teleport", b"5"): False,
}


@pytest.mark.parametrize(("version", "value", "length"), EXPECTED, ids=str)
def test_who_expects_a_continue_waits_with_a_body(version, value, length):
    lines = (HOST, b"Content-Length: " + length, b"Expect: " + value)
    head = parse(*lines, first=b"POST / HTTP/" + version)
    assert head.expects_continue is EXPECTED[version, value, length]


OFFERED = {
    (b"HTTP/1.1", b"upgrade", b"websocket"): "websocket",
    (b"HTTP/1.1", b"keep-alive, Upgrade", b"a/1, b"): "a/1, b",
    (b"HTTP/1.1", b"keep-alive", b"websocket"): "",  # RFC 9110 section 7.8
    (b"HTTP/1.1", b"upgrade", None): "",
    (b"HTTP/1.0", b"upgrade", b"websocket"): "",
}


@pytest.mark.parametrize(("version", "options", "protocol"), OFFERED, ids=str)
def test_an_upgrade_is_offered_by_two_fields(version, options, protocol):
    lines = [HOST, b"Connection: " + options]
    if protocol is not None:
        lines.append(b"Upgrade: " + protocol)
    head = parse(*lines, first=b"GET / " + version)
    assert head.upgrade == OFFERED[version, options, protocol]


def test_protocols_in_two_fields_are_one_list():
    head = parse(HOST, b"Connection: upgrade", b"Upgrade: a", b"Upgrade: b")
    assert head.upgrade == "a, b"


def test_an_old_head_needs_no_host():
    assert parse(first=b"GET / HTTP/1.0").host == ""


# -- what is refused, and with which status

REFUSED = {
    b"GET /\r\n\r\n": 400,
    b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n": 400,
    b"GET / HTTP/1.1\nHost: x\r\n\r\n": 400,
    b"GET / HTTP/1.10\r\nHost: x\r\n\r\n": 400,
    b"GET / http/1.1\r\nHost: x\r\n\r\n": 400,
    b"GET /#a HTTP/1.1\r\nHost: x\r\n\r\n": 400,
    b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n": 400,
    b"GET / HTTP/2.0\r\nHost: x\r\n\r\n": 505,
    b"GET / HTTP/0.9\r\nHost: x\r\n\r\n": 505,
    b"GET / HTTP/1.2\r\nHost: x\r\n\r\n": 505,
    b"PRI * HTTP/2.0\r\n\r\n": 505,
    b"get / HTTP/1.1\r\nHost: x\r\n\r\n": 501,
    b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n": 501,
    b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n": 501,
    b"GET * HTTP/1.1\r\nHost: x\r\n\r\n": 400,
    b"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n": 400,
    b"GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n": 400,
    b"GET http://u@x/ HTTP/1.1\r\nHost: x\r\n\r\n": 400,
    raw(): 400,
    raw(HOST, HOST): 400,
    raw(b"Host: a b"): 400,
    raw(b"Host: x:65536"): 400,
    raw(b"Host: x:000080"): 400,
    raw(b"Host: [::1"): 400,
    raw(b"Host: [1:2]"): 400,
    raw(b"Host: [fe80::1%25eth0]"): 400,
    raw(b"Host: ::1"): 400,
    raw(HOST, b"X-A : 1"): 400,
    raw(HOST, b" X-A: 1"): 400,
    raw(HOST, b"X-A: 1", b" folded"): 400,
    raw(HOST, b"X(A): 1"): 400,
    raw(HOST, b"X-\xc3\xa9: 1"): 400,
    raw(HOST, b": 1"): 400,
    raw(HOST, b"X-A"): 400,
    raw(HOST, b"X-A: a\rb"): 400,
    raw(HOST, b"X-A: a\nb"): 400,
    raw(HOST, b"X-A: a\0b"): 400,
    raw(HOST, b"X-A: a\x1bb"): 400,
    raw(HOST, b"X-A: a\x7fb"): 400,
    raw(HOST, b"Content-Length: 5", b"Content-Length: 5"): 400,
    raw(HOST, b"Content-Length: 5, 5"): 400,
    raw(HOST, b"Content-Length: +5"): 400,
    raw(HOST, b"Content-Length: 5_0"): 400,
    raw(HOST, b"Content-Length: \xb2"): 400,
    raw(HOST, b"Content-Length:"): 400,
    raw(HOST, b"Content-Length: " + b"9" * 20): 400,
    raw(HOST, b"Transfer-Encoding: chunked", b"Content-Length: 0"): 400,
    raw(HOST, b"Transfer-Encoding: chunked", first=b"POST / HTTP/1.0"): 400,
    raw(HOST, b"Transfer-Encoding: chunked, chunked"): 400,
    raw(HOST, b"Transfer-Encoding: chunked", b"transfer-encoding: chunked"): 400,
    raw(HOST, b"Transfer-Encoding: chunked;q=1"): 400,
    raw(HOST, b"Transfer-Encoding: chunked, gzip"): 400,
    raw(HOST, b'Transfer-Encoding: "chunked"'): 400,
    raw(HOST, b"Transfer-Encoding:"): 400,
    raw(HOST, b"Transfer-Encoding: gzip, chunked"): 501,
    raw(HOST, b"Transfer-Encoding: gzip"): 501,
    raw(HOST, b"Expect: teleport"): 417,
    raw(HOST, b"Expect: 100-continue, teleport"): 417,
    raw(HOST, b"Expect: 100-continue", b"Expect: 100-continue"): 417,
}


@pytest.mark.parametrize("head", REFUSED, ids=ascii)
def test_what_two_would_read_differently_is_refused(head):
    assert refusal(head).status == REFUSED[head]


def test_a_refusal_repeats_nothing_that_was_sent():
    """What came is for nobody's terminal: not for the client's, not for a log."""
    error = refusal(raw(HOST, b"X-\x1b[31m: <script>"))
    assert error.message.isprintable()
    assert "script" not in error.message


@pytest.mark.parametrize("host", [b"", b"x", b"x.", b"x:", b"127.0.0.1:8080", b"a_b~c"])
def test_a_host_is_a_name_or_an_address_with_a_port_or_without(host):
    assert parse(b"Host: " + host).host == host.decode()


@pytest.mark.parametrize("host", [b"[::1]", b"[::ffff:1.2.3.4]:80", b"[2001:DB8::]"])
def test_an_ipv6_address_stands_in_brackets(host):
    assert parse(b"Host: " + host).host == host.decode()


# -- limits


def test_a_target_may_be_as_long_as_the_limit_and_no_longer():
    parser = HeadParser(20, 100)
    lines = (HOST,)
    head = raw(*lines, first=b"GET /" + b"a" * 19 + b" HTTP/1.1")
    assert len(parser.parse(head).target) == 20
    over = raw(*lines, first=b"GET /" + b"a" * 20 + b" HTTP/1.1")
    assert refusal(over, parser).status == 414


def test_the_limit_of_a_target_holds_where_the_fields_were_seen_before():
    parser = HeadParser(20, 100)
    parser.parse(raw(HOST))
    over = raw(HOST, first=b"GET /" + b"a" * 20 + b" HTTP/1.1")
    assert refusal(over, parser).status == 414


def test_there_may_be_as_many_fields_as_the_limit_and_no_more():
    parser = HeadParser(8192, 3)
    assert len(parser.parse(raw(HOST, b"A: 1", b"A: 2")).fields) == 3
    assert refusal(raw(HOST, b"A: 1", b"A: 2", b"A: 3"), parser).status == 431


# -- one head after another


def test_the_fields_of_the_last_head_are_not_those_of_a_shorter_one():
    parser = HeadParser(8192, 100)
    parser.parse(raw(HOST, b"X-Secret: 1"))
    assert parser.parse_again(raw(HOST)) is None
    assert parser.parse(raw(HOST)).fields == [(b"Host", b"x")]


def test_only_the_request_line_may_differ_from_the_last_head():
    parser = HeadParser(8192, 100)
    parser.parse(raw(HOST, b"Connection: close"))
    again = parser.parse_again(
        raw(HOST, b"Connection: close", first=b"HEAD /b HTTP/1.1")
    )
    assert again is not None
    assert (again.method, again.target, again.keep_alive) == ("HEAD", "/b", False)
    other = HeadParser(8192, 100)
    other.parse(raw(HOST))
    assert other.parse_again(raw(HOST, first=b"GET / HTTP/1.0")) is None


@pytest.mark.parametrize(
    "first",
    [
        *(
            b"BREW / HTTP/1.1",
            b"get / HTTP/1.1",
            b"GET  / HTTP/1.1",
            b"GET /\tHTTP/1.1",
        ),
        *(b"GET /%41 HTTP/1.1", b"GET /# HTTP/1.1", b"GET /\xe9 HTTP/1.1"),
        *(b"GET * HTTP/1.1", b"GET http://x/ HTTP/1.1", b"\r\nGET / HTTP/1.1"),
        *(
            b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1",
            b"GET /" + b"a" * 8192 + b" HTTP/1.1",
        ),
    ],
    ids=lambda first: ascii(first[:30]),
)
def test_a_request_line_that_wants_a_closer_look_gets_one(first):
    parser = HeadParser(8192, 100)
    parser.parse(raw(HOST))
    assert parser.parse_again(raw(HOST, first=first)) is None


@pytest.mark.parametrize(
    "line", [b"A: 2", b"A:", b"A:\t2 \t", b"A: \xe9, :;\x22", b"A:  a  b"], ids=ascii
)
def test_another_value_of_a_field_that_means_nothing_here_is_read_alone(line):
    parser = HeadParser(8192, 100)
    kept = parser.parse(raw(HOST, b"A: 1", b"Content-Length: 5")).fields
    head = raw(HOST, line, b"Content-Length: 5", first=b"POST /b HTTP/1.1")
    again, fresh = parser.parse_again(head), HeadParser(8192, 100).parse(head)
    for name in Head.__slots__:
        assert getattr(again, name) == getattr(fresh, name)
    assert kept[1] == (b"A", b"1")  # as the request before still says


@pytest.mark.parametrize(
    "lines",
    [
        [b"Host: y", b"A: 1", b"Connection: x"],
        [HOST, b"A: 1", b"Connection: close"],
        [HOST, b"B: 1", b"Connection: x"],
        [HOST, b"a: 1", b"Connection: x"],
        [HOST, b"A: 1", b"Content-Length: 5"],
        [HOST, b"Connection: x", b"A: 1"],
        [HOST, b"A: 2"],
        [HOST, b"A: 2", b"Connection: x", b"B: 1"],
        *([HOST, line, b"Connection: x"] for line in (b"A", b"A : 2", b" A: 2", b"")),
        *(
            [HOST, line, b"Connection: x"]
            for line in (b"A: \0", b"A: \r", b"A: 2\nB: 1")
        ),
        [HOST, b"A: " + b"2" * 4096, b"Connection: x"],
    ],
    ids=lambda lines: ascii(b"|".join(lines)[:40]),
)
def test_what_could_mean_something_else_is_read_whole(lines):
    parser = HeadParser(8192, 100)
    parser.parse(raw(HOST, b"A: 1", b"Connection: x"))
    assert parser.parse_again(raw(*lines)) is None


KNOWN = [
    [HOST, b"Content-Length: 5"],
    [HOST, b"Transfer-Encoding: chunked"],
    [HOST, b"Content-Length: 5", b"Expect: 100-continue"],
    [HOST, b"Connection: upgrade", b"Upgrade: h2c"],
    [HOST, b"Connection: close"],
    [b"Host: a.example", b"A: 1", b"a: 2"],
]


@pytest.mark.parametrize("lines", KNOWN, ids=str)
@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"], ids=str)
def test_what_was_said_again_is_meant_again(lines, version):
    if version == b"HTTP/1.0" and b"chunked" in lines[1]:
        return
    parser = HeadParser(8192, 100)
    parser.parse(raw(*lines, first=b"GET /first " + version))
    head = raw(*lines, first=b"POST /second?a " + version)
    again, fresh = parser.parse_again(head), HeadParser(8192, 100).parse(head)
    for name in Head.__slots__:
        assert getattr(again, name) == getattr(fresh, name)


@pytest.mark.parametrize(
    "second", [b"CONNECT /", b"BREW /", b"GET *", b"GET x", b"GET /%zz"]
)
def test_a_known_set_of_fields_makes_no_request_line_lawful(second):
    parser = HeadParser(8192, 100)
    parser.parse(raw(HOST))
    head = raw(HOST, first=second + b" HTTP/1.1")
    assert refusal(head, parser).status == refusal(head).status


def test_a_refused_head_leaves_nothing_behind():
    """The connection is closed then; but who uses the parser again is not misled."""
    parser = HeadParser(8192, 100)
    good = raw(HOST, b"A: 1")
    for bad, status in REFUSED.items():
        assert refusal(bad, parser).status == status
        assert parser.parse(good).fields == [(b"Host", b"x"), (b"A", b"1")]


def test_what_an_old_proxy_is_told_does_not_end_the_connection():
    """llhttp takes Proxy-Connection for Connection; no RFC does."""
    parser = HeadParser(8192, 100)
    assert parser.parse(raw(HOST, b"Proxy-Connection: close")).keep_alive
    assert parser.parse(raw(HOST, b"A: 1")).fields == [(b"Host", b"x"), (b"A", b"1")]


def test_a_head_behind_an_offer_to_upgrade_is_read_as_ever():
    parser = HeadParser(8192, 100)
    parser.parse(raw(HOST, b"Connection: upgrade", b"Upgrade: h2c"))
    assert parser.parse(raw(HOST, b"A: 1")).upgrade == ""


def test_a_head_behind_one_with_a_body_is_read_as_ever():
    parser = HeadParser(8192, 100)
    parser.parse(raw(HOST, b"Content-Length: 5", first=b"POST / HTTP/1.1"))
    assert parser.parse(raw(HOST)).length == 0


# -- line by line, while it comes


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET / HTTP/1.1\r\n", 0),
        (b"GET /2345678901234567890 HTTP/1.1\r\n", 0),
        (b"GET /23456789012345678901 HTTP/1.1\r\n", 414),
        (b"GET / HTTP/1.1\n", 400),
        (b"GET / HTTP/1.1 \r\n", 400),
        (b"GET / HTTP/3.0\r\n", 505),
        (b"\x16\x03\x01\n", 400),
    ],
    ids=ascii,
)
def test_a_request_line_is_judged_before_the_rest_has_come(line, status):
    if not status:
        read_request_line(line, 20)
        return
    with pytest.raises(RequestError) as caught:
        read_request_line(line, 20)
    assert caught.value.status == status


@pytest.mark.parametrize("line", [b"\r\n", b"A: 1\r\n", b"A:\r\n", b"A:\t\xff \r\n"])
def test_a_line_that_can_stand_in_a_head_passes(line):
    check_line(line)


@pytest.mark.parametrize(
    "line",
    [
        *(b"\n", b"A: 1\n", b"A: 1\r\r\n", b"A : 1\r\n", b" A: 1\r\n", b"A\r\n"),
        *(b":\r\n", b"A: \x00\r\n", b"A: \x0b\r\n", b"A: \x7f\r\n", b"\xe9: 1\r\n"),
    ],
    ids=ascii,
)
def test_a_line_that_cannot_is_refused(line):
    with pytest.raises(RequestError, match="malformed header field"):
        check_line(line)
