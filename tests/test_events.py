"""Events: hooks that come, go and fail while others are called."""

import logging
import sys
import threading

import pytest

from portside.events import Event, socket_call


@pytest.fixture
def event():
    return Event[[str]]("something")


def test_a_hook_that_fails_is_taken_off_and_the_others_are_called(event, caplog):
    seen: list[str] = []

    def fail(what):
        raise ValueError(what)

    event.add(fail)
    event.add(seen.append)
    with caplog.at_level(logging.ERROR, logger="portside.events"):
        event("first")
        event("second")
    assert seen == ["first", "second"]
    assert event.hooks == (seen.append,)
    assert [record.getMessage() for record in caplog.records] == [
        "a hook of the event 'something' failed and was taken off"
    ]


def test_hooks_added_and_removed_by_many_threads_at_once_are_all_seen(event):
    def add_and_remove():
        for _ in range(500):

            def hook(what):
                pass

            event.add(hook)
            assert hook in event.hooks
            event.remove(hook)

    stays = [lambda what, number=number: number for number in range(4)]
    threads = [threading.Thread(target=add_and_remove) for _ in range(4)]
    threads += [threading.Thread(target=event.add, args=(hook,)) for hook in stays]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(before)
    assert set(event.hooks) == set(stays)


def test_a_hook_may_remove_itself_while_it_is_called(event):
    seen = []

    def once(what):
        seen.append(what)
        event.remove(once)

    event.add(once)
    event("first")
    event("second")
    assert seen == ["first"]


def test_a_hook_added_by_a_hook_is_called_from_the_next_time_on(event):
    seen: list[str] = []
    event.add(lambda what: None if event.hooks[1:] else event.add(seen.append))
    event("first")
    event("second")
    assert seen == ["second"]


def test_hooks_are_called_in_the_order_in_which_they_were_added(event):
    seen = []
    event.add(lambda what: seen.append("one"))
    event.add(lambda what: seen.append("other"))
    event("x")
    assert seen == ["one", "other"]


def test_what_ends_the_program_is_not_held_up_by_a_hook(event):
    def interrupt(what):
        raise KeyboardInterrupt

    event.add(interrupt)
    with pytest.raises(KeyboardInterrupt):
        event("x")


def test_removing_what_was_not_added_is_silent(event):
    event.remove(print)
    assert event.hooks == ()


def test_a_bound_method_is_removed_by_its_like(event):
    seen: list[str] = []
    event.add(seen.append)
    event.remove(seen.append)
    assert event.hooks == ()


def test_an_event_without_hooks_has_nothing_to_call(event):
    event("x")
    assert not event.hooks


def test_nobody_listens_to_the_calls_of_sockets_unless_asked():
    assert socket_call.name == "socket_call"
    assert socket_call.hooks == ()
