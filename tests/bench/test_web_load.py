"""The load that speaks HTTP: it finds out a server that answers something else."""

import contextlib
import shutil
import sys

import pytest

from bench.building import compile_load
from bench.load import put_load
from bench.process import ProgramError, Server

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc here")

SERVER = """
import socketserver

FILE = open(FILE_NAME, "rb").read()
SEEN = set()

def greeting(path):
    return b"Hello, " + path.rpartition(b"/")[2] + b"!"

def answer(body, length=None, date=b"Date: now"):
    length = len(body) if length is None else length
    return b"HTTP/1.1 200 OK\\r\\n%s\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (
        date, length, body)

class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            fields = 0
            while self.rfile.readline() != b"\\r\\n":
                fields += 1
            reply = ANSWER(line.split()[1], fields)
            if reply is None:
                return
            for part in reply if isinstance(reply, list) else [reply]:
                self.wfile.write(part)

class Many(socketserver.ThreadingTCPServer):
    daemon_threads = True

server = Many(("127.0.0.1", 0), Answer)
print("port", server.server_address[1], flush=True)
server.serve_forever()
"""

WRONG = {
    "answer(b'Hello, you!')": "not what was asked for",
    "answer(greeting(path)) + b'!'": "more came back than was asked for",
    "answer(greeting(path), date=b'X: y')": "no Date",
    "answer(greeting(path)).replace(b'Content-Length', b'Length')": "no Content-Length",
    "answer(greeting(path)).replace(b'200 OK', b'404 No')": "no 200",
    "b'HTTP/1.1 200 OK' + b'x' * 9000": "has no end",
    "None": "closed a connection",
}

WRONG_FILES = {
    "answer(FILE[:-1] + b'!')": "not what was asked for",
    "answer(FILE[:-1])": "length of an answer is not the file's",
    "answer(FILE) + b'!'": "more came back than was asked for",
    "None": "closed a connection",
}


@contextlib.contextmanager
def answering(answer, file="/dev/null"):
    """Serve what is made of the path and the number of fields."""
    compile_load()
    code = SERVER.replace("ANSWER", f"(lambda path, fields: {answer})")
    code = code.replace("FILE_NAME", repr(str(file)))
    with Server("told", [sys.executable, "-c", code]) as server:
        yield server


def load(server, mode, *words):
    return put_load(server, mode, 3, warm_seconds=0.01, seconds=0.1, words=words)


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "big"
    file.write_bytes(bytes(range(256)) * 4096)
    return file


def test_an_answer_is_counted():
    with answering("answer(greeting(path))") as server:
        figures = load(server, "web", "/about=about", "/hello/*=*", "/a/*=*")
    assert figures["messages"] >= 3
    assert 0 < figures["p50_us"] <= figures["p99_us"] <= figures["p999_us"]
    assert figures["cpu_us"] > 0


def test_an_answer_may_come_in_parts():
    whole = "answer(greeting(path))"
    with answering(f"[{whole}[:30], {whole}[30:-3], {whole}[-3:]]") as server:
        assert load(server, "web", "/hello/*=*")["messages"] >= 3


def test_a_request_has_ten_fields():
    with answering("answer(b'Hello, %d!' % fields)") as server:
        assert load(server, "web", "/a=10")["messages"] >= 3


def test_no_two_requests_have_the_same_name():
    """Else a server could answer each with what it answered before."""
    anew = "path not in SEEN and SEEN.add(path) is None"
    with answering(f"answer(greeting(path)) if {anew} else None") as server:
        assert load(server, "web", "/hello/*=*", "/a/b/*=*")["messages"] >= 3


def test_the_paths_take_turns():
    with answering("answer(b'Hello, about!')") as server:
        assert load(server, "web", "/about=about")["messages"] >= 3
        with pytest.raises(ProgramError, match="not what was asked for"):
            load(server, "web", "/about=about", "/tag=tag")


@pytest.mark.parametrize(("answer", "told"), WRONG.items())
def test_a_server_that_answers_something_else_is_found_out(answer, told):
    with answering(answer) as server, pytest.raises(ProgramError, match=told):
        load(server, "web", "/hello/*=*")


def test_a_fetched_file_is_counted(file):
    with answering("answer(FILE)", file) as server:
        figures = load(server, "fetch", "/big", file)
    assert figures["messages"] >= 3
    assert 0 < figures["p50_us"] <= figures["p99_us"]


@pytest.mark.parametrize(("answer", "told"), WRONG_FILES.items())
def test_a_server_of_something_else_than_the_file_is_found_out(answer, told, file):
    with answering(answer, file) as server, pytest.raises(ProgramError, match=told):
        load(server, "fetch", "/big", file)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with answering("answer(b'')") as server:
        with pytest.raises(ProgramError, match="No such file"):
            load(server, "fetch", "/big", tmp_path / "none")


def test_a_path_without_a_name_is_told():
    with answering("None") as server, pytest.raises(ProgramError, match="PATH=NAME"):
        load(server, "web", "/hello")
