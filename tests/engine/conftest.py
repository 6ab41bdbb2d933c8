"""What every test of the engine must leave as it was."""

import gc
import os

import pytest

from portside.engine import current, now
from portside.errors import DeadlineError
from tests.engine.waiting import keep_parking, no_other_threads, until


def _open_fds() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def _left_as_it_was():
    """No thread, descriptor or cancellation stays behind."""
    with pytest.raises(DeadlineError):  # now this thread has its bell, and no permit
        keep_parking(now() + 0.0005)
    before = _open_fds()
    yield
    task = current()
    assert (task.reasons, task.cancel_at, task.shields) == (set(), None, 0)

    def nothing_is_left() -> bool:
        no_other_threads()
        if _open_fds() - before:
            gc.collect()
        return not _open_fds() - before  # fewer, if garbage of an earlier test went

    until(nothing_is_left)
