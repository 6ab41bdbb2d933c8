"""Options that are made from settings: each field once, in all its forms."""

import time
from dataclasses import fields

import pytest

from portside.cli.failure import USAGE
from portside.cli.options import flag, taken_from
from portside.cli.serve import serve
from portside.server import Settings
from portside.services import ForwardSettings
from tests.cli.running import portside, serving

FLAGS = {option for each in serve.params for option in each.opts}


@pytest.mark.parametrize("settings", [Settings, ForwardSettings])
def test_every_field_has_an_option(settings):
    assert {flag(each.name) for each in fields(settings)} <= FLAGS


def test_of_all_that_was_typed_settings_take_their_own():
    typed = {each.name: each.default for each in fields(Settings)} | {"other": 1}
    assert Settings(**taken_from(typed, Settings)) == Settings()


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
