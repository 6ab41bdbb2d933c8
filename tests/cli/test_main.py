"""The program: help, version, exit statuses, and one line for every mistake."""

import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from portside.cli.failure import status_table
from tests.cli.running import LONG, PORTSIDE, environment, portside


def test_version_is_one_line():
    done = portside("--version")
    system = f"Python {platform.python_version()}, {platform.system()}"
    assert done.stdout.decode() == f"portside 0.1.0 ({system})\n"
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("args", [(), ("--help",), ("-h",)], ids=["none", "help", "h"])
def test_help_shows_the_commands_and_the_statuses(args):
    done = portside(*args)
    text = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    for word in (
        "serve",
        "dial",
        "lookup",
        "completion",
        "Exit status:",
        " 28  dial: the time",
    ):
        assert word in text


@pytest.mark.parametrize("command", ["serve", "dial", "lookup", "completion"])
def test_help_of_a_command_has_examples(command):
    done = portside(command, "--help")
    assert done.returncode == 0
    assert f"portside {command} " in done.stdout.decode().partition("Examples:")[2]


MISTAKES = {
    "command": (("srve",), "no such command 'srve'"),
    "option": (("--vresion",), "--vresion"),
    "option of serve": (("serve", "echo", "--modle", "fork"), "--modle"),
    "nothing to serve": (("serve",), "missing argument 'WHAT[=ENDPOINT]...'"),
    "model": (
        ("serve", "echo", "--model", "prefork"),
        "'prefork' is not one of 'serial'",
    ),
    "over capacity": (("serve", "echo", "--over-capacity", "no"), "'wait', 'refuse'"),
    "duration": (("serve", "echo", "--grace", "5x"), "'5x' is no duration"),
    "below zero": (("serve", "echo", "--grace=-5s"), "'-5s' is no duration"),
    "no number": (("serve", "echo", "--backlog", "many"), "'many' is not a valid"),
    "too small": (
        ("serve", "echo=127.0.0.1:0", "--max-connections", "0"),
        "--max-connections must be at least 1, not 0",
    ),
    "backlog": (
        ("serve", "echo=127.0.0.1:0", "--backlog", "-1"),
        "--backlog must be at least 0",
    ),
    "per ip": (
        ("serve", "echo=127.0.0.1:0", "--max-connections-per-ip", "0"),
        "--max-connections-per-ip must be at least 1",
    ),
    "service": (("serve", "ehco"), "did you mean 'echo'?"),
    "network": (("serve", "echo=tpc://:7"), "did you mean 'tcp'?"),
    "colons": (("serve", "echo=host:1:2"), "too many colons"),
    "port": (("serve", "echo=:70000"), "not in 0-65535"),
    "ipv6": (("serve", "echo=::1:7"), "[::1]:7"),
    "nobody to dial": (("dial",), "missing argument 'ENDPOINT'"),
    "dial: no port": (("dial", "localhost"), "missing port"),
    "dial: only a port": (("dial", "7007"), "(write localhost:7007)"),
    "dial: port 0": (("dial", "localhost:0"), "nobody listens at 0"),
    "dial: empty port": (("dial", "localhost:"), "nobody listens at 0"),
    "dial: port": (("dial", "localhost:70000"), "not in 0-65535"),
    "dial: service": (("dial", "localhost:ehco"), "did you mean 'echo'?"),
    "dial: network": (("dial", "tpc://localhost:7"), "did you mean 'tcp'?"),
    "dial: ipv6": (("dial", "::1:7"), "[::1]:7"),
    "dial: zone": (("dial", "[fe80::1%nowhere0]:7"), "no interface 'nowhere0'"),
    "dial: timeout": (("dial", "localhost:7", "--timeout", "soon"), "is no duration"),
    "dial: no timeout": (("dial", "localhost:7", "--timeout", "0"), "no time at all"),
    "dial: retry": (("dial", "localhost:7", "--retry", "-1"), "-1"),
    "dial: no number": (
        ("dial", "localhost:7", "--retry", "x"),
        "'x' is not a valid whole number",
    ),
    "share": (
        ("serve", "forward::9=:0", "--loss", "a bit"),
        "'a bit' is no share (write 0.05, or 5%)",
    ),
    "share below zero": (
        ("serve", "forward::9=:0", "--loss", "-5%"),
        "--loss must be a share from 0 to 1, not -0.05",
    ),
    "forward": (("serve", "forward=:7"), "write forward:HOST:PORT=ENDPOINT"),
    "shell": (("completion", "tcsh"), "'bash', 'zsh', 'fish'"),
}


