"""WHAT=ENDPOINT: where one ends and the other begins, and what is refused."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from portside.cli.failure import USAGE, Failure
from portside.cli.web import WebOptions
from portside.cli.what import parse_what
from portside.http import Web
from portside.names import Endpoint, InheritedEndpoint, UnixAddress
from portside.services import SERVICES

HANDLERS = str(Path(__file__).with_name("handlers.py"))
HERE = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def _what_was_refused_is_forgotten() -> Iterator[None]:
    """With it go the directories that were open already: an error keeps its frames."""
    yield
    gc.collect()


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


# -- directories, and what answers requests


@pytest.mark.parametrize(("text", "endpoint"), ENDPOINTS.items(), ids=ENDPOINTS)
def test_a_directory_takes_the_same_endpoints(text, endpoint):
    what = parse_what(f"{HERE}={text}")
    assert (what.name, what.is_web, what.endpoint) == (HERE, True, endpoint)
    assert isinstance(what.service.stream, Web)


@pytest.mark.parametrize("text", ["./a", "a/", "./a/", "../here/a", "./."])
def test_a_directory_is_a_path_and_has_the_well_known_port(tmp_path, monkeypatch, text):
    (tmp_path / "here" / "a").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    what = parse_what(text)
    assert (what.name, what.endpoint) == (text, Endpoint("", "", 80))
    assert parse_what(f"{text}=:8080").endpoint == Endpoint("", "", 8080)


def test_a_directory_may_have_equals_signs_of_its_own(tmp_path):
    for name in ("a=b", "c=d=e"):
        (tmp_path / name).mkdir()
    for text, name, port in (
        ("a=b", "a=b", 80),
        ("a=b=:1", "a=b", 1),
        ("c=d=e", "c=d=e", 80),
        ("c=d=e=:1", "c=d=e", 1),
    ):
        what = parse_what(f"{tmp_path}/{text}")
        assert what.name == f"{tmp_path}/{name}"
        assert what.endpoint == Endpoint("", "", port)


def test_the_longest_part_that_is_a_directory_counts(tmp_path):
    for name in ("a", "a=b", "a=b=:1"):
        (tmp_path / name).mkdir()
        assert parse_what(f"{tmp_path}/{name}").name == f"{tmp_path}/{name}"
        assert parse_what(f"{tmp_path}/{name}=:2").name == f"{tmp_path}/{name}"


def test_a_directory_without_a_slash_is_asked_for(tmp_path, monkeypatch):
    """It could be a service that we have some day."""
    (tmp_path / "public").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        Failure, match=r"no such service.*the directory\? write \./public"
    ):
        parse_what("public=:8080")


APP = """
from portside import Service, http

mux = http.Mux()
web = http.handler(lambda request: http.Response.text("hello"))
strict = http.handler(web, settings=http.HttpSettings(max_headers=7))
bundle = Service(stream=web, port=8008)
"""


@pytest.fixture
def app(tmp_path):
    path = tmp_path / "app.py"
    path.write_text(APP)
    return path


@pytest.mark.parametrize("name", ["mux", "web"])
def test_what_answers_requests_has_the_well_known_port(app, name):
    what = parse_what(f"{app}:{name}")
    assert (what.is_web, what.endpoint) == (True, Endpoint("", "", 80))
    assert parse_what(f"{app}:{name}=:8080").endpoint == Endpoint("", "", 8080)


def test_a_service_says_its_own_port(app):
    assert parse_what(f"{app}:bundle").endpoint == Endpoint("", "", 8008)


def test_what_was_typed_is_set_and_the_rest_is_left(app):
    options = WebOptions({"max_body_bytes": 5})
    stream = parse_what(f"{app}:strict=:0", web_options=options).service.stream
    assert isinstance(stream, Web)
    assert (stream.settings.max_body_bytes, stream.settings.max_headers) == (5, 7)


def test_a_function_of_a_conn_answers_no_requests():
    assert not parse_what(f"{HANDLERS}:greet=:0").is_web
    assert not parse_what("echo").is_web


REFUSED = {
    "ehco": "'ehco': no such service (known: echo, discard, ",
    "dayttime": "did you mean 'daytime'?",
    "": "'': no such service",
    "ehco=:7": "no such service",
    "app.py": "which function of it? write app.py:NAME",
    "app.py=:7": "which function of it? write app.py:NAME",
    "echo:7007": "the endpoint behind '=': echo=:7007",
    "127.0.0.1:7007": "not something to serve",
    "./nowhere=:8080": "./nowhere: no such directory",
    "../nowhere": "../nowhere: no such directory",
    "/nowhere/=:0": "/nowhere/: no such directory",
    "nowhere/=:0": "nowhere/: no such directory",
    HANDLERS: f"is no directory; which function of it? write {HANDLERS}:NAME",
    f"{HANDLERS}=:0": f"is no directory; which function of it? write {HANDLERS}:NAME",
    f"{HERE}=7007": "missing port in address (write",
    f"{HERE}=udp://:0": "and udp carries packets",
    "/etc/passwd=:0": "/etc/passwd: is no directory",
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
