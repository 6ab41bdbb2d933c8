"""Endpoints: what is read, and what is refused before anybody is asked."""

import pytest

from portside.errors import AddressError, UnknownNetworkError
from portside.names.address import UnixAddress
from portside.names.endpoint import (
    NETWORKS,
    Endpoint,
    InheritedEndpoint,
    check_network,
    parse_endpoint,
)

READ = {
    "all parts": ("tcp://localhost:7", Endpoint("tcp", "localhost", 7)),
    "ipv4 only": ("tcp4://127.0.0.1:7", Endpoint("tcp4", "127.0.0.1", 7)),
    "ipv6 only": ("tcp6://[::1]:7", Endpoint("tcp6", "::1", 7)),
    "name under ipv6": ("tcp6://localhost:7", Endpoint("tcp6", "localhost", 7)),
    "zone": ("tcp://[fe80::1%eth0]:7", Endpoint("tcp", "fe80::1%eth0", 7)),
    "every address": ("tcp://:7", Endpoint("tcp", "", 7)),
    "port of the kernel's choice": (
        "tcp://127.0.0.1:0",
        Endpoint("tcp", "127.0.0.1", 0),
    ),
    "no network": ("localhost:7", Endpoint("", "localhost", 7)),
    "trailing dot": ("example.com.:7", Endpoint("", "example.com.", 7)),
    "underscore": ("_sip._tcp.example.com:7", Endpoint("", "_sip._tcp.example.com", 7)),
    "name with digits": ("3com.example:7", Endpoint("", "3com.example", 7)),
    "digits in the last part": ("host.1:7", Endpoint("", "host.1", 7)),
    "udp": ("udp://localhost:7", Endpoint("udp", "localhost", 7)),
    "udp of ipv6": ("udp6://[::1]:7", Endpoint("udp6", "::1", 7)),
    "descriptor": ("fd:3", InheritedEndpoint("fd", "3")),
    "systemd": ("systemd:web.socket", InheritedEndpoint("systemd", "web.socket")),
    "host called unix": ("tcp://unix:7", Endpoint("tcp", "unix", 7)),
    "longest label": ("a" * 63 + ":7", Endpoint("", "a" * 63, 7)),
    "longest name": ("a." * 126 + "a:7", Endpoint("", "a." * 126 + "a", 7)),
}


@pytest.mark.parametrize(("text", "endpoint"), READ.values(), ids=READ)
def test_an_endpoint_is_read_and_written_back(text, endpoint):
    assert parse_endpoint(text) == endpoint
    assert str(endpoint) == text


def test_a_service_may_stand_for_the_port():
    assert parse_endpoint("tcp://localhost:echo") == Endpoint("tcp", "localhost", 7)
    assert parse_endpoint("localhost:http") == Endpoint("", "localhost", 80)


def test_no_port_is_port_zero():
    assert str(parse_endpoint("tcp://localhost:")) == "tcp://localhost:0"


def test_the_default_network_counts_only_where_none_is_said():
    assert parse_endpoint(":7", default_network="tcp4").network == "tcp4"
    assert parse_endpoint("tcp6://:7", default_network="tcp4").network == "tcp6"


# Where the network is said, and where it is given beside.
UNIX = {
    "path": ("unix:/run/x.sock", UnixAddress("unix", "/run/x.sock")),
    "records": ("unixpacket:/run/x", UnixAddress("unixpacket", "/run/x")),
    "packets": ("unixgram:/run/x", UnixAddress("unixgram", "/run/x")),
    "relative": ("unix:run/x", UnixAddress("unix", "run/x")),
    "abstract": ("unix:@x", UnixAddress("unix", "@x")),
    "of the kernel's choice": ("unix:@", UnixAddress("unix", "@")),
    "as a URL": ("unix:///run/x", UnixAddress("unix", "/run/x")),
    "with a space": ("unix:/my files/x", UnixAddress("unix", "/my files/x")),
    "with marks": ("unix:/a:b?c#d@e", UnixAddress("unix", "/a:b?c#d@e")),
    "not ASCII": ("unix:/tmp/bücher", UnixAddress("unix", "/tmp/bücher")),
}


@pytest.mark.parametrize(("text", "address"), UNIX.values(), ids=UNIX)
def test_the_endpoint_of_a_path_is_its_address(text, address):
    assert parse_endpoint(text) == address
    assert parse_endpoint(text, default_network="tcp") == address


@pytest.mark.parametrize("path", ["/run/x", "x", "@x", "a:7", "./a://b", "my file"])
def test_with_a_default_network_of_paths_the_text_is_the_path(path):
    wanted = UnixAddress("unixpacket", path)
    assert parse_endpoint(path, default_network="unixpacket") == wanted
    said = parse_endpoint("tcp://a:7", default_network="unix")
    assert said == Endpoint("tcp", "a", 7)


def test_a_service_has_the_port_of_its_protocol():
    assert parse_endpoint("udp://:tftp") == Endpoint("udp", "", 69)
    with pytest.raises(AddressError, match="tftp"):
        parse_endpoint("tcp://:tftp")


