"""WHAT=ENDPOINT: where one ends and the other begins, and what is refused."""

from pathlib import Path

import pytest

from portside.cli.failure import USAGE, Failure
from portside.cli.what import parse_what
from portside.names import Endpoint
from portside.services import SERVICES, echo

HANDLERS = str(Path(__file__).with_name("handlers.py"))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_without_endpoint_has_its_well_known_port(name):
    service = parse_what(name)
    assert service.handler is SERVICES[name]
    assert service.endpoint.host == ""
    assert 0 < service.endpoint.port < 1024


ENDPOINTS = {
    "127.0.0.1:7007": Endpoint("tcp", "127.0.0.1", 7007),
    ":7007": Endpoint("tcp", "", 7007),
    ":0": Endpoint("tcp", "", 0),
    "localhost:echo": Endpoint("tcp", "localhost", 7),
    "tcp://localhost:echo": Endpoint("tcp", "localhost", 7),
    "tcp4://:7": Endpoint("tcp4", "", 7),
    "tcp6://[::1]:7": Endpoint("tcp6", "::1", 7),
    "[::1]:7": Endpoint("tcp", "::1", 7),
}


@pytest.mark.parametrize(("text", "endpoint"), ENDPOINTS.items(), ids=ENDPOINTS)
def test_an_endpoint_stands_behind_the_first_equals_sign(text, endpoint):
    service = parse_what(f"echo={text}")
    assert (service.name, service.handler, service.endpoint) == ("echo", echo, endpoint)


@pytest.mark.parametrize(("text", "endpoint"), ENDPOINTS.items(), ids=ENDPOINTS)
def test_a_handler_of_a_file_takes_the_same_endpoints(text, endpoint):
    service = parse_what(f"{HANDLERS}:greet={text}")
    assert service.name == f"{HANDLERS}:greet"
    assert service.endpoint == endpoint


def test_a_path_may_have_equals_signs_and_colons_of_its_own(tmp_path):
    directory = tmp_path / "a=b:c=d"
    directory.mkdir()
    (directory / "app.py").write_text("def chat(conn): pass\n")
    service = parse_what(f"{directory}/app.py:chat=localhost:echo")
    assert service.name == f"{directory}/app.py:chat"
    assert service.endpoint == Endpoint("tcp", "localhost", 7)


def test_a_dotted_name_is_followed():
    service = parse_what(f"{HANDLERS}:Shop.sell=:0")
    assert service.handler.__name__ == "sell"


def test_two_handlers_of_one_file_share_it():
    one = parse_what(f"{HANDLERS}:greet=:0").handler
    other = parse_what(f"{HANDLERS}:greet=:0").handler
    assert one is other


REFUSED = {
    "ehco": "'ehco': no such service (known: echo, discard); did you mean 'echo'?",
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
    "echo=udp://:7": "unknown network",
    "echo=tcp6://127.0.0.1:7": "is an IPv4 address, and tcp6 is without them",
    "echo=tcp://:7/path": "has a path",
    "echo=1.2.3.256:7": "not an IPv4 address",
    "echo=a b:7": "has a space",
    f"{HANDLERS}:greet": "has no well-known port, so it needs an endpoint",
    f"{HANDLERS}:greet=7007": "(write",
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_served_is_refused_with_a_reason(text, reason):
    if text == "ehco" and list(SERVICES) != ["echo", "discard"]:
        reason = "did you mean 'echo'?"
    with pytest.raises(Failure) as caught:
        parse_what(text)
    assert reason in str(caught.value)
    assert caught.value.status == USAGE
