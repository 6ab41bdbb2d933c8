"""portside lookup: names, addresses, ports, and what becomes of mistakes."""

import contextlib
import json
import os
import pty
import re
import socket
import subprocess
import sys
import time

import pytest

from portside.cli.failure import CANNOT_RESOLVE, FAILED, TIMED_OUT, USAGE
from tests.cli.running import LONG, PORTSIDE, environment, portside
from tests.net.dns_server import dns_server


@pytest.fixture
def dns():
    with dns_server() as server:
        yield server


def text(*args: object) -> str:
    done = portside("lookup", *args)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def told(*args: object):
    return json.loads(text(*args, "--json"))


def failed(*args: object, status: int) -> str:
    done = portside("lookup", *args)
    assert (done.returncode, done.stdout) == (status, b""), done.stderr
    error = done.stderr.decode()
    assert error.startswith("portside: ")
    assert error.count("\n") == 1
    return error


# Names


def test_a_name_of_this_host_has_its_addresses():
    answer = told("localhost")
    assert (answer["what"], answer["form"]) == ("localhost", "name")
    for each in answer["addresses"]:
        assert each["kind"] == "loopback"
        assert each["source"] == each["address"]
    assert answer["addresses"][-1]["before_next"] is None
    assert answer["records"] == []
    assert text("localhost").startswith("localhost: ")


def test_addresses_come_in_the_order_of_dial_with_the_reason(dns):
    answer = told("local.test", "--server", dns.address)
    first, second = answer["addresses"]
    assert [first["address"], second["address"]] == ["::1", "127.0.0.1"]
    assert first["before_next"]["rule"] == "RFC 6724 rule 6"
    assert first["before_next"]["because"].startswith("precedence 50, the next has ")
    shown = text("local.test", "--server", dns.address).splitlines()
    assert shown[0] == "local.test: 2 addresses, in the order in which dial tries them"
    assert shown[1].split("  ")[0] == "ADDRESS"
    pattern = r"::1 +loopback +::1 +precedence 50, .* \(RFC 6724 rule 6, table of .*\)"
    assert re.fullmatch(pattern, shown[2])
    assert re.fullmatch(r"127\.0\.0\.1 +loopback +127\.0\.0\.1", shown[3])


def test_a_server_that_was_given_is_asked_for_both_families(dns):
    told("local.test", "--server", dns.address)
    asked = {(name, kind) for _, name, kind in dns.asked}
    assert asked == {("local.test", "AAAA"), ("local.test", "A")}


def test_records_of_one_type_are_a_table(dns):
    shown = text("example.test", "--type", "mx", "--server", dns.address)
    assert shown.splitlines() == [
        "NAME          TYPE  TTL  PRIORITY  WEIGHT  VALUE",
        "example.test  MX    5m   10                first.example.test",
        "example.test  MX    5m   20                second.example.test",
    ]


def test_records_have_every_field_for_programs(dns):
    answer = told("_echo._tcp.example.test", "--type", "SRV", "--server", dns.address)
    assert answer["addresses"] == []
    assert answer["records"][0] == {
        "type": "SRV",
        "name": "_echo._tcp.example.test",
        "ttl": 300,
        "value": "a.test",
        "priority": 10,
        "weight": 9,
        "port": 9,
    }


def test_types_that_are_not_there_are_passed_over_where_others_are(dns):
    options = ("--type", "SRV", "--type", "NS", "--server", dns.address)
    answer = told("example.test", *options)
    assert {each["type"] for each in answer["records"]} == {"NS"}


def test_all_shows_addresses_and_the_records_that_there_are(dns):
    answer = told("example.test", "--all", "--server", dns.address)
    assert len(answer["addresses"]) == 3
    kinds = list(dict.fromkeys(each["type"] for each in answer["records"]))
    assert kinds == ["MX", "NS", "TXT"]


def test_all_is_content_with_a_name_without_addresses(dns):
    shown = text("_echo._tcp.example.test", "--all", "--server", dns.address)
    assert "a.test:9" in shown
    assert "addresses" not in shown


def test_a_plain_no_is_put_into_words(dns):
    options = ("--type", "MX", "--type", "SRV", "--server", dns.address)
    shown = text("nothing.test", *options)
    assert ". (takes no mail)" in shown
    assert ". (no such service)" in shown


def test_what_somebody_wrote_into_dns_cannot_drive_the_terminal(dns):
    shown = text("example.test", "--type", "TXT", "--server", dns.address)
    assert "\x1b" not in shown
    assert "a\\x1b[31mred" in shown


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("no-such.test",), "no such name"),
        (("no-such.test", "--all"), "no such name"),
        (("www.example.test", "--type", "SRV"), "has no SRV record"),
        (("broken.test", "--type", "MX"), "no server would say (127.0.0.1: SERVFAIL)"),
        (("broken.test",), "no server would say (127.0.0.1: SERVFAIL)"),
    ],
    ids=str,
)
def test_what_is_not_known_is_6(dns, args, reason):
    assert reason in failed(*args, "--server", dns.address, status=CANNOT_RESOLVE)


