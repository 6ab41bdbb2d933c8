"""A process and its children: who they are, and whether they sleep."""

import os
import subprocess
import sys
import time

from bench.tree import is_asleep, process_tree


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


def test_children_and_theirs_are_found():
    code = "import os\nif not os.fork(): os.fork()\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as it:
        until(lambda: len(process_tree(it.pid)) == 3)
        it.communicate(b"\n\n\n")


def test_a_process_that_has_gone_has_no_children():
    with subprocess.Popen(["true"]) as it:
        it.wait()
    assert process_tree(it.pid) == [it.pid]


def test_who_waits_is_asleep_and_who_computes_is_not():
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as waits:
        until(lambda: is_asleep([waits.pid]))
        assert not is_asleep([waits.pid, os.getpid()])
        waits.communicate()
