"""The contract that every conn must meet.

In       a maker of pairs: two conns, each the other's peer
Out      nothing, if all of it holds
Source   golang.org/x/net/nettest; trio.testing's checks of streams; the rules of `Conn`
Holds    for each check, while it runs, a thread that ends it when it does not end
Fails    AssertionError: says which check, and what did not hold

A conn over something new (a stream of yours, a conn inside another model's handler) is
as good as the others when it passes. Each check gets a fresh pair of its own, and may
leave it in any state. The two ends may be anywhere, as long as this process holds both.

With pytest, one test for each check::

    @contextlib.contextmanager
    def pair():
        near, far = make_two_conns()
        with near, far:
            yield near, far


    @pytest.mark.parametrize("check", CHECKS)
    def test_it_is_a_conn(check):
        check_conn(pair, only=check)

A check that does not end is ended from a thread, by an abort of both conns and a
cancellation, and not by a `timeout` around it: it is the deadlines that are on trial.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType

from portside.engine import Task, call_as_task, cancel, current
from portside.errors import Cancelled
from portside.net import Conn
from portside.testing import (
    contract_closing,
    contract_deadlines,
    contract_nettest,
    contract_reading,
    contract_writing,
)
from portside.testing.contract_claims import TooSlow

__all__ = ["CHECKS", "CHECK_SECONDS", "Check", "MakePair", "check_conn"]

Check = Callable[[Conn, Conn], None]
"""Looks at the first of two conns; the second is its peer."""

MakePair = Callable[[], AbstractContextManager[tuple[Conn, Conn]]]
"""Returns a block in which there is a fresh pair; both are closed at its end."""

CHECK_SECONDS = 20.0
"""When a check is ended: the slowest takes about a second on a quiet machine."""

TRIES = 5
"""How often a check that measures time may be late: on a busy machine a thread can wait
100 ms for its turn, and five times in a row is no accident."""

CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        name: getattr(module, name)
        for module in (
            contract_nettest,
            contract_reading,
            contract_writing,
            contract_deadlines,
            contract_closing,
        )
        for name in module.__all__
    }
)
"""All checks, by the sentence that each of them claims."""


def check_conn(make_pair: MakePair, *, only: str | None = None) -> None:
    """Claim that the conns of a maker meet the contract.

    >>> from contextlib import nullcontext
    >>> from portside.net import pipe
    >>> check_conn(lambda: nullcontext(pipe()), only="a_long_transfer_arrives_whole")

    Args:
        make_pair: is called for each check, and closes what it made.
        only: the name of one check; None runs all, also after one has failed.

    Raises:
        AssertionError: what did not hold, a line for each check.
        KeyError: there is no check of this name.
    """
    checks = CHECKS if only is None else {only: CHECKS[only]}
    failures = []
    for name, check in checks.items():
        if (failure := _failure_of(check, make_pair)) is not None:
            failure.args = (f"{name}: {failure}",)
            failures.append(failure)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        lines = "\n".join(f"  {failure}" for failure in failures)
        told = f"{len(failures)} of {len(checks)} checks failed\n{lines}"
        raise AssertionError(told) from ExceptionGroup("each of them", failures)


def _failure_of(check: Check, make_pair: MakePair) -> AssertionError | None:
    for tries_left in reversed(range(TRIES)):
        try:
            _run(check, make_pair)
            break
        except AssertionError as failure:
            if not tries_left or not isinstance(failure, TooSlow):
                return failure
    return None


def _run(check: Check, make_pair: MakePair) -> None:
    with make_pair() as (near, far):
        watchdog = _Watchdog(near, far)
        ended_by: BaseException | None = None
        try:
            call_as_task(watchdog.watch, check)
        except (Exception, Cancelled) as error:  # noqa: BLE001  told as a failure
            ended_by = error
        if watchdog.has_bitten:
            told = f"timed out after {CHECK_SECONDS:.0f} s"
            raise AssertionError(told) from ended_by
        if isinstance(ended_by, Exception):
            raise _failure_in(ended_by)
        if ended_by is not None:
            raise ended_by


def _failure_in(error: Exception) -> AssertionError:
    """Return the one failure that a check, or a group of its tasks, ended with."""
    first = error
    while isinstance(first, ExceptionGroup):
        claims, others = first.split(AssertionError)
        first = (claims or others or first).exceptions[0]
    if isinstance(first, AssertionError):
        return first
    failure = AssertionError(f"{type(first).__name__} came unexpectedly: {first}")
    failure.__cause__ = error
    return failure


class _Watchdog:
    def __init__(self, near: Conn, far: Conn) -> None:
        self.has_bitten = False
        self._near = near
        self._far = far

    def watch(self, check: Check) -> None:
        timer = threading.Timer(CHECK_SECONDS, self._bite, (current(),))
        timer.daemon = True
        timer.start()
        try:
            check(self._near, self._far)
        finally:
            timer.cancel()
            timer.join()

    def _bite(self, task: Task) -> None:
        self.has_bitten = True
        self._near.abort()
        self._far.abort()
        cancel(task)
