"""Socket calls as lines: their shape, and who made them."""

import os
import re
import threading

import pytest

from portside import net
from portside.engine import now
from portside.events import socket_call
from portside.observe import Calls, traced

SHAPES = {
    "socket": (
        ("socket", 3, "AF_INET, SOCK_STREAM", "3"),
        "(AF_INET, SOCK_STREAM) = 3",
    ),
    "bind": (("bind", 3, "127.0.0.1:0", "ok"), "(3, 127.0.0.1:0) = ok"),
    "accept": (
        ("accept", 3, "", "5 from 127.0.0.1:40120"),
        "(3) = 5 from 127.0.0.1:40120",
    ),
    "recv": (("recv", 5, "", "0 bytes (the end)"), "(5) = 0 bytes (the end)"),
    "shutdown": (("shutdown", 5, "SHUT_WR", "ok"), "(5, SHUT_WR) = ok"),
    "close": (("close", 5, "", "ok"), "(5) = ok"),
}


@pytest.mark.parametrize(("told", "shape"), SHAPES.values(), ids=SHAPES)
def test_a_call_reads_as_in_a_textbook(told, shape):
    lines: list[str] = []
    Calls(lines.append)(*told)
    assert lines[0].partition("] ")[2] == told[0] + shape


def test_a_line_begins_with_the_time_and_who_calls():
    lines: list[str] = []
    began = now()
    calls = Calls(lines.append)
    calls("close", 5, "", "ok")
    other = threading.Thread(target=calls, args=("close", 6, "", "ok"))
    other.start()
    other.join()
    took = now() - began
    matches = [re.match(r" *(\d+\.\d{6})  \[(\d+)\] close", line) for line in lines]
    seconds, who = zip(*(match.groups() for match in matches if match), strict=True)
    assert 0 <= float(seconds[0]) <= float(seconds[1]) <= took + 1e-6
    assert int(who[0]) == os.getpid(), "tests run on the first thread"
    assert int(who[1]) == other.native_id


def test_calls_are_traced_inside_the_block_and_not_after():
    lines: list[str] = []
    with traced(lines.append), net.listen("tcp", "127.0.0.1:0") as listener:
        net.dial(listener.address).close()
    seen = [line.partition("] ")[2].partition("(")[0] for line in lines]
    assert seen == ["socket", "bind", "listen", "socket", "connect", "close", "close"]
    assert socket_call.hooks == ()
    with net.listen("tcp", "127.0.0.1:0"):
        assert len(lines) == 7


def test_a_writer_that_fails_ends_the_trace_and_nothing_else(caplog):
    def fail(line: str) -> None:
        raise RuntimeError("no paper")

    with traced(fail), net.listen("tcp", "127.0.0.1:0") as listener:
        assert not listener.closed
        assert socket_call.hooks == ()
    assert "was taken off" in caplog.text


def test_a_forked_child_goes_on_in_the_same_trace():
    reader, writer = os.pipe()
    with traced(lambda line: os.write(writer, f"{line}\n".encode())):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                net.listen("tcp", "127.0.0.1:0").close()
                status = 0
            finally:
                os._exit(status)
    os.close(writer)
    with open(reader) as file:
        lines = file.read().splitlines()
    assert os.waitpid(pid, 0)[1] == 0
    assert len(lines) == 4
    assert all(f"[{pid}]" in line for line in lines)
