"""``host:port`` under any text at all."""

from hypothesis import given
from hypothesis import strategies as st

from portside.errors import AddressError
from portside.names.address import UnixAddress, parse_ip
from portside.names.endpoint import NETWORKS, Endpoint, parse_endpoint
from portside.names.hostport import join_host_port, parse_port, split_host_port

# Mostly what matters to the parsers, so that it is not all refused at the first letter.
any_text = st.text() | st.text(alphabet=":[]%./@-+ 0123456789abcdefxtcp_\n")
hosts = st.text(st.characters(exclude_characters="[]"))
ports = st.text(st.characters(exclude_characters=":[]"))
ips = st.ip_addresses().map(str)
host_names = st.from_regex(
    r"[a-z]([a-z0-9_-]{0,20}[a-z0-9])?(\.[a-z]{1,9})*", fullmatch=True
)


@given(hosts, ports)
def test_what_is_joined_splits_into_the_same(host, port):
    assert split_host_port(join_host_port(host, port)) == (host, port)


@given(any_text)
def test_what_splits_joins_to_what_splits_the_same(text):
    try:
        parts = split_host_port(text)
    except AddressError:
        return
    assert split_host_port(join_host_port(*parts)) == parts


@given(st.integers(0, 65535))
def test_every_port_is_read_back(port):
    assert parse_port(str(port)) == port


@given(any_text, st.sampled_from(["tcp", "udp"]))
def test_any_text_is_a_port_or_an_address_error(text, protocol):
    try:
        port = parse_port(text, protocol)
    except AddressError:
        return
    assert 0 <= port <= 65535


@given(any_text)
def test_any_text_is_an_ip_in_one_spelling_or_none(text):
    ip = parse_ip(text)
    assert ip is None or parse_ip(ip) == ip


@given(ips)
def test_every_ip_is_one(ip):
    assert parse_ip(ip) is not None


@given(any_text, st.sampled_from([None, *NETWORKS]))
def test_any_text_is_an_endpoint_or_an_address_error(text, default_network):
    try:
        endpoint = parse_endpoint(text, default_network=default_network)
    except AddressError:
        return
    if isinstance(endpoint, UnixAddress):
        assert isinstance(endpoint.sockaddr, str | bytes)
    else:
        assert parse_endpoint(str(endpoint)) == endpoint


@given(hosts | ips | host_names, st.integers(0, 65535))
def test_any_host_is_read_back_from_an_endpoint_or_refused(host, port):
    try:
        endpoint = parse_endpoint(f"tcp://{join_host_port(host, port)}")
    except AddressError:
        return
    assert endpoint == Endpoint("tcp", host, port)


@given(ips | host_names, st.integers(0, 65535))
def test_every_ip_and_host_name_makes_an_endpoint(host, port):
    text = f"tcp://{join_host_port(host, port)}"
    assert str(parse_endpoint(text)) == text
