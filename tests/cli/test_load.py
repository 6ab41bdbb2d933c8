"""Handlers in files and modules: what is loaded, and who is to blame when it is not."""

from pathlib import Path

import pytest

from portside.cli.failure import USAGE
from tests.cli.running import portside, serving

HANDLERS = Path(__file__).with_name("handlers.py")

FILES = {
    "syntax.py": "import os\n\ndef greet(conn)\n    pass\n",
    "name.py": "import os\n\n\ngreet = hello\n",
    "deep.py": "from name import greet\n",
    "leaves.py": "\nimport sys\nsys.exit(4)\n",
    "needs.py": "import not_installed_anywhere\n",
    "fine.py": "from neighbour import greet\n",
    "neighbour.py": "def greet(conn):\n    conn.write(b'hello from next door')\n",
    "tabs.py": "def greet(conn):\n\tpass\n        pass\n",
    "zero.py": "x = 1\ny = 1 / 0\n",
    "nul.py": "x = '\0'\n",
}


@pytest.fixture
def directory(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


REFUSED = {
    "missing.py:greet": "missing.py: no such file",
    "dir.py:greet": "dir.py: is no file",
    "syntax.py:greet": "syntax error: expected ':' (syntax.py, line 3)",
    "tabs.py:greet": "(tabs.py, line 3)",
    "name.py:greet": "NameError: name 'hello' is not defined (name.py, line 4)",
    "deep.py:greet": "NameError: name 'hello' is not defined (deep.py, line 1)",
    "zero.py:greet": "ZeroDivisionError: division by zero (zero.py, line 2)",
    "nul.py:greet": "nul.py: ",
    "leaves.py:greet": "SystemExit: 4 (leaves.py, line 3)",
    "needs.py:greet": "No module named 'not_installed_anywhere' (needs.py, line 1)",
    "neighbour.py:gret": "neighbour.py: has no 'gret'; did you mean 'greet'?",
    "neighbour.py:greet.more": "neighbour.py: has no 'more'",
    "nowhere:greet": "nowhere: no module 'nowhere' on the import path",
    "neighbour.more:greet": "no module 'neighbour.more'",
    "needs:greet": "No module named 'not_installed_anywhere' (needs.py, line 1)",
    "zero:greet": "ZeroDivisionError: division by zero (zero.py, line 2)",
    "neighbour:gret": "did you mean 'greet'?",
    f"{HANDLERS}:coroutine": "is an async def",
    f"{HANDLERS}:generator": "is a generator",
    f"{HANDLERS}:no_conn": "must take one argument, the conn",
    f"{HANDLERS}:number": "not a function",
}


@pytest.mark.parametrize(
    ("what", "reason"), REFUSED.items(), ids=[Path(what).name for what in REFUSED]
)
def test_a_handler_that_cannot_be_had_is_a_usage_error(directory, what, reason):
    (directory / "dir.py").mkdir()
    done = portside("serve", f"{what}=127.0.0.1:0", cwd=directory)
    assert (done.returncode, done.stdout) == (USAGE, b"")
    assert reason in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1, "one line, no traceback"


@pytest.mark.parametrize("what", ["fine.py:greet", "fine:greet", "./fine.py:greet"])
def test_a_handler_finds_its_neighbours(directory, what):
    with serving(f"{what}=127.0.0.1:0", cwd=directory) as server:
        with server.connect() as client:
            assert client.makefile("rb").read() == b"hello from next door"
        server.stop()


def test_a_file_of_another_directory_finds_its_neighbours(directory, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with serving(f"{directory}/fine.py:greet=127.0.0.1:0", cwd=elsewhere) as server:
        with server.connect() as client:
            assert client.makefile("rb").read() == b"hello from next door"
        server.stop()


def test_files_of_one_name_do_not_hide_each_other(directory):
    for name in ("a", "b"):
        (directory / name).mkdir()
        text = f"def greet(conn):\n    conn.write(b'{name}')\n"
        (directory / name / "app.py").write_text(text)
    served = [f"{name}/app.py:greet=127.0.0.1:0" for name in ("a", "b")]
    with serving(*served, cwd=directory) as server:
        for index, told in enumerate((b"a", b"b")):
            with server.connect(index) as client:
                assert client.makefile("rb").read() == told
        server.stop()