@pytest.mark.parametrize(("args", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_status_2(args, reason):
    done = portside(*args)
    assert (done.returncode, done.stdout) == (2, b"")
    error = done.stderr.decode()
    assert error.startswith("portside: ")
    assert error.count("\n") == 1
    assert reason in error


def test_options_come_from_the_environment_too_and_what_is_typed_wins():
    env = {"PORTSIDE_SERVE_GRACE": "whenever", "PORTSIDE_DIAL_TIMEOUT": "soon"}
    assert b"'whenever' is no duration" in portside("serve", "echo", env=env).stderr
    assert b"'soon' is no duration" in portside("dial", "localhost:7", env=env).stderr
    done = portside("serve", "ehco", "--grace", "1s", env=env)
    assert b"no such service" in done.stderr


BLAMED = {
    "PORTSIDE_SERVE_MODEL": ("bogus", "serve", "echo", "--model"),
    "PORTSIDE_SERVE_GRACE": ("soon", "serve", "echo", "--grace"),
    "PORTSIDE_SERVE_MAX_CONNECTIONS": ("0", "serve", "echo=:0", "--max-connections"),
    "PORTSIDE_SERVE_LOSS": ("2", "serve", "forward::9=:0", "--loss"),
    "PORTSIDE_SERVE_MAX_HEADERS": ("0", "serve", "./=:0", "--max-headers"),
    "PORTSIDE_DIAL_TIMEOUT": ("soon", "dial", "localhost:7", "--timeout"),
    "PORTSIDE_LOOKUP_TYPE": ("XX", "lookup", "a.test", "--type"),
    "PORTSIDE_LOOKUP_TIMEOUT": ("soon", "lookup", "a.test", "--timeout"),
}


@pytest.mark.parametrize("variable", BLAMED)
def test_a_mistake_is_blamed_on_the_variable_or_the_flag_that_has_it(variable):
    value, command, what, flag = BLAMED[variable]
    told = portside(command, what, env={variable: value})
    typed = portside(command, what, flag, value)
    assert told.returncode == typed.returncode == 2
    assert variable in told.stderr.decode()
    assert flag not in told.stderr.decode()
    assert flag in typed.stderr.decode()
    assert variable not in typed.stderr.decode()


def test_switches_that_contradict_each_other_are_named_as_they_were_set():
    env = {"PORTSIDE_DIAL_UDP": "1", "PORTSIDE_SERVE_LISTING": "1"}
    told = portside("dial", "x", "--unix", env=env).stderr
    assert told.startswith(b"portside: PORTSIDE_DIAL_UDP and --unix: one of them")
    told = portside("serve", "echo=:0", env=env).stderr
    assert told.startswith(b"portside: PORTSIDE_SERVE_LISTING: no directory here")


def test_the_page_about_running_has_every_status_as_help_has_it():
    page = Path(__file__).parent.parent.parent / "docs" / "reference" / "running.md"
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", page.read_text(), re.MULTILINE)
    assert [f"{status:>3}  {text}" for status, text in rows] == (
        status_table().splitlines()
    )


def test_nothing_happens_when_nobody_reads_the_help():
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    with reader:
        reader.wait(LONG)  # so the pipe has no reader when help is written
        done = subprocess.run(
            [*PORTSIDE, "--help"],
            stdout=reader.stdin,
            stderr=subprocess.PIPE,
            timeout=LONG,
            env=environment(),
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_start_is_quick(capsys):
    """Printed, and not asserted: a busy machine is not a slow program."""

    def cost(*command: str) -> float:
        took = []
        for _ in range(5):
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=environment())
            took.append(time.perf_counter() - began)
        return statistics.median(took) * 1000

    bare = cost(sys.executable, "-c", "pass")
    with capsys.disabled():
        for args in (("--version",), ("--help",), ("serve", "--help")):
            more = cost(*PORTSIDE, *args) - bare
            print(f"\nportside {' '.join(args)}: {more:.0f} ms over a bare interpreter")


@pytest.mark.parametrize(
    "words", [["--version"], ["--help"], ["completion", "bash"]], ids=" ".join
)
def test_a_full_disk_behind_stdout_is_one_line(words):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*PORTSIDE, *words], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert done.stderr == b"portside: stdout: no space left on device\n"
