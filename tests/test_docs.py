"""What the pages say is true: their Python runs, their C is ours, their links lead on.

A page is one program: its blocks run in order and share their names. A block with
prompts is compared with the output that stands under them, where ``...`` stands for
anything. A page with tests in it is run by pytest. Shell blocks are not run, but each
call of portside in them must be one that the command line understands.
"""

import contextlib
import doctest
import gc
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from portside.cli.main import program
from portside.engine.threads import pool
from tests.engine.waiting import until

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]

BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
CALL = re.compile(r"\bportside ((?:serve|dial|lookup)\b[^|&<>;)\n]*)")

each_page = pytest.mark.parametrize(
    "page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES]
)


def blocks(page: Path, language: str) -> Iterator[tuple[int, str]]:
    """Return the blocks of a page in one language, each with its line number."""
    text = page.read_text()
    for found in BLOCK.finditer(text):
        if found[2] == language:
            line = text.count("\n", 0, found.start(3)) + 1
            yield line, textwrap.dedent(found[3])


@each_page
def test_the_python_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {"__name__": "page"}  # so that no script starts to serve
    program = list(blocks(page, "python"))
    for line, code in program:
        where = f"{page.relative_to(ROOT)}:{line}"
        if ">>>" in code:
            run_prompts(code, names, where)
        else:
            # Empty lines in front, so that a traceback shows the line of the page.
            exec(compile("\n" * (line - 1) + code, where, "exec"), names)
    if any(name.startswith("test_") for name in names):
        run_tests(tmp_path / "test_page.py", "\n".join(code for _, code in program))
    names.clear()  # what a page has opened is given back with its last name
    # A thread may still have the last conversation of a server in hand, the watchdog of
    # a hub may have the hub.
    pool.trim()
    until(lambda: all("portside" not in each.name for each in threading.enumerate()))
    gc.collect()


def run_prompts(code: str, names: dict[str, object], where: str) -> None:
    test = doctest.DocTestParser().get_doctest(code, {}, where, where, 0)
    test.globs = names
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    assert runner.run(test, out=told.append, clear_globs=False).failed == 0, told


def run_tests(file: Path, code: str) -> None:
    file.write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", file.parent, file]
    done = subprocess.run(
        list(map(str, command)),
        check=False,
        cwd=file.parent,
        env=os.environ | {"PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@each_page
def test_the_c_of_a_page_is_in_the_examples(page: Path) -> None:
    sources = [
        [line.strip() for line in source.read_text().splitlines()]
        for source in ROOT.glob("examples/*.c")
    ]
    for line, code in blocks(page, "c"):
        wanted = [each.strip() for each in code.strip().splitlines()]
        assert any(
            source[at : at + len(wanted)] == wanted
            for source in sources
            for at in range(len(source))
        ), f"{page.name}:{line}: in no example"


@each_page
def test_the_go_of_a_page_is_as_gofmt_writes_it(page: Path) -> None:
    programs = list(blocks(page, "go"))
    gofmt = shutil.which("gofmt")
    if programs and gofmt is None:
        pytest.skip("no gofmt here")
    for line, code in programs:
        done = subprocess.run(
            [str(gofmt)],
            check=False,
            input=code,
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert (done.stdout, done.stderr) == (code, ""), f"{page.name}:{line}"


@each_page
def test_the_links_of_a_page_lead_to_files(page: Path) -> None:
    missing = [
        to for to in LINK.findall(page.read_text()) if not (page.parent / to).exists()
    ]
    assert missing == []


@each_page
def test_the_commands_of_a_page_are_understood(page: Path) -> None:
    for line, code in blocks(page, "sh"):
        for call in CALL.findall(code):
            name, *arguments = shlex.split(call, comments=True)
            command = program.commands[name]
            with contextlib.suppress(click.exceptions.Exit):
                try:
                    command.make_context(name, arguments)
                except click.UsageError as error:
                    pytest.fail(f"{page.name}:{line}: {call}: {error.message}")


def test_there_are_pages_with_python_in_them() -> None:
    """Or a slip in the patterns above would make every test here pass."""
    assert sum(1 for page in PAGES for _ in blocks(page, "python")) > 10
