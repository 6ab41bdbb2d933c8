"""Completion: scripts for three shells, and the words that fit."""

import shutil
import subprocess

import pytest

from tests.cli.running import LONG, portside


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(shell):
    done = portside("completion", shell)
    assert done.returncode == 0
    assert f"_PORTSIDE_COMPLETE={shell}_complete" in done.stdout.decode()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_read_its_script(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = portside("completion", shell).stdout
    done = subprocess.run([shell, "-n"], input=script, timeout=LONG, check=False)
    assert done.returncode == 0


WORDS = {
    "portside s": {"serve"},
    "portside dial --t": {"--timeout", "--trace-calls"},
    "portside serve ec": {"echo"},
    "portside serve --model f": {"fork"},
    "portside completion z": {"zsh"},
}


@pytest.mark.parametrize(("line", "words"), WORDS.items(), ids=WORDS)
def test_words_are_completed(line, words):
    env = {
        "_PORTSIDE_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }
    done = portside(env=env)
    assert done.returncode == 0
    offered = {
        each.partition(",")[2].strip() for each in done.stdout.decode().split("\n")
    }
    assert words == offered - {""}
