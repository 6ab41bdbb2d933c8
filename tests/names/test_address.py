"""Addresses: one spelling, and back to what the socket module wants."""

import pickle
from typing import Any

import pytest

from portside.errors import AddressError
from portside.names.address import (
    Address,
    IPAddress,
    PipeAddress,
    UnixAddress,
    parse_ip,
)

SPELLINGS = {
    "dotted quad": ("192.0.2.1", "192.0.2.1"),
    "zeros": ("0.0.0.0", "0.0.0.0"),
    "ipv6": ("2001:db8::1", "2001:db8::1"),
    "capitals": ("2001:DB8::A", "2001:db8::a"),
    "long": ("2001:0db8:0:0:0:0:0:1", "2001:db8::1"),
    "two runs of zeros": ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
    "one zero is no run": ("1:2:3:4:5:6:0:8", "1:2:3:4:5:6:0:8"),
    "zone by name": ("FE80::1%eth0", "fe80::1%eth0"),
    "zone by number": ("fe80::1%2", "fe80::1%2"),
    "zone of a vlan": ("fe80::1%eth0.10", "fe80::1%eth0.10"),
    "ipv4 in ipv6": ("::ffff:192.0.2.1", "192.0.2.1"),
    "ipv4 in ipv6, capitals": ("::FFFF:192.0.2.1", "192.0.2.1"),
    "ipv4 in ipv6, long": ("0:0:0:0:0:ffff:c000:201", "192.0.2.1"),
    "ipv4 in the last part": ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"),
    "ipv4-compatible, where glibc differs": ("::1.2.3.4", "::102:304"),
}

NOT_IPS = {
    "empty": "",
    "name": "localhost",
    "leading zero": "127.0.0.01",
    "octal loopback": "0177.0.0.1",
    "over 255": "1.2.3.256",
    "three numbers": "1.2.3",
    "five numbers": "1.2.3.4.5",
    "one number": "2130706433",
    "hexadecimal": "0x7f.0.0.1",
    "space": " 127.0.0.1",
    "newline": "127.0.0.1\n",
    "arabic digits": "\u0661.2.3.4",
    "in brackets": "[::1]",
    "with a prefix length": "::1/128",
    "nine groups": "1:2:3:4:5:6:7:8:9",
    "two runs": "1::2::3",
    "five digits": "::12345",
    "zone of ipv4": "127.0.0.1%lo",
    "zone of ipv4 in ipv6": "::ffff:127.0.0.1%lo",
    "empty zone": "fe80::1%",
    "two zones": "fe80::1%a%b",
    "zone with a space": "fe80::1%a b",
    "zone with a bracket": "fe80::1%a]",
    "zone longer than an interface's name": "fe80::1%" + "a" * 16,
    "zone number over 32 bits": "fe80::1%4294967296",
}


@pytest.mark.parametrize(("text", "ip"), SPELLINGS.values(), ids=SPELLINGS)
def test_an_ip_has_one_spelling(text, ip):
    assert parse_ip(text) == ip


@pytest.mark.parametrize("text", NOT_IPS.values(), ids=NOT_IPS)
def test_what_is_no_ip_is_none(text):
    assert parse_ip(text) is None


@pytest.mark.parametrize("text", NOT_IPS.values(), ids=NOT_IPS)
def test_no_address_is_made_of_what_is_no_ip(text):
    with pytest.raises(AddressError) as caught:
        IPAddress("tcp", text, 80)
    assert str(caught.value) == f"address {text!r}: not an IP address"


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_has_sixteen_bits(port):
    with pytest.raises(AddressError, match=f"port {port}: not in 0-65535"):
        IPAddress("tcp", "127.0.0.1", port)


SOCKADDRS = {
    "ipv4": (("127.0.0.1", 7), "127.0.0.1:7", ("127.0.0.1", 7)),
    "ipv6": (("::1", 7, 0, 0), "[::1]:7", ("::1", 7, 0, 0)),
    "ipv6 in two": (("::1", 7), "[::1]:7", ("::1", 7, 0, 0)),
    "ipv4 in ipv6": (("::ffff:127.0.0.1", 7, 0, 0), "127.0.0.1:7", ("127.0.0.1", 7)),
    "scope": (("fe80::1", 7, 0, 2), "[fe80::1%2]:7", ("fe80::1", 7, 0, 2)),
    "scope in the text too": (
        ("fe80::1%eth0", 7, 0, 2),
        "[fe80::1%eth0]:7",
        ("fe80::1%eth0", 7, 0, 0),
    ),
    "number in the text": (("fe80::1%3", 7), "[fe80::1%3]:7", ("fe80::1", 7, 0, 3)),
}


@pytest.mark.parametrize(("given", "text", "wanted"), SOCKADDRS.values(), ids=SOCKADDRS)
def test_a_tuple_of_the_socket_module_goes_in_and_out(given, text, wanted):
    address = IPAddress.from_sockaddr("tcp", given)
    assert (str(address), address.sockaddr) == (text, wanted)


