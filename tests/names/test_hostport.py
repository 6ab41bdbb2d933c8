"""``host:port``: the rules of Go, row by row."""

import pytest

from portside.errors import AddressError
from portside.names.hostport import join_host_port, parse_port, split_host_port

SPLITS = {
    "name": ("localhost:http", "localhost", "http"),
    "ipv4": ("127.0.0.1:80", "127.0.0.1", "80"),
    "ipv6": ("[::1]:80", "::1", "80"),
    "zone": ("[fe80::1%lo0]:80", "fe80::1%lo0", "80"),
    "name in brackets": ("[localhost]:80", "localhost", "80"),
    "no host": (":80", "", "80"),
    "no host in brackets": ("[]:80", "", "80"),
    "no port": ("localhost:", "localhost", ""),
    "ipv6 without port": ("[::1]:", "::1", ""),
    "neither": (":", "", ""),
}

HINT = " (write an IPv6 address in brackets: [{}]:{})"

REFUSED = {
    "empty": ("", "missing port in address"),
    "no colon": ("localhost", "missing port in address"),
    "colon only in brackets": ("[::1]", "missing port in address"),
    "port without colon": ("[::1]80", "missing port in address"),
    "text after brackets": ("[::1]x:80", "missing port in address"),
    "second closing bracket": ("[::1]]:80", "missing port in address"),
    "three parts": ("a:b:c", "too many colons in address"),
    "two ports": ("[::1]:80:90", "too many colons in address"),
    "ipv6 alone": ("::1", "too many colons in address" + HINT.format("::1", "80")),
    "ipv6 with port": (
        "2001:db8::1:443",
        "too many colons in address" + HINT.format("2001:db8::1", "443"),
    ),
    "ipv6 with zone": (
        "fe80::1%lo0:80",
        "too many colons in address" + HINT.format("fe80::1%lo0", "80"),
    ),
    "never closed": ("[::1", "missing ']' in address"),
    "never closed, with port": ("[::1:80", "missing ']' in address"),
    "closed, never opened": ("::1]:80", "too many colons in address"),
    "name closed, never opened": ("a]:80", "unexpected ']' in address"),
    "opened inside": ("a[b]:80", "unexpected '[' in address"),
    "opened twice": ("[[::1]:80", "unexpected '[' in address"),
    "opened in the port": ("[::1]:8[0", "unexpected '[' in address"),
    "closed in the port": ("[::1]:8]0", "unexpected ']' in address"),
    "closed behind a name's port": ("a:80]", "unexpected ']' in address"),
}

PORTS = {
    "empty": ("", 0),
    "zero": ("0", 0),
    "number": ("80", 80),
    "highest": ("65535", 65535),
    "plus": ("+80", 80),
    "minus zero": ("-0", 0),
    "leading zeros": ("000080", 80),
    "thousands of zeros": ("0" * 9000 + "7", 7),
    "service": ("http", 80),
    "alias in capitals": ("WWW", 80),
}

NOT_PORTS = {
    "over": "65536",
    "below": "-1",
    "thousands of digits": "9" * 9000,
    "plus alone": "+",
    "minus alone": "-",
    "white space": " 80",
    "underscore": "8_0",
    "arabic digits": "\u0668\u0660",
    "hexadecimal": "0x50",
    "unknown service": "carrier-pigeon",
}


@pytest.mark.parametrize(("text", "host", "port"), SPLITS.values(), ids=SPLITS)
def test_the_last_colon_splits(text, host, port):
    assert split_host_port(text) == (host, port)


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_split_is_named_with_the_reason(text, reason):
    with pytest.raises(AddressError) as caught:
        split_host_port(text)
    assert str(caught.value) == f"address {text!r}: {reason}"


@pytest.mark.parametrize("joined", ["[::1]:80", "a:80", ":80", "a:", "[fe80::1%lo0]:1"])
def test_joining_brings_back_what_was_split(joined):
    assert join_host_port(*split_host_port(joined)) == joined


def test_a_port_may_be_joined_as_a_number():
    assert join_host_port("::1", 80) == "[::1]:80"


@pytest.mark.parametrize(("text", "port"), PORTS.values(), ids=PORTS)
def test_a_port_is_a_number_or_a_service(text, port):
    assert parse_port(text) == port


@pytest.mark.parametrize("text", NOT_PORTS.values(), ids=NOT_PORTS)
def test_what_is_no_port_is_named_with_the_range(text):
    with pytest.raises(AddressError) as caught:
        parse_port(text)
    assert str(caught.value).startswith(f"port {text!r}: not in 0-65535")


def test_a_misspelt_service_is_guessed():
    with pytest.raises(AddressError) as caught:
        parse_port("htttp")
    assert str(caught.value) == (
        "port 'htttp': not in 0-65535, and no tcp service is called 'htttp'"
        "; did you mean 'http'?"
    )


def test_a_service_is_looked_for_in_its_protocol():
    assert parse_port("tftp", "udp") == 69
    with pytest.raises(AddressError, match="no tcp service is called 'tftp'; udp has"):
        parse_port("tftp", "tcp")
