"""The "did you mean" of the errors."""

import subprocess
import sys

import pytest

from portside.names.closest import did_you_mean

KNOWN = ["tcp", "tcp4", "tcp6"]


@pytest.mark.parametrize("word", ["tpc", "tc", "TCP", "ttcp"])
def test_a_slip_is_guessed(word):
    assert did_you_mean(word, KNOWN) == "; did you mean 'tcp'?"


@pytest.mark.parametrize("word", ["", "quic", "x" * 10_000])
def test_what_is_far_from_all_is_not_guessed(word):
    assert did_you_mean(word, KNOWN) == ""


def test_only_a_mistake_imports_difflib():
    code = "import sys, portside.names; print('difflib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
