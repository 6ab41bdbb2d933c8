"""Requests that a page of another origin had sent: Go's rules, row by row."""

import pytest

from portside.errors import HandlerError
from portside.http.cross_origin import cross_origin_protection
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.pattern import PatternError
from portside.http.web import handler
from tests.http.peer import peer

HOST = "example.com"


def hello(request):
    return Response.text(f"hello at {request.path}")


def ask(protected, method="POST", target="/", host=HOST, **fields):
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    request = Request.build(method, target, headers={"Host": host} | headers)
    return protected(request).status


# sec-fetch-site, origin, and what is answered to POST
RULES = {
    "same origin": ("same-origin", None, 200),
    "typed by the user": ("none", None, 200),
    "another site": ("cross-site", None, 403),
    "the same site": ("same-site", None, 403),
    "a word that nobody knows": ("future", None, 403),
    "in capitals": ("Same-Origin", None, 403),
    "said twice": ("same-origin, same-origin", None, 403),
    "the site counts before the origin": ("same-origin", "https://evil.example", 200),
    "and not only when it helps": ("cross-site", "https://example.com", 403),
    "no browser": (None, None, 200),
    "an empty word": ("", None, 200),
    "an old browser, here": (None, "https://example.com", 200),
    "an old browser, here without tls": (None, "http://example.com", 200),
    "an old browser, elsewhere": (None, "https://evil.example", 403),
    "an old browser, at another port": (None, "https://example.com:8443", 403),
    "an old browser, below": (None, "https://www.example.com", 403),
    "an old browser in a sandbox": (None, "null", 403),
    "an origin that is none": (None, "example.com", 403),
    "an origin with more": (None, "https://example.com/", 403),
    "an origin with a user": (None, "https://example.com@evil.example", 403),
    "an origin that ends in ours": (None, "https://evil.example#example.com", 403),
    "a trusted origin": ("cross-site", "https://shop.example:8443", 200),
    "a trusted origin of an old browser": (None, "https://shop.example:8443", 200),
    "a trusted host at another port": ("cross-site", "https://shop.example", 403),
    "a trusted host by another scheme": (
        "cross-site",
        "http://shop.example:8443",
        403,
    ),
    "a trusted host and more": ("cross-site", "https://shop.example:8443.evil", 403),
}


@pytest.mark.parametrize(("site", "origin", "status"), RULES.values(), ids=RULES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "get"])
def test_a_request_that_may_change_something_is_judged(method, site, origin, status):
    protected = cross_origin_protection(
        hello, trusted_origins=["https://shop.example:8443"]
    )
    fields = {}
    if site is not None:
        fields["Sec_Fetch_Site"] = site
    if origin is not None:
        fields["Origin"] = origin
    assert ask(protected, method, **fields) == status


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_only_reads_passes(method):
    protected = cross_origin_protection(hello)
    fields = {"Sec_Fetch_Site": "cross-site", "Origin": "https://evil.example"}
    assert ask(protected, method, **fields) == 200


def test_the_port_of_the_host_counts():
    protected = cross_origin_protection(hello)
    origin = "http://example.com:8080"
    assert ask(protected, host="example.com:8080", Origin=origin) == 200
    assert ask(protected, host="example.com:80", Origin=origin) == 403
    assert ask(protected, host="[::1]:8080", Origin="http://[::1]:8080") == 200


def test_a_request_without_a_host_is_of_no_origin():
    protected = cross_origin_protection(hello)
    for origin in ("null", "https://", "https://example.com"):
        headers = {"Origin": origin}
        request = Request.build("POST", "/", headers=headers)
        assert protected(request).status == 403


def test_the_host_of_an_absolute_target_is_the_one_that_is_asked():
    protected = cross_origin_protection(hello)
    target = "http://example.com/"
    assert ask(protected, "POST", target, "x", Origin="https://example.com") == 200
    assert ask(protected, "POST", target, "x", Origin="https://x") == 403


BYPASSED = {
    "the path": ("POST", "/hook", 200),
    "below a tree": ("POST", "/api/v1/x", 200),
    "a wildcard": ("POST", "/users/7/ping", 200),
    "another path": ("POST", "/hooks", 403),
    "another method": ("DELETE", "/users/7/ping", 403),
    "what would be redirected to a tree": ("POST", "/api", 403),
    "what would be cleaned": ("POST", "/x/../hook", 403),
    "two slashes": ("POST", "//hook", 403),
    "an encoded slash": ("POST", "/api%2Fx", 403),
}


