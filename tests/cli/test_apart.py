"""Two that want one place are told so, and those that can have their own are not."""

import pytest

from portside.cli.apart import check_apart
from portside.cli.failure import USAGE, Failure
from portside.cli.what import parse_what
from tests.cli.running import portside

SAME = {
    ("echo=127.0.0.1:7", "discard=127.0.0.1:7"): "port",
    ("echo=127.0.0.1:7", "echo=127.0.0.1:7"): "port",
    ("echo=:7", "discard=udp://:7"): "port",
    ("echo=:7", "discard=127.0.0.1:7"): "port",
    ("echo=tcp://[::1]:7", "discard=tcp://:7"): "port",
    ("echo=tcp4://:7", "discard=tcp://127.0.0.1:7"): "port",
    ("echo=tcp://[::1]:7", "discard=tcp://0.0.0.0:7"): "port",
    ("echo=tcp://127.0.0.1:7", "discard=tcp://[::]:7"): "port",
    ("echo=LocalHost:7", "discard=localhost:echo"): "port",
    ("echo=[::1]:7", "discard=[0::1]:7"): "port",
    ("echo", "forward:127.0.0.1:8=:7"): "port",
    ("echo=unix:/a", "discard=unix:/a"): "path",
    ("echo=fd:3", "discard=fd:3"): "socket",
}

APART = [
    ("echo=:0", "discard=:0"),
    ("echo=tcp://:7", "discard=udp://:7"),
    ("echo=:7", "discard=:9"),
    ("echo=127.0.0.1:7", "discard=127.0.0.2:7"),
    ("echo=127.0.0.1:7", "discard=[::1]:7"),
    ("echo=tcp4://:7", "discard=tcp6://:7"),
    ("echo=unix:/a", "discard=unix:/b"),
    ("echo=fd:3", "discard=fd:4"),
    ("echo=:7", "discard=unix:/a"),
]


@pytest.mark.parametrize(("words", "what"), SAME.items(), ids=str)
def test_two_that_want_one_place_are_both_named(words, what):
    with pytest.raises(Failure, match=f" want the same {what}: give one") as failed:
        check_apart([parse_what(each) for each in words])
    assert failed.value.status == USAGE
    for each in words:
        assert each.partition("=")[0] + "=" in str(failed.value)


@pytest.mark.parametrize("words", APART, ids=str)
def test_what_can_have_a_place_of_its_own_is_not_refused(words):
    check_apart([parse_what(each) for each in words])


def test_the_command_tells_before_it_listens():
    done = portside("serve", "echo=tcp://127.0.0.1:7007", "discard=127.0.0.1:7007")
    assert done.returncode == USAGE
    assert done.stderr.decode() == (
        "portside: echo=tcp://127.0.0.1:7007 and discard=tcp://127.0.0.1:7007 want the "
        "same port: give one of them another\n"
    )
