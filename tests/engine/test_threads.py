"""Threads: used again, and gone when there is nothing to do."""

import io
import sys
import threading
import weakref
from functools import partial

import pytest

from portside.engine import threads
from portside.engine.threads import Threads, pool
from tests.engine.waiting import in_child, until


@pytest.fixture
def crew():
    crew = Threads()
    yield crew

    def is_gone():
        crew.trim()
        return not crew._idle and threading.active_count() == 1

    until(is_gone)


def run(crew, function):
    """Run function there and return what it returned, once its thread is idle."""
    box = []
    crew.run(lambda: box.append(function()))
    until(lambda: box and crew._idle)
    return box[0]


def test_no_job_is_lost_between_a_thread_that_ends_and_one_who_takes_it(
    crew, monkeypatch
):
    """The idle time is over in the very moment in which the next job comes."""
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.0002)
    done: list[int] = []
    for number in range(1000):
        crew.run(partial(done.append, number))
        if number % 3 == 0:
            until(partial(done.__contains__, number))
    until(lambda: len(done) == 1000)
    assert sorted(done) == list(range(1000))


def test_no_job_is_lost_to_a_trim_that_races_with_it(crew):
    done: list[int] = []
    is_over = False

    def trim_often():
        while not is_over:
            crew.trim()

    trimmer = threading.Thread(target=trim_often)
    trimmer.start()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    for number in range(1000):
        crew.run(partial(done.append, number))
    until(lambda: len(done) == 1000)
    sys.setswitchinterval(before)
    is_over = True
    trimmer.join()
    assert sorted(done) == list(range(1000))


def test_an_idle_thread_is_used_again(crew):
    first = run(crew, threading.get_ident)
    assert [run(crew, threading.get_ident) for _ in range(5)] == [first] * 5


def test_jobs_that_block_each_get_a_thread(crew):
    barrier = threading.Barrier(10, timeout=10)
    done = []
    for _ in range(10):
        crew.run(lambda: done.append(barrier.wait()))
    until(lambda: len(done) == 10)
    assert sorted(done) == list(range(10))


def test_an_idle_thread_ends_after_a_while(crew, monkeypatch):
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.001)
    crew.run(lambda: None)
    until(lambda: threading.active_count() == 1)
    assert crew._idle == []


def test_trim_ends_the_idle_threads_now(crew):
    run(crew, int)
    crew.trim()
    until(lambda: threading.active_count() == 1)


def test_what_is_to_be_done_at_a_threads_end_is_done_on_that_thread(crew):
    ended = []
    crew.at_thread_end = lambda: ended.append(threading.get_ident())
    ident = run(crew, threading.get_ident)
    assert ended == []
    crew.trim()
    until(lambda: ended)
    assert ended == [ident]


def test_trim_leaves_a_thread_at_work_alone(crew):
    go_on, done = threading.Event(), threading.Event()

    def work():
        go_on.wait(10)
        done.set()

    crew.run(work)
    crew.trim()
    go_on.set()
    assert done.wait(10)


def test_a_thread_at_work_when_the_others_are_trimmed_ends_after_its_job(
    crew, monkeypatch
):
    monkeypatch.setattr(threads, "IDLE_SECONDS", 100.0)
    go_on = threading.Event()
    crew.run(lambda: go_on.wait(10))
    crew.trim()
    go_on.set()
    until(lambda: threading.active_count() == 1)
    assert crew._idle == []


def test_an_idle_thread_keeps_nothing_of_its_last_job_alive(crew):
    class Big:
        pass

    def start():
        big = Big()
        crew.run(lambda: print(big, end="", file=io.StringIO()))
        return weakref.ref(big)

    big = start()
    until(lambda: crew._idle)
    assert big() is None


def test_the_threads_do_not_keep_the_process_from_ending(crew):
    assert run(crew, lambda: threading.current_thread().daemon)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_child_uses_none_of_its_parents_threads():
    done = threading.Event()
    pool.run(done.set)
    assert done.wait(10)
    until(lambda: pool._idle)

    def work():
        assert pool._idle == []
        done.clear()
        pool.run(done.set)
        assert done.wait(10)

    assert in_child(work, alone=False) == 0
