"""--trace-calls: the textbook's sequence, of the client and of the server."""

import contextlib
import re
import socket
import subprocess

from tests.cli.running import LONG, PORTSIDE, environment, portside, serving

LINE = re.compile(r" *(\d+\.\d{6})  \[(\d+)\] (\w+)\((.*)\) = (.+)")


def calls_of(text: str) -> list[tuple[str, str, str, str]]:
    """Return who, call, arguments and result of each line."""
    found = []
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        assert match is not None, line
        found.append((match[2], match[3], match[4], match[5]))
    return found


def names(calls: list[tuple[str, str, str, str]]) -> list[str]:
    return [call for _, call, _, _ in calls]


def test_the_client_makes_the_calls_of_the_textbook():
    with serving("echo=tcp://127.0.0.1:0") as server:
        done = portside("dial", server.endpoint(), "--trace-calls", stdin=b"hello\n")
        calls = calls_of(done.stderr.decode())
        endpoint = server.endpoint()
        server.stop()
    assert done.stdout == b"hello\n"
    assert names(calls)[:2] == ["socket", "connect"]
    # Who sends and who receives are two, and either may be told first.
    assert sorted(names(calls)[2:-1]) == ["recv", "recv", "send", "shutdown"]
    number = calls[0][3]
    assert [each[1:] for each in calls if each[1] not in ("recv", "close")] == [
        ("socket", "AF_INET, SOCK_STREAM", number),
        ("connect", f"{number}, {endpoint}", "ok"),
        ("send", f"{number}, 6 bytes b'hello\\n'", "6"),
        ("shutdown", f"{number}, SHUT_WR", "ok"),
    ]
    received = [each[1:] for each in calls if each[1] == "recv"]
    assert received == [
        ("recv", number, "6 bytes b'hello\\n'"),
        ("recv", number, "0 bytes (the end)"),
    ]
    assert calls[-1][1:] == ("close", number, "ok")


def test_the_server_makes_the_calls_of_the_textbook(model):
    with serving("echo=tcp://127.0.0.1:0", "--model", model, "--trace-calls") as server:
        with server.connect() as client:
            local = client.getsockname()
            client.sendall(b"hello\n")
            client.shutdown(socket.SHUT_WR)
            assert client.makefile("rb").read() == b"hello\n"
        endpoint, pid = server.endpoint(), str(server.process.pid)
        server.stop()
        calls = calls_of(server.errors())
    assert calls[:3] == [
        (pid, "socket", "AF_INET, SOCK_STREAM", calls[0][3]),
        (pid, "bind", f"{calls[0][3]}, 127.0.0.1:0", f"ok -> {endpoint}"),
        (pid, "listen", f"{calls[0][3]}, {_somaxconn()}", "ok"),
    ]
    who, call, listener, result = calls[3]
    assert (call, listener) == ("accept", calls[0][3])
    assert (who == pid) is (model != "hybrid")
    number, _, remote = result.partition(" from ")
    assert remote == "{}:{}".format(*local)
    talk = [each for each in calls if each[1] in ("recv", "send")]
    assert [each[1:] for each in talk] == [
        ("recv", number, "6 bytes b'hello\\n'"),
        ("send", f"{number}, 6 bytes b'hello\\n'", "6"),
        ("recv", number, "0 bytes (the end)"),
    ]
    (talker,) = {each[0] for each in talk}
    talks_itself = model in ("serial", "nonblocking")
    assert (talker == pid) is talks_itself, "who talks is who was chosen to"
    assert (talker, "close", number, "ok") in calls
    own = [each for each in calls if each[0] == pid]
    assert own[-1] == (pid, "close", listener, "ok")
    if model == "fork":  # each closes what is the other's
        assert (pid, "close", number, "ok, our copy") in calls
        assert (talker, "close", listener, "ok, our copy") in calls


def _somaxconn() -> int:
    with open("/proc/sys/net/core/somaxconn") as file:
        return int(file.read())


def test_lines_of_many_do_not_break_into_each_other(model, tmp_path):
    (tmp_path / "said").write_bytes(b"x" * 300_000)
    with (
        serving("echo=tcp://127.0.0.1:0", "--model", model, "--trace-calls") as server,
        contextlib.ExitStack() as stack,
    ):
        clients = [
            subprocess.Popen(
                [*PORTSIDE, "dial", server.endpoint()],
                stdin=stack.enter_context(open(tmp_path / "said", "rb")),
                stdout=stack.enter_context(open(tmp_path / f"told{each}", "wb")),
                env=environment(),
            )
            for each in range(5)
        ]
        try:
            assert [client.wait(LONG) for client in clients] == [0] * 5
        finally:
            for client in clients:
                client.kill()
                client.wait()
        server.stop()
        calls = calls_of(server.errors())
    assert names(calls).count("accept") == 5


def test_an_ipv4_peer_of_a_dual_stack_listener_is_shown_as_ipv4():
    with serving("echo=tcp://:0", "--trace-calls") as server:
        with socket.create_connection(
            ("127.0.0.1", server.address()[1]), LONG
        ) as client:
            local = client.getsockname()
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        server.stop()
        calls = calls_of(server.errors())
    accepted = next(each for each in calls if each[1] == "accept")
    assert accepted[3].endswith(" from {}:{}".format(*local))
