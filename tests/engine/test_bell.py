"""The bell: rung from anywhere, heard by poll."""

import os
import resource
import select

import pytest

from portside.engine.bell import Bell
from tests.engine.waiting import in_child


@pytest.fixture(params=["eventfd", "pipe"])
def new_bell(request, monkeypatch):
    if request.param == "pipe":
        monkeypatch.delattr(os, "eventfd")  # as on a system without
    return Bell


def is_heard(bell):
    poll = select.poll()
    poll.register(bell.fd, select.POLLIN)
    return bool(poll.poll(0))


def test_a_full_bell_does_not_block_who_rings(new_bell):
    bell = new_bell()
    for _ in range(70_000):  # over what a pipe holds
        bell.ring()
    assert is_heard(bell)


def test_an_eventfd_at_its_highest_count_does_not_block_who_rings():
    bell = Bell()
    os.write(bell.fd, (2**64 - 2).to_bytes(8, "little"))
    bell.ring()
    assert is_heard(bell)


def test_rings_before_it_is_silenced_are_one(new_bell):
    bell = new_bell()
    for _ in range(10):
        bell.ring()
    bell.silence()
    assert not is_heard(bell)


def test_silence_without_a_ring_returns_at_once(new_bell):
    bell = new_bell()
    bell.silence()
    assert not is_heard(bell)


def test_a_ring_after_the_silence_is_heard(new_bell):
    bell = new_bell()
    bell.ring()
    bell.silence()
    bell.ring()
    assert is_heard(bell)


def test_its_descriptors_are_closed_with_it(new_bell):
    bell = new_bell()
    fds = {bell.fd, bell._ring_fd}
    del bell
    for fd in fds:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_a_bell_that_could_not_be_made_leaves_nothing_behind():
    def run_out():
        used = max(int(fd) for fd in os.listdir("/proc/self/fd"))
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
        for fd in range(used):
            try:
                os.fstat(fd)
            except OSError:
                os.dup2(0, fd)
        with pytest.raises(OSError, match="Too many open files"):
            Bell()

    assert in_child(run_out) == 0


def test_a_program_that_is_executed_does_not_inherit_it(new_bell):
    bell = new_bell()
    assert not os.get_inheritable(bell.fd)
    assert not os.get_inheritable(bell._ring_fd)
