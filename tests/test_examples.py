"""Every example does what it says, under each model that it names."""

import contextlib
import importlib.util
import os
import re
import shutil
import smtplib
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from urllib.request import urlopen

import pytest

from portside import Server, TaskGroup, net, now, timeout
from portside.errors import EndOfStreamError
from portside.net import Conn
from portside.services import SERVICES

EXAMPLES = Path(__file__).parent.parent / "examples"
ANY_PORT = "tcp://127.0.0.1:0"
SECONDS = 20.0
"""What any wait here may take: nothing does, unless something is broken."""

MAX_LINES = {".py": 30, ".c": 59}
SOURCES = sorted(each for each in EXAMPLES.iterdir() if each.suffix in MAX_LINES)

Compile = Callable[[str], str]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def models_of(name: str) -> list[str]:
    first_line = (load(name).__doc__ or "").splitlines()[0]
    named = re.search(r"Models: ([a-z ]+)\.$", first_line)
    assert named is not None, f"{name}.py names no models in its first line"
    return named[1].split()


def each_model(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("model", models_of(name))


@contextlib.contextmanager
def served(handler: Callable[[Conn], object], model: str) -> Iterator[Server]:
    with Server(handler, ANY_PORT, model=model) as server, timeout(SECONDS):
        yield server


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Return what compiles an example in C, once."""
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("no gcc here")
    directory = tmp_path_factory.mktemp("compiled")
    strict = ["-Wall", "-Wextra", "-Werror", "-pedantic"]

    def compile_example(name: str) -> str:
        program = str(directory / name)
        if not os.path.exists(program):
            source = str(EXAMPLES / f"{name}.c")
            command = [gcc, *strict, "-o", program, source]
            subprocess.run(command, check=True, timeout=SECONDS)
        return program

    return compile_example


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_an_example_fits_on_a_screen(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES[path.suffix]


@each_model("echo")
def test_echo_sends_back_what_comes(model: str) -> None:
    with served(load("echo").echo, model) as server, net.dial(server.address) as conn:
        conn.write(b"hello")
        assert conn.read_exactly(5) == b"hello"
        conn.write(b" world")
        conn.close_write()
        assert conn.read_all() == b" world"


@each_model("sums")
def test_sums_adds_up_in_network_byte_order(model: str) -> None:
    sums = load("sums")
    with served(sums.sums, model) as server, net.dial(server.address) as conn:
        conn.write(bytes.fromhex("00000008 00000001 fffffffe"))
        assert conn.read_exactly(10) == bytes.fromhex("0002 ffffffffffffffff")
        assert sums.ask(conn, []) == (0, 0)
        assert sums.ask(conn, [2**31 - 1] * 3) == (3, 3 * (2**31 - 1))
        conn.write(b"\0\0")  # the end comes inside a frame
        conn.close_write()
        with pytest.raises((EndOfStreamError, ConnectionResetError)):
            conn.read_exactly(1)


@each_model("smtp_sink")
def test_smtp_sink_keeps_a_mail_with_dots_as_it_was_sent(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "Subject: dots\r\n\r\n.\r\n..two\r\nthe end.\r\n"
    with served(load("smtp_sink").smtp, model) as server:
        place = server.address
        for sender in ("ann@example.com", "bob@example.com"):
            with smtplib.SMTP(place.ip, place.port, timeout=SECONDS) as client:
                assert client.sendmail(sender, ["post@example.com"], text) == {}
                assert client.docmd("WHO")[0] == 500
    assert [path.read_text() for path in sorted(Path("mail").iterdir())] == [
        text.replace("\r\n", "\n")
    ] * 2


def join(server: Server, name: str) -> Conn:
    """Dial, give a name, and say hello; returns when that line has come back."""
    conn = net.dial(server.address, control=hold_little)
    conn.write(f"{name}\nhello\n".encode())
    assert conn.read_line() == f"{name}: hello\r\n".encode()
    return conn


def hold_little(network: str, address: object, sock: socket.socket) -> None:
    """Let the kernel keep little for who does not read, so that the server notices."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


@each_model("bad_network")
def test_bad_network_takes_its_time_both_ways_for_conns_and_packets(
    model: str,
) -> None:
    example = load("bad_network")
    with Server(SERVICES["echo"], "127.0.0.1:0") as upstream, timeout(SECONDS):
        service = example.across_the_sea(str(upstream.addresses[0]))
        with Server(service, "127.0.0.1:0", model=model) as server:
            place = str(server.addresses[0])
            with net.dial("tcp", place) as conn:
                began = now()
                conn.write(b"hello")
                assert conn.read_exactly(5) == b"hello"
                assert now() - began >= 0.15
            with net.dial("udp", place) as packets:
                began = now()
                packets.send(b"hello")
                assert packets.receive().data == b"hello"
                assert now() - began >= 0.15


@each_model("chat")
def test_chat_tells_every_line_to_all_three_members(model: str) -> None:
    with (
        served(load("chat").chat, model) as server,
        join(server, "ann") as ann,
        join(server, "bob") as bob,
        join(server, "cyd") as cyd,
    ):
        assert ann.read_line() == b"bob: hello\r\n"
        for conn in (ann, bob):
            assert conn.read_line() == b"cyd: hello\r\n"
        bob.write(b"is anybody there?\n")
        for conn in (ann, bob, cyd):
            assert conn.read_line() == b"bob: is anybody there?\r\n"
        bob.close_write()
        assert bob.read_all() == b""
        ann.write(b"bye, bob\n")
        for conn in (ann, cyd):
            assert conn.read_line() == b"ann: bye, bob\r\n"


@each_model("chat")
def test_chat_does_not_wait_for_a_member_who_does_not_read(model: str) -> None:
    said = b"x" * 990
    n_lines = 5000  # 5 MB: more than the kernel and a queue hold for who is slow
    with (
        served(load("chat").chat, model) as server,
        join(server, "ann") as ann,
        join(server, "slow") as slow,
    ):
        assert ann.read_line() == b"slow: hello\r\n"
        for _ in range(n_lines):
            ann.write(said + b"\n")
            assert ann.read_line() == b"ann: " + said + b"\r\n"
        slow.close_write()
        n_heard = sum(1 for _ in slow.lines())
        assert 100 <= n_heard < n_lines


@each_model("welcome/site")
def test_the_welcome_page_shows_who_asked_and_ticks(model: str) -> None:
    with served(load("welcome/site").mux, model) as server:
        place = f"http://{server.address}"
        with urlopen(f"{place}/", timeout=SECONDS) as page:
            assert b"qotd" in page.read()
        with urlopen(f"{place}/request", timeout=SECONDS) as request:
            assert b"GET /request" in request.read()
        with (
            urlopen(f"{place}/clock", timeout=SECONDS) as clock,
            urlopen(f"{place}/request", timeout=SECONDS) as meanwhile,
        ):
            assert clock.readline() != b""
            assert meanwhile.read() != b""


def test_the_server_in_c_answers_our_client(compiled: Compile) -> None:
    with running(compiled("textbook_server"), "0") as server:
        assert server.stdout is not None
        port = int(server.stdout.readline().split()[1])
        for text in (b"hello", bytes(1_000_000)):  # one client after another
            with net.dial("tcp", f"127.0.0.1:{port}") as conn, TaskGroup() as group:
                answer = group.start_soon(conn.read_exactly, len(text))
                conn.write(text)
                assert answer.result() == text
                conn.close_write()
                assert conn.read() == b""


def test_the_server_in_c_tells_why_it_cannot_start(compiled: Compile) -> None:
    with net.listen("tcp", "127.0.0.1:0") as taken:
        done = run(compiled("textbook_server"), str(taken.address.port))
    assert done.stderr == b"bind: Address already in use\n"
    assert done.returncode == 1


@each_model("echo")
def test_the_client_in_c_gets_its_lines_back(compiled: Compile, model: str) -> None:
    lines = b"hello\n" + b"x" * 9000 + b"\nand no end"
    program = compiled("textbook_client")
    with served(load("echo").echo, model) as server:
        done = run(program, "localhost", str(server.address.port), given=lines)
    assert (done.stdout, done.stderr, done.returncode) == (lines, b"", 0)


def test_the_client_in_c_tells_when_nobody_listens(compiled: Compile) -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        port = str(listener.address.port)
    done = run(compiled("textbook_client"), "127.0.0.1", port)
    assert (done.stderr, done.returncode) == (b"connect: Connection refused\n", 1)


def test_the_datagram_server_in_c_answers_our_client(compiled: Compile) -> None:
    with running(compiled("textbook_datagram_server"), "0") as server:
        assert server.stdout is not None
        port = int(server.stdout.readline().split()[1])
        with net.dial("udp", f"127.0.0.1:{port}") as packets, timeout(SECONDS):
            for data in (b"hello", b"", bytes(65507)):
                packets.send(data)
                assert packets.receive().data == data


@each_model("echo_packets")
def test_the_datagram_client_in_c_gets_its_lines_back(
    compiled: Compile, model: str
) -> None:
    lines = b"hello\nand no end"
    program = compiled("textbook_datagram_client")
    handler = load("echo_packets").echo
    with Server(handler, "udp://127.0.0.1:0", model=model) as server:
        done = run(program, "127.0.0.1", str(server.address.port), given=lines)
    assert (done.stdout, done.stderr, done.returncode) == (lines, b"", 0)


def run(*program: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        program, check=False, input=given, capture_output=True, timeout=SECONDS
    )


@contextlib.contextmanager
def running(*program: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(program, stdout=subprocess.PIPE) as process:
        try:
            with timeout(SECONDS):
                yield process
        finally:
            process.kill()