@pytest.mark.parametrize(
    ("method", "target", "status"), BYPASSED.values(), ids=BYPASSED
)
def test_what_is_bypassed_passes_and_nothing_that_a_mux_would_redirect(
    method, target, status
):
    protected = cross_origin_protection(
        hello, bypass=["/hook", "/api/", "POST /users/{id}/ping"]
    )
    assert ask(protected, method, target, Sec_Fetch_Site="cross-site") == status


def test_a_bypass_leaves_the_request_as_it_was():
    seen = []

    def look(request):
        seen.append((request.pattern, request.path_values))
        return Response()

    protected = cross_origin_protection(look, bypass=["/{name}"])
    assert ask(protected, target="/x", Sec_Fetch_Site="cross-site") == 200
    assert seen == [(None, {})]


def test_one_text_is_one_origin_and_one_pattern():
    protected = cross_origin_protection(
        hello, trusted_origins="https://a.example", bypass="/hook"
    )
    site = {"Sec_Fetch_Site": "cross-site"}
    assert ask(protected, Origin="https://a.example", **site) == 200
    assert ask(protected, target="/hook", **site) == 200
    assert ask(protected, target="/h", **site) == 403


UNTRUSTED = {
    "nothing": ("", "not scheme://host"),
    "a host": ("example.com", "not scheme://host"),
    "null": ("null", "not scheme://host"),
    "a star": ("*", "not scheme://host"),
    "a path": ("https://example.com/", "not scheme://host"),
    "a query": ("https://example.com?x", "not scheme://host"),
    "a user": ("https://me@example.com", "not scheme://host"),
    "a space": ("https://example.com ", "not scheme://host"),
    "no host": ("https://:443", "':443' is no host"),
    "wild": ("https://*.example.com", r"'\*.example.com' is no host"),
    "beyond ascii": ("https://bücher.example", "is no host"),
    "capitals": ("https://Example.com", "lower case"),
    "a capital scheme": ("HTTPS://example.com", "lower case"),
    "the port of https": ("https://example.com:443", "leave out the port"),
    "the port of http": ("http://example.com:80", "leave out the port"),
    "no port": ("http://example.com:", "leave out the port"),
}


@pytest.mark.parametrize(("origin", "reason"), UNTRUSTED.values(), ids=UNTRUSTED)
def test_an_origin_that_no_browser_sends_is_refused(origin, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        cross_origin_protection(hello, trusted_origins=[origin])
    assert str(caught.value).startswith(f"trusted origin {origin!r}: ")


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.com",
        "http://example.com:443",
        "https://[2001:db8::1]:8443",
        "http://localhost:3000",
        "capacitor://localhost",
        "https://xn--bcher-kva.example",
    ],
)
def test_an_origin_that_a_browser_sends_is_trusted(origin):
    protected = cross_origin_protection(hello, trusted_origins=[origin])
    assert ask(protected, Sec_Fetch_Site="cross-site", Origin=origin) == 200


def test_a_bypass_that_is_no_pattern_is_refused():
    with pytest.raises(PatternError):
        cross_origin_protection(hello, bypass=["hook"])
    with pytest.raises(PatternError):
        cross_origin_protection(hello, bypass=["/{a}", "/{b}"])


def test_what_cannot_be_called_is_refused():
    def nothing_to_ask():
        return Response()

    with pytest.raises(HandlerError):
        cross_origin_protection(nothing_to_ask)  # type: ignore[arg-type]


def test_it_has_the_name_of_what_it_protects():
    assert cross_origin_protection(hello).__name__ == "hello"
    assert cross_origin_protection(handler(hello)).__name__ == "hello"


def test_a_page_of_another_origin_reads_403(portside_serve):
    server = portside_serve(
        handler(cross_origin_protection(hello)), model="nonblocking"
    )
    with peer(server.address) as client:
        request = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n%b\r\nhi"
        answer = client.ask(request % b"Sec-Fetch-Site: cross-site\r\n")
        assert answer.status == 403
        answer = client.ask(request % b"Sec-Fetch-Site: same-origin\r\n")
        assert (answer.status, answer.body) == (200, b"hello at /x")
