"""Why the addresses of a host are tried in their order."""

import errno
import resource
import socket
import subprocess
import sys

import pytest

from portside import net
from portside.engine import timeout
from portside.errors import AddressError, Error
from portside.names import IPAddress, is_loopback
from portside.names.order import GLIBC, RFC_6724, read_gai_conf
from portside.net.racing import interleave
from portside.net.ranking import (
    Why,
    best_first,
    ranked,
    source_for,
    system_policies,
)

HAS_IPV6 = socket.has_ipv6 and source_for("::1") is not None

needs_ipv6 = pytest.mark.skipif(not HAS_IPV6, reason="no IPv6 on this host")


def places(*ips):
    return [IPAddress("tcp", ip, 80) for ip in ips]


def reasons(*ips, policies=(RFC_6724,)):
    return [each.before_next for each in ranked(places(*ips), policies)]


PRECEDENCE = Why("RFC 6724 rule 6", "precedence 50, the next has 35", "RFC 6724")


@needs_ipv6
def test_the_rule_between_two_neighbours_is_named():
    assert reasons("::1", "127.0.0.1") == [PRECEDENCE, None]


def test_an_address_alone_needs_no_reason():
    (only,) = ranked(places("127.0.0.1"))
    assert (only.source, only.before_next) == ("127.0.0.1", None)


def test_no_address_has_no_order():
    assert ranked([]) == []


def test_what_nothing_tells_apart_is_said_to_stay():
    why = Why("RFC 6724 rule 10", "no rule tells it from the next")
    assert reasons("127.0.0.2", "127.0.0.1") == [why, None]


@needs_ipv6
def test_an_order_against_the_rules_is_kept_and_said():
    why = Why("", "the resolver put it first, against RFC 6724 rule 6")
    assert reasons("127.0.0.1", "::1") == [why, None]


@needs_ipv6
def test_the_table_under_which_the_order_is_right_explains_it():
    """As when an administrator prefers IPv4."""
    ipv4_first = read_gai_conf("precedence ::ffff:0:0/96 100\nprecedence ::1/128 50")
    why = Why("RFC 6724 rule 6", "precedence 100, the next has 50", "gai.conf")
    assert reasons("127.0.0.1", "::1", policies=(RFC_6724, ipv4_first)) == [why, None]


@needs_ipv6
def test_the_order_is_that_of_dial_with_the_families_in_turn():
    given = places("::1", "::ffff:0:127.0.0.1", "127.0.0.1", "127.0.0.2")
    found = ranked(given)
    assert [each.address for each in found] == interleave(given)
    turn = Why("RFC 8305 section 4", "IPv6 and IPv4 take turns")
    assert found[1].before_next == turn


def test_what_has_no_route_has_no_source():
    # RFC 4291 section 2.7: without its zone the kernel cannot know the link.
    assert source_for("fe80::1") is None
    assert source_for("fe80::1%nowhere0") is None


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.9.9.9"])
def test_the_source_to_this_host_is_this_host(ip):
    assert is_loopback(str(source_for(ip)))


@needs_ipv6
def test_the_source_of_ipv6_is_ipv6():
    assert source_for("::1") == "::1"


def test_a_host_without_descriptors_is_not_a_host_without_routes():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(Error) as caught:
            source_for("127.0.0.1")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.errno == errno.EMFILE


def test_what_is_no_address_has_no_source():
    with pytest.raises(AddressError):
        source_for("localhost")


@needs_ipv6
def test_a_resolver_without_an_order_gets_the_one_of_the_system():
    assert best_first(["fe80::1", "127.0.0.1", "::1"]) == [
        "::1",
        "127.0.0.1",
        "fe80::1",
    ]


@needs_ipv6
def test_this_system_sorts_as_we_say():
    """An oracle: both addresses of this host, as getaddrinfo puts them."""
    with timeout(10):
        found = net.resolve("tcp", "localhost", 80)
    for each in ranked(found):
        assert each.before_next is None or each.before_next.rule


def test_the_tables_of_this_system_end_with_that_of_the_rfc():
    assert system_policies()[-1] == RFC_6724
    assert all(dict(each.labels)["::/0"] == 1 for each in (GLIBC, RFC_6724))


HOSTS = "::1 h.test\n127.0.0.2 h.test\nfd00::1 h.test\n192.0.2.1 h.test\n"

SCRIPT = """
from portside import net
from portside.net.ranking import ranked
for each in ranked(net.resolve("tcp", "h.test", 80)):
    why = each.before_next
    print(each.address.host, why.rule if why else "last", why.table if why else "")
"""


def as_sorted_here(tmp_path, gai_conf=None):
    """Ask getaddrinfo where /etc/hosts, and perhaps gai.conf, are files of ours."""
    (tmp_path / "hosts").write_text(HOSTS)
    (tmp_path / "script.py").write_text(SCRIPT)
    mounts = f"mount --bind {tmp_path}/hosts /etc/hosts"
    if gai_conf is not None:
        (tmp_path / "gai.conf").write_text(gai_conf)
        mounts += f" && mount --bind {tmp_path}/gai.conf /etc/gai.conf"
    namespace = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    try:
        subprocess.run([*namespace, mounts], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no namespace for mounts of our own, or no such files")
    command = f"{mounts} && exec {sys.executable} {tmp_path}/script.py"
    done = subprocess.run(
        [*namespace, command], check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()


@needs_ipv6
def test_each_step_of_what_this_system_sorted_is_explained(tmp_path):
    lines = as_sorted_here(tmp_path)
    assert len(lines) == 4
    assert lines[-1].endswith(" last ")
    assert all(" RFC " in line for line in lines[:-1]), lines


@needs_ipv6
def test_an_administrator_of_glibc_is_obeyed_and_named(tmp_path):
    if system_policies() == (RFC_6724,):
        pytest.skip("no glibc")
    lines = as_sorted_here(tmp_path, "precedence ::ffff:0:0/96 100\n")
    assert not lines[0].startswith("::1 ")
    assert any(line.endswith("gai.conf") for line in lines), lines
    assert all(" RFC " in line for line in lines[:-1]), lines
