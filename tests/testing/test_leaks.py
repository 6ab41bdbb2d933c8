import itertools
import os
import subprocess
import sys
import threading

import pytest

from portside.engine import sleep
from portside.testing import leaks
from portside.testing.leaks import no_leaks


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "WAIT_SECONDS", 0.05)


def test_nothing_left_is_fine() -> None:
    with no_leaks():
        os.close(os.dup(1))


def test_a_descriptor_that_is_left_is_told_with_what_it_is() -> None:
    with pytest.raises(AssertionError, match=r"left behind: descriptor \d+ \(pipe:"):
        with no_leaks():
            reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)


def test_a_thread_that_is_left_is_told_by_its_name() -> None:
    let_go = threading.Event()
    thread = threading.Thread(target=let_go.wait, name="forgotten")
    with pytest.raises(AssertionError, match="thread forgotten"):
        with no_leaks():
            thread.start()
    let_go.set()
    thread.join()


def test_a_child_that_is_left_is_told() -> None:
    with pytest.raises(AssertionError, match="child"):
        with no_leaks():
            child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1)
    child.communicate()


def test_what_goes_a_moment_later_is_no_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "WAIT_SECONDS", 20.0)
    with no_leaks():
        threading.Timer(0.05, lambda: None).start()


def test_what_a_thread_waits_with_is_no_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays as long as the thread; nor does it take a moment to be there."""
    # As on a machine that is held up: the moments that are waited for are over.
    monkeypatch.setattr(leaks, "now", itertools.count().__next__)
    told: list[BaseException] = []

    def wait_for_the_first_time() -> None:
        try:
            with no_leaks():
                sleep(0.001)
        except AssertionError as error:
            told.append(error)

    thread = threading.Thread(target=wait_for_the_first_time)
    thread.start()
    thread.join()
    assert told == []