def test_equal_addresses_are_equal_values():
    spellings = {
        IPAddress("tcp", "fe80::1", 7, "eth0"),
        IPAddress("tcp", "FE80:0::1", 7, zone="eth0"),
        IPAddress("tcp", "fe80::1%eth0", 7),
    }
    assert spellings == {IPAddress("tcp", "fe80::1", 7, "eth0")}


def test_the_zone_is_held_apart_from_the_ip():
    address = IPAddress("tcp", "fe80::1%eth0", 7)
    assert (address.ip, address.zone, address.host) == (
        "fe80::1",
        "eth0",
        "fe80::1%eth0",
    )


def test_a_zone_is_not_given_twice():
    with pytest.raises(AddressError, match="'fe80::1%eth0%eth1': not an IP address"):
        IPAddress("tcp", "fe80::1%eth0", 7, zone="eth1")


def test_an_address_knows_its_version_and_kind():
    near, far = IPAddress("tcp", "::1", 7), IPAddress("tcp", "192.0.2.1", 7)
    assert (near.is_ipv6, far.is_ipv6) == (True, False)
    assert near.kind.name == "loopback"
    assert far.kind.name == "documentation (TEST-NET-1)"


@pytest.mark.parametrize(
    "address",
    [
        IPAddress("tcp", "fe80::1", 7, "eth0"),
        UnixAddress("unix", "/run/x.sock"),
        PipeAddress(),
    ],
    ids=str,
)
def test_an_address_never_changes_and_survives_pickling(address: Any):
    assert pickle.loads(pickle.dumps(address)) == address
    with pytest.raises(AttributeError):
        address.network = "udp"


def test_whatever_has_a_network_is_an_address():
    assert isinstance(IPAddress("tcp", "::1", 7), Address)
    assert isinstance(UnixAddress("unix", "/x"), Address)
    assert isinstance(PipeAddress(), Address)


def test_a_pipe_is_its_network():
    assert (str(PipeAddress()), PipeAddress().network) == ("pipe", "pipe")


# what the socket module gives, the path that it is here, how it is shown
UNIX = {
    "path": ("/run/x.sock", "/run/x.sock", "/run/x.sock"),
    "relative path": ("x.sock", "x.sock", "x.sock"),
    "abstract": (b"\0echo", "@echo", "@echo"),
    "no name": ("", "", "(unnamed)"),
    "no name, as bytes": (b"", "", "(unnamed)"),
    "none": (None, "", "(unnamed)"),
    "file that looks abstract": ("@x", "./@x", "./@x"),
    "line feed of a peer": ("/tmp/a\nb", "/tmp/a\nb", r"/tmp/a\nb"),
    "nul in an abstract name": (b"\0a\0b", "@a\0b", r"@a\x00b"),
    "no utf-8": (b"\0\xff", "@\udcff", r"@\udcff"),
    "a byte longer than we can bind": ("/" + "a" * 107,) * 3,
}


@pytest.mark.parametrize(("told", "path", "shown"), UNIX.values(), ids=UNIX)
def test_the_name_of_a_peers_unix_socket_is_taken_as_it_is(told, path, shown):
    address = UnixAddress.from_sockaddr("unix", told)
    assert (address.path, str(address)) == (path, shown)


@pytest.mark.parametrize("told", ["/run/x.sock", b"\0echo", b"\0a\0b", b"\0\xff"])
def test_a_unix_address_is_given_back_to_the_socket_module(told):
    assert UnixAddress.from_sockaddr("unix", told).sockaddr == told


def test_an_at_sign_alone_lets_the_kernel_choose():
    assert UnixAddress("unix", "@").sockaddr == b""


@pytest.mark.parametrize("path", ["/" + "a" * 106, "@" + "a" * 107, "ü" * 53])
def test_107_bytes_are_a_name(path):
    assert UnixAddress("unix", path).sockaddr


IMPOSSIBLE = {
    "": "is empty",
    "/" + "a" * 107: "108 bytes are over the 107",
    "@" + "a" * 108: "108 bytes are over the 107",
    "ü" * 54: "108 bytes are over the 107",
    "/a\0b": "has a NUL",
    "/\ud800": "has half of a character",
}


@pytest.mark.parametrize(("path", "says"), IMPOSSIBLE.items(), ids=range(6))
def test_what_no_socket_can_be_called_is_refused_where_it_is_tried(path, says):
    address = UnixAddress("unix", path)
    with pytest.raises(AddressError) as caught:
        address.sockaddr  # noqa: B018
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (IPAddress("tcp6", "::1", 7), "tcp6://[::1]:7"),
        (UnixAddress("unix", "/run/x.sock"), "unix:/run/x.sock"),
        (UnixAddress("unixpacket", "@x"), "unixpacket:@x"),
    ],
)
def test_an_address_says_what_one_would_dial(address, text):
    assert address.endpoint_text == text
