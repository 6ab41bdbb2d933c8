import pytest

from portside.errors import AddressError
from portside.names import Endpoint, UnixAddress
from portside.services.upstream import forward_upstream, parse_upstream

UPSTREAMS = {
    "127.0.0.1:7": (Endpoint("tcp", "127.0.0.1", 7), Endpoint("udp", "127.0.0.1", 7)),
    "[::1]:7": (Endpoint("tcp", "::1", 7), Endpoint("udp", "::1", 7)),
    ":7": (Endpoint("tcp", "", 7), Endpoint("udp", "", 7)),
    "tcp://a.test:http": (Endpoint("tcp", "a.test", 80), None),
    "tcp4://127.0.0.1:7": (Endpoint("tcp4", "127.0.0.1", 7), None),
    "udp://a.test:53": (None, Endpoint("udp", "a.test", 53)),
    "unix:/run/app.sock": (UnixAddress("unix", "/run/app.sock"), None),
}


@pytest.mark.parametrize(("text", "ends"), UPSTREAMS.items(), ids=UPSTREAMS)
def test_a_network_says_what_goes_there_and_none_says_both(text, ends) -> None:
    upstream = parse_upstream(text)
    assert (upstream.stream, upstream.packet) == ends


NO_UPSTREAMS = ["", "127.0.0.1", "127.0.0.1:0", "fd:3", "unixgram:/x", "ftp://a.test:1"]


@pytest.mark.parametrize("text", NO_UPSTREAMS)
def test_what_cannot_be_dialled_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse_upstream(text)


def test_a_command_line_names_it_behind_the_word() -> None:
    assert forward_upstream("forward:unix:/run/x.sock") == "unix:/run/x.sock"
    assert forward_upstream("forward:[::1]:80") == "[::1]:80"
    assert forward_upstream("forward.py:handler") is None
    assert forward_upstream("echo") is None