REFUSED = {
    "no path": ("unix:", "path '': is empty"),
    "long path": ("unix:/" + "a" * 107, "108 bytes are over the 107"),
    "nul in a path": ("unix:/a\0b", "has a NUL"),
    "nul in an abstract name": ("unix:@a\0b", "has a control character"),
    "newline in a path": ("unix:/a\n", "has a control character"),
    "host of a path": (
        "unix://run/x",
        "has a host (write unix:/run/x, or unix:run/x for a path from the current",
    ),
    "path alone": ("/run/x.sock", "has a path (write unix:/run/x.sock)"),
    "abstract alone": ("@x", "has a user (write unix:@x)"),
    "descriptor that is none": ("fd:stdin", "not a descriptor (write fd:3)"),
    "negative descriptor": ("fd:-1", "not a descriptor"),
    "huge descriptor": ("fd:" + "9" * 5000, "not a descriptor"),
    "systemd without a name": ("systemd:", "not a name"),
    "systemd with a colon": ("systemd:a:b", "not a name"),
    "empty": ("", "endpoint '': is empty"),
    "space": ("tcp://local host:7", "endpoint 'tcp://local host:7': has a space"),
    "newline": ("localhost:7\n", r"endpoint 'localhost:7\n': has a space or a control"),
    "nul": ("local\0host:7", r"endpoint 'local\x00host:7': has a space or a control"),
    "path": ("tcp://a:7/b", "endpoint 'tcp://a:7/b': has a path"),
    "slash": ("tcp://a:7/", "endpoint 'tcp://a:7/': has a path"),
    "user": ("tcp://me@a:7", "endpoint 'tcp://me@a:7': has a user"),
    "query": ("tcp://a:7?b", "endpoint 'tcp://a:7?b': has a query"),
    "fragment": ("tcp://a:7#b", "endpoint 'tcp://a:7#b': has a fragment"),
    "no port": ("tcp://localhost", "address 'localhost': missing port in address"),
    "port over": ("a:65536", "port '65536': not in 0-65535"),
    "ipv6 without brackets": ("::1:7", "brackets: [::1]:7)"),
    "over 255": ("1.2.3.256:7", "host '1.2.3.256': not an IPv4 address"),
    "leading zero": ("01.2.3.4:7", "host '01.2.3.4': not an IPv4 address"),
    "three numbers": ("1.2.3:7", "host '1.2.3': not an IPv4 address"),
    "one number": ("2130706433:7", "host '2130706433': not an IPv4 address"),
    "hexadecimal": ("0x7f.0.0.1:7", "host '0x7f.0.0.1': not an IPv4 address"),
    "quad with a dot": ("127.0.0.1.:7", "host '127.0.0.1.': not an IPv4 address"),
    "bad ipv6": ("[::g]:7", "host '::g': not an IPv6 address"),
    "zone of a name": ("a%eth0:7", "host 'a%eth0': not an IPv6 address"),
    "dot": (".:7", "host '.': not a host name, for its part ''"),
    "two dots": ("a..b:7", "host 'a..b': not a host name, for its part ''"),
    "hyphen first": ("-a:7", "host '-a': not a host name, for its part '-a'"),
    "hyphen last": ("a-.b:7", "host 'a-.b': not a host name, for its part 'a-'"),
    "umlaut": (
        "bücher.de:7",
        "host 'bücher.de': not a host name, for its part 'bücher'",
    ),
    "long label": ("a" * 64 + ":7", "not a host name, for its part"),
    "long name": ("a." * 127 + "a:7", "name of 255 characters is over 253"),
    "ipv4 on tcp6": ("tcp6://127.0.0.1:7", "is an IPv4 address, and tcp6 is without"),
    "ipv4 in ipv6 on tcp6": ("tcp6://[::ffff:127.0.0.1]:7", "is an IPv4 address"),
    "ipv6 on tcp4": ("tcp4://[::1]:7", "host '::1': is an IPv6 address, and tcp4"),
}


@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_endpoint_is_refused_with_the_text(text, says):
    with pytest.raises(AddressError) as caught:
        parse_endpoint(text)
    assert says in str(caught.value)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_known_network_passes(network):
    check_network(network)


def test_an_unknown_network_is_told_with_the_known_ones():
    with pytest.raises(UnknownNetworkError) as caught:
        parse_endpoint("tpc://localhost:7")
    assert str(caught.value) == (
        "network 'tpc': unknown network (known: tcp, tcp4, tcp6, udp, udp4, udp6, "
        "unix, unixpacket, unixgram); did you mean 'tcp'?"
    )


@pytest.mark.parametrize("text", ["TCP://a:7", "carrier-pigeon://a:7", "://a:7"])
def test_networks_are_written_exactly(text):
    with pytest.raises(UnknownNetworkError):
        parse_endpoint(text)


def test_the_default_network_must_be_known_too():
    with pytest.raises(UnknownNetworkError):
        parse_endpoint("localhost:7", default_network="quic")
