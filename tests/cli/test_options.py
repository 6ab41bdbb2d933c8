"""Options that are made from settings: each field once, in all its forms."""

import time
from dataclasses import fields

import pytest

from portside.cli.failure import USAGE
from portside.cli.options import flag, taken_from
from portside.cli.serve import serve
from portside.http.settings import HttpSettings
from portside.server import Settings
from portside.services import ForwardSettings
from tests.cli.running import portside, serving

FLAGS = {option for each in serve.params for option in each.opts}


@pytest.mark.parametrize("settings", [Settings, ForwardSettings, HttpSettings])
def test_every_field_has_an_option(settings):
    assert {flag(each.name) for each in fields(settings)} <= FLAGS


def test_of_all_that_was_typed_settings_take_their_own():
    typed = {each.name: each.default for each in fields(Settings)} | {"other": 1}
    assert Settings(**taken_from(typed, Settings)) == Settings()


def test_a_default_is_shown_as_a_person_writes_it_and_read_as_what_it_is():
    """Bytes and seconds: nobody counts 65536, or 60.0."""
    shown = {each.name: each.default for each in serve.params}
    assert shown["max_header_bytes"] == "64k"
    assert shown["max_body_bytes"] == "1M"
    assert shown["keep_alive_timeout"] == "1m"
    assert shown["max_headers"] == 100
    with serve.make_context("serve", ["echo"]) as context:
        read = taken_from(context.params, HttpSettings)
    assert HttpSettings(**read) == HttpSettings()


def test_a_size_is_typed_with_a_unit():
    words = ["--max-body-bytes", "2k", "--max-header-bytes", "100000", "echo"]
    with serve.make_context("serve", words) as context:
        assert context.params["max_body_bytes"] == 2048
        assert context.params["max_header_bytes"] == 100_000


def test_help_names_the_unit_of_each_limit():
    told = portside("serve", "--help").stdout.decode()
    for words in ("--max-body-bytes SIZE", "--keep-alive-timeout DURATION"):
        assert words in told
    assert "--max-headers N" in told
    assert "--access-log [none|combined|json]" in told


def test_a_connection_is_forwarded_as_late_as_was_said():
    with serving("echo=tcp://127.0.0.1:0") as upstream:
        what = f"forward:{upstream.endpoint()}=127.0.0.1:0"
        with serving(what, "--delay", "150ms") as server:
            with server.connect() as client:
                begun = time.monotonic()
                client.sendall(b"hello")
                assert client.recv(100) == b"hello"
                assert time.monotonic() - begun >= 0.3  # there and back


REFUSED = {
    ("echo=:0", "--delay", "1s"): "--delay: nothing is forwarded",
    ("forward::9=:0", "--loss", "2"): "--loss must be a share from 0 to 1, not 2.0",
    ("forward::9=:0", "--rate", "fast"): "'fast' is no size",
    ("forward::9",): "needs an endpoint: forward::9=:7007",
    ("forward:nowhere=:0",): "missing port in address",
    ("forward:1.2.3.4:0=:0",): "nobody is at port 0",
    ("echo=:0", "--max-headers", "5"): "--max-headers: nothing here speaks HTTP",
    ("./=:0", "--max-body-bytes", "lots"): "'lots' is no size",
}


@pytest.mark.parametrize(("words", "told"), REFUSED.items(), ids=str)
def test_what_cannot_be_is_a_mistake_in_usage(words, told):
    done = portside("serve", *words)
    assert done.returncode == USAGE
    assert told in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


def test_a_switch_comes_from_the_environment():
    with serving("echo=udp://127.0.0.1:0", env={"PORTSIDE_SERVE_UNGUARDED": "1"}) as it:
        assert it.told["event"] == "listening"
