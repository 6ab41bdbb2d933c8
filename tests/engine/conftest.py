"""What every test of the engine must leave as it was, and the engines by name."""

import gc
import os
from collections.abc import Callable
from typing import Any

import pytest

from portside.engine import current, now
from portside.engine.hub import Hub
from portside.engine.poller import EpollPoller, Poller, SelectorsPoller
from portside.errors import DeadlineError
from tests.engine.waiting import keep_parking, no_other_threads, until, watched

POLLERS: dict[str, Callable[[], Poller]] = {
    "hub-epoll": EpollPoller,
    "hub-selectors": SelectorsPoller,
}


@pytest.fixture(params=["blocking", *POLLERS])
def engine(request: pytest.FixtureRequest) -> str:
    """Run the body of the test on each engine: in a hub it is the first task."""
    return str(request.param)


@pytest.fixture(params=POLLERS)
def hub(request: pytest.FixtureRequest) -> str:
    """Run the body of the test as the first task of a hub, with each poller."""
    return str(request.param)


@pytest.fixture(params=POLLERS)
def new_hub(request: pytest.FixtureRequest) -> Callable[[], Hub]:
    """Return what makes a hub, with each poller; the body itself runs in none."""
    return lambda: Hub(POLLERS[request.param]())


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run the body of a test where its fixture `engine` or `hub` says."""
    given: dict[str, Any] = pyfuncitem.funcargs
    name = given.get("hub") or given.get("engine")
    if name not in POLLERS:
        return None
    wanted = pyfuncitem._fixtureinfo.argnames
    Hub(POLLERS[name]()).run(
        lambda: pyfuncitem.obj(**{each: given[each] for each in wanted})
    )
    return True


def _open_fds() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def _left_as_it_was():
    """No thread, descriptor, watch or cancellation stays behind."""
    task = current()
    task.was_told = False  # or what an earlier test said would choose the way of a wait
    with pytest.raises(DeadlineError):  # now this thread has its bell, and no permit
        keep_parking(now() + 0.0005)
    before, watches = _open_fds(), watched()
    yield
    assert current() is task
    assert (task.reasons, task.cancel_at, task.shields) == (set(), None, 0)
    assert watched() == watches

    def nothing_is_left() -> bool:
        no_other_threads()
        if _open_fds() - before:
            gc.collect()
        return not _open_fds() - before  # fewer, if garbage of an earlier test went

    until(nothing_is_left)