def test_a_word_that_is_nearly_a_service_is_told_so(dns):
    error = failed("htpp", "--server", dns.address, status=CANNOT_RESOLVE)
    assert "did you mean the service 'http'?" in error


@pytest.mark.parametrize("more", [(), ("--type", "MX"), ("--all",)], ids=str)
def test_a_silent_server_is_28(dns, more):
    began = time.monotonic()
    options = ("--timeout", "200ms", "--server", dns.address)
    error = failed("silent.test", *options, *more, status=TIMED_OUT)
    assert "(--timeout 200ms)" in error
    assert time.monotonic() - began < LONG / 2


@pytest.mark.parametrize("more", [(), ("--json",)], ids=str)
def test_what_was_found_before_the_trouble_is_shown(dns, more):
    options = ("--all", "--timeout", "3s", "--server", dns.address, *more)
    done = portside("lookup", "half.test", *options)
    assert done.returncode == TIMED_OUT
    assert b"192.0.2.1" in done.stdout
    assert done.stderr.startswith(b"portside: resolve dns half.test MX: ")
    assert done.stderr.count(b"\n") == 1
    if more:  # one object has both
        found = json.loads(done.stdout)
        assert found["status"] == TIMED_OUT
        assert done.stderr.decode() == f"portside: {found['error']}\n"


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (("no-such.test",), CANNOT_RESOLVE),
        (("broken.test", "--type", "MX"), CANNOT_RESOLVE),
        (("two words",), USAGE),
        (("https", "--type", "MX"), USAGE),
    ],
    ids=str,
)
def test_a_failure_is_told_as_json_too(dns, args, status):
    done = portside("lookup", *args, "--server", dns.address, "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == answer["status"] == status
    assert answer["what"] == args[0]
    assert done.stderr.decode() == f"portside: {answer['error']}\n"


# Addresses


def test_an_address_is_told_by_the_registries():
    answer = told("::ffff:127.0.0.1")
    expected = {
        "what": "::ffff:127.0.0.1",
        "form": "address",
        "address": "127.0.0.1",
        "version": 4,
        "zone": "",
        "is_mapped": True,
        "kind": "loopback",
        "block": "127.0.0.0/8",
        "rfc": "RFC 1122 section 3.2.1.3",
        "allocated": "1981-09",
        "may_be_source": False,
        "may_be_destination": False,
        "forwardable": False,
        "globally_reachable": False,
        "reserved_by_protocol": True,
        "scope": "link-local",
        "is_loopback": True,
        "is_link_local": False,
        "is_private": False,
        "is_multicast": False,
        "is_unspecified": False,
        "source": "127.0.0.1",
        "reverse_name": "1.0.0.127.in-addr.arpa",
    }
    assert answer | expected == answer
    assert answer.keys() - expected.keys() == {"names"}
    shown = text("::ffff:127.0.0.1")
    assert shown.startswith(
        "127.0.0.1: IPv4, loopback; written inside IPv6: ::ffff:127.0.0.1\n"
    )
    assert re.search(
        r"^  reached from +127\.0\.0\.1 \(this host has it\)$", shown, re.MULTILINE
    )
    assert re.search(
        r"^  block +127\.0\.0\.0/8 \(RFC 1122 .*1981-09\)$", shown, re.MULTILINE
    )


def test_an_address_has_its_names_by_the_server_that_was_given(dns):
    answer = told("192.0.2.1", "--server", dns.address, "--timeout", "30s")
    assert answer["names"] == ["one.example.test", "uno.example.test"]
    answer = told("192.0.2.1", "--type", "PTR", "--server", dns.address)
    assert answer["form"] == "address"
    assert [each["type"] for each in answer["records"]] == ["PTR", "PTR"]


@pytest.mark.parametrize("ip", ["[2001:db8::1]", "2001:DB8::1", "192.0.2.99"])
def test_an_address_without_a_name_is_told_all_the_same(dns, ip):
    assert told(ip, "--server", dns.address)["names"] == []
    assert re.search(r"name +none known", text(ip, "--server", dns.address))


def test_an_address_whose_server_is_silent_is_told_all_the_same():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = f"127.0.0.1:{silent.getsockname()[1]}"
        options = ("--server", server, "--timeout", "100ms")
        assert told("192.0.2.1", *options)["names"] == []


def test_a_zone_is_told_and_one_that_is_missing_is_asked_for(dns):
    answer = told("fe80::1%nowhere0", "--server", dns.address)
    assert (answer["zone"], answer["address"]) == ("nowhere0", "fe80::1")
    assert answer["source"] is None
    shown = text("fe80::1", "--server", dns.address)
    assert "no route (give the interface: fe80::1%eth0)" in shown


# Ports and services


def test_a_port_is_told_by_iana_and_by_this_machine():
    answer = told("443")
    (port,) = answer["ports"]
    assert (answer["form"], port["port"], port["range"]) == ("port", 443, "well-known")
    assert [each["protocol"] for each in port["services"]] == ["tcp", "udp"]
    assert port["services"][0] == {"protocol": "tcp", "name": "https", "aliases": []}
    assert len(port["client_range"]) == 2
    assert isinstance(port["needs_right"], bool)
    shown = text("443")
    assert shown.startswith("port 443: https (tcp), https (udp)\n")
    assert re.search(r"^  range +well-known \(0-1023 by IANA\)$", shown, re.MULTILINE)


def test_who_listens_on_a_port_is_told():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
        (port,) = told(number)["ports"]
        shown = text(number)
    assert port["held_by"]["pid"] == os.getpid()
    assert f"(pid {os.getpid()})" in shown


def test_nobody_on_a_port_is_told():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
    (port,) = told(number)["ports"]
    assert port["held_by"] is None
    assert "nobody, as far as can be seen" in text(number)
    assert "no service that is known here" in text(number)


def test_the_port_0_is_the_choice_of_the_kernel():
    assert "given a free port by the kernel" in text("0")


@pytest.mark.parametrize(
    ("name", "port"), [("https", 443), ("vnc", 5900), ("NTP", 123), ("syslog", 514)]
)
def test_a_service_is_told_by_its_port(name, port):
    answer = told(name)
    assert answer["form"] == "service"
    assert [each["port"] for each in answer["ports"]] == [port]


def test_a_host_that_is_called_like_a_service_can_be_meant(dns):
    error = failed(
        "echo", "--as", "name", "--server", dns.address, status=CANNOT_RESOLVE
    )
    assert "no such name" in error
    assert ("udp", "echo", "AAAA") in dns.asked


# Mistakes

MISTAKES = {
    "nothing": ((), "missing argument 'WHAT'"),
    "empty": (("",), "name '': is empty"),
    "port": (("70000",), "port '70000': not in 0-65535"),
    "endpoint": (("localhost:80",), "has a ':' (write a name, an address or a port"),
    "url": (("http://a.test/",), "has a ':'"),
    "user": (("me@a.test",), "has a '@'"),
    "space": (("a b",), "has a space or a control character"),
    "half an address": (("1.2.3",), "not an IPv4 address"),
    "label": (("a..b",), "not a host name, for its part ''"),
    "no address": (("localhost", "--as", "address"), "not an IP address"),
    "no port": (("https", "--as", "port"), "not a number (0-65535)"),
    "no service": (("htpp", "--as", "service"), "did you mean 'http'?"),
    "form": (("x", "--as", "host"), "'host' is not one of"),
    "type": (("x", "--type", "SOA"), "'SOA' is not one of"),
    "records of a port": (("443", "--type", "MX"), "DNS knows nothing"),
    "server for a port": (("443", "--server", "::1"), "DNS knows nothing"),
    "mail of an address": (("::1", "--type", "MX"), "can only be PTR"),
    "all of an address": (("::1", "--all"), "can only be PTR"),
    "server": (("x", "--server", "localhost"), "not an IP address (write IP or"),
    "port of the server": (("x", "--server", "127.0.0.1:x"), "port 'x'"),
    "timeout": (("x", "--timeout", "0"), "no time at all"),
}


@pytest.mark.parametrize(("args", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_status_2(args, reason):
    assert reason in failed(*args, status=USAGE)


def test_a_missing_extra_says_which_to_install():
    script = (
        "import sys\n"
        "sys.modules['dns'] = None\n"
        "sys.argv = ['portside', 'lookup', 'example.test', '--type', 'MX']\n"
        "import portside\n"
        "from portside.cli.main import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
        env=environment(),
    )
    assert done.returncode == FAILED
    assert "pip install 'portside[dns]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_nothing_heavy_is_loaded_for_a_port():
    script = (
        "import sys\n"
        "sys.argv = ['portside', 'lookup', '443', '--json']\n"
        "import portside\n"
        "from portside.cli.main import _run\n"
        "_run()\n"
        "print([name for name in ('dns', 'rich', 'ssl') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=LONG,
        check=True,
        env=environment(),
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_terminal_gets_a_ruled_table_and_no_colour_where_it_says_so(dns, no_color):
    ours, theirs = pty.openpty()
    env = environment(TERM="xterm-256color", COLUMNS="120", NO_COLOR=no_color)
    command = [*PORTSIDE, "lookup", "local.test", "--server", str(dns.address)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=theirs, env=env
    ) as process:
        try:
            os.close(theirs)
            shown = b""
            with contextlib.suppress(OSError):  # it has ended
                while True:
                    shown += os.read(ours, 4096)
            assert process.wait(LONG) == 0
        finally:
            process.kill()
            os.close(ours)
    output = shown.decode()
    assert "───" in output
    if no_color:
        assert not re.search("\x1b\\[[0-9;]*3[0-9]", output)
