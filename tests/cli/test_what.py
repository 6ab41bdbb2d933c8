"""WHAT=ENDPOINT: where one ends and the other begins, and what is refused."""

from pathlib import Path

import pytest

from portside.cli.failure import USAGE, Failure
from portside.cli.what import parse_what
from portside.names import Endpoint, InheritedEndpoint, UnixAddress
from portside.services import SERVICES

HANDLERS = str(Path(__file__).with_name("handlers.py"))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_without_endpoint_has_its_well_known_port(name):
    what = parse_what(name)
    assert what.service is SERVICES[name]
    assert what.endpoint == Endpoint("", "", SERVICES[name].port)
    assert 0 < SERVICES[name].port < 1024


ENDPOINTS = {
    "127.0.0.1:7007": Endpoint("", "127.0.0.1", 7007),
    ":7007": Endpoint("", "", 7007),
    ":0": Endpoint("", "", 0),
    "localhost:echo": Endpoint("", "localhost", 7),
    "tcp://localhost:echo": Endpoint("tcp", "localhost", 7),
    "tcp4://:7": Endpoint("tcp4", "", 7),
    "tcp6://[::1]:7": Endpoint("tcp6", "::1", 7),
    "[::1]:7": Endpoint("", "::1", 7),
    "unix:/run/echo.sock": UnixAddress("unix", "/run/echo.sock"),
    "unix:/a=b": UnixAddress("unix", "/a=b"),
    "unixpacket:@echo": UnixAddress("unixpacket", "@echo"),
    "fd:3": InheritedEndpoint("fd", "3"),
    "systemd:web": InheritedEndpoint("systemd", "web"),
}


@pytest.mark.parametrize(("text", "endpoint"), ENDPOINTS.items(), ids=ENDPOINTS)
def test_an_endpoint_stands_behind_the_first_equals_sign(text, endpoint):
    what = parse_what(f"echo={text}")
    assert (what.name, what.service) == ("echo", SERVICES["echo"])
    assert what.endpoint == endpoint


@pytest.mark.parametrize(("text", "endpoint"), ENDPOINTS.items(), ids=ENDPOINTS)
def test_a_handler_of_a_file_takes_the_same_endpoints(text, endpoint):
    what = parse_what(f"{HANDLERS}:greet={text}")
    assert what.name == f"{HANDLERS}:greet"
    assert what.endpoint == endpoint


def test_a_path_may_have_equals_signs_and_colons_of_its_own(tmp_path):
    directory = tmp_path / "a=b:c=d"
    directory.mkdir()
    (directory / "app.py").write_text("def chat(conn): pass\n")
    what = parse_what(f"{directory}/app.py:chat=localhost:echo")
    assert what.name == f"{directory}/app.py:chat"
    assert what.endpoint == Endpoint("", "localhost", 7)


def test_a_dotted_name_is_followed():
    stream = parse_what(f"{HANDLERS}:Shop.sell=:0").service.stream
    assert stream is not None
    assert getattr(stream, "__name__", "") == "sell"


def test_two_handlers_of_one_file_share_it():
    one = parse_what(f"{HANDLERS}:greet=:0").service
    other = parse_what(f"{HANDLERS}:greet=:0").service
    assert one.stream is other.stream


def test_a_marked_function_of_a_file_answers_packets():
    what = parse_what(f"{HANDLERS}:answer=:0")
    assert what.service.transports == ("udp",)


REFUSED = {
    "ehco": "'ehco': no such service (known: echo, discard, ",
    "dayttime": "did you mean 'daytime'?",
    "": "'': no such service",
    "ehco=:7": "no such service",
    "app.py": "which function of it? write app.py:NAME",
    "app.py=:7": "which function of it? write app.py:NAME",
    "echo:7007": "the endpoint behind '=': echo=:7007",
    "127.0.0.1:7007": "not something to serve",
    "./public=:8080": "not something to serve",
    ":greet=:0": "not something to serve",
    "echo=": "endpoint '': is empty",
    "echo=7007": "missing port in address (write echo=:7007)",
    "echo=localhost": "missing port in address",
    "echo=host:1:2": "too many colons",
    "echo=::1:80": "write an IPv6 address in brackets: [::1]:80",
    "echo=:70000": "port '70000': not in 0-65535",
    "echo=:-1": "not in 0-65535",
    "echo=:ehco": "did you mean 'echo'?",
    "echo=tpc://:7": "did you mean 'tcp'?",
    f"{HANDLERS}:greet=udp://:7": "is a function of a conn, and udp carries packets",
    f"{HANDLERS}:answer=tcp://:7": "is a function of a packet, and tcp carries conns",
    "echo=tcp6://127.0.0.1:7": "is an IPv4 address, and tcp6 is without them",
    "echo=tcp://:7/path": "has a path",
    "echo=1.2.3.256:7": "not an IPv4 address",
    "echo=a b:7": "has a space",
    "echo=/run/echo.sock": "(write unix:/run/echo.sock)",
    "echo=unix:": "is empty",
    f"{HANDLERS}:greet=unixgram:/x": "and unixgram carries packets",
    f"{HANDLERS}:coroutine=:0": "is an async def",
    f"{HANDLERS}:greet": "has no well-known port, so it needs an endpoint",
    f"{HANDLERS}:greet=7007": "(write",
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_served_is_refused_with_a_reason(text, reason):
    with pytest.raises(Failure) as caught:
        parse_what(text)
    assert reason in str(caught.value)
    assert caught.value.status == USAGE
