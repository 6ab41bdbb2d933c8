"""The contract itself: what does not meet it is found, and said in a sentence."""

import contextlib
import re

import pytest

from portside import net
from portside.errors import ResetError
from portside.net import Conn
from portside.testing import contract
from portside.testing.contract import CHECKS, TRIES, check_conn
from portside.testing.contract_claims import TooSlow


@contextlib.contextmanager
def pipe_pair():
    near, far = net.pipe()
    with near, far:
        yield near, far


class Deaf(Conn):
    """A conn that hears nothing but the end."""

    def read(self, max_bytes=1):
        return b""


@contextlib.contextmanager
def deaf_pair():
    with pipe_pair() as (near, far):
        yield Deaf(near._stream), far


@pytest.fixture
def check(monkeypatch):
    """Adds a check to the contract: ``check(function)`` returns its name."""

    def add(function):
        added = {**CHECKS, function.__name__: function}
        monkeypatch.setattr(contract, "CHECKS", added)
        return function.__name__

    return add


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_is_named_by_a_sentence_and_says_why(name):
    assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+){2,}", name)
    assert CHECKS[name].__doc__


def test_a_conn_that_breaks_the_contract_is_found():
    with pytest.raises(AssertionError) as caught:
        check_conn(deaf_pair, only="a_read_returns_what_is_there")
    told = str(caught.value).splitlines()[0]
    assert told == (
        "a_read_returns_what_is_there: a read does not return the byte that came"
    )


def test_an_error_that_nobody_expected_is_told(check):
    def it_is_reset(near, far):
        raise ResetError(op="read", network="pipe")

    with pytest.raises(AssertionError, match="it_is_reset: ResetError came"):
        check_conn(pipe_pair, only=check(it_is_reset))


def test_a_check_that_hangs_is_ended(check, monkeypatch):
    def it_hangs(near, far):
        near.read()

    monkeypatch.setattr(contract, "CHECK_SECONDS", 0.05)
    with pytest.raises(AssertionError, match="it_hangs: timed out after 0 s"):
        check_conn(pipe_pair, only=check(it_hangs))


def test_a_check_that_hangs_elsewhere_is_ended(check, monkeypatch):
    def it_sleeps(near, far):
        while True:
            net.pipe()[0].read()

    monkeypatch.setattr(contract, "CHECK_SECONDS", 0.05)
    with pytest.raises(AssertionError, match="it_sleeps: timed out"):
        check_conn(pipe_pair, only=check(it_sleeps))


@pytest.mark.parametrize("n_late", [1, TRIES - 1])
def test_a_check_may_be_late_a_few_times(check, n_late):
    pairs = []

    def it_is_late(near, far):
        pairs.append(near)
        if len(pairs) <= n_late:
            raise TooSlow("late")

    check_conn(pipe_pair, only=check(it_is_late))
    assert len(set(pairs)) == n_late + 1


def test_a_check_may_not_be_late_each_time(check):
    def it_is_late(near, far):
        raise TooSlow("late")

    with pytest.raises(AssertionError, match="it_is_late: late"):
        check_conn(pipe_pair, only=check(it_is_late))


def test_all_checks_are_tried_though_one_fails(monkeypatch):
    def one_thing_fails(near, far):
        raise AssertionError("one")

    def another_thing_holds(near, far):
        near.write(b"x")

    def a_third_thing_fails(near, far):
        raise AssertionError("three")

    checks = {
        each.__name__: each
        for each in (one_thing_fails, another_thing_holds, a_third_thing_fails)
    }
    monkeypatch.setattr(contract, "CHECKS", checks)
    with pytest.raises(AssertionError) as caught:
        check_conn(pipe_pair)
    assert str(caught.value).splitlines() == [
        "2 of 3 checks failed",
        "  one_thing_fails: one",
        "  a_third_thing_fails: three",
    ]


def test_both_ends_are_closed_after_a_check(check):
    pair: list[Conn] = []

    def it_leaves_them_open(near, far):
        pair.extend((near, far))

    check_conn(pipe_pair, only=check(it_leaves_them_open))
    assert [each.closed for each in pair] == [True, True]


def test_a_check_of_no_name_is_an_error():
    with pytest.raises(KeyError):
        check_conn(pipe_pair, only="no_such_check")
