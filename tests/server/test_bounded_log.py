"""Troubles are told, and a flood of them is counted."""

import logging
import threading
import time

from portside.server.bounded_log import LOG_SECONDS, BoundedLog


def test_the_first_of_a_kind_is_told_and_the_next_are_counted(caplog):
    troubles = BoundedLog()
    begun = time.monotonic()
    for number in range(1000):
        troubles.warn(f"with {number}", "something is wrong")
    assert time.monotonic() - begun < LOG_SECONDS
    assert [each.getMessage() for each in caplog.records] == [
        "with 0: something is wrong"
    ]
    assert caplog.records[0].levelno == logging.WARNING


def test_after_a_second_the_next_one_tells_how_many_there_were(caplog):
    troubles = BoundedLog()
    for number in range(1, 4):
        troubles.warn(f"with {number}", "something is wrong")
    count = 2
    while len(caplog.records) < 2:
        troubles.warn("later", "something is wrong")
        count += 1
    more = f"({count - 1} more like this before)"
    assert caplog.records[1].getMessage() == f"later: something is wrong {more}"
    assert caplog.records[1].created - caplog.records[0].created > 0.9 * LOG_SECONDS


def test_one_kind_does_not_hide_another(caplog):
    troubles = BoundedLog()
    for kind in ("this", "that", "this", "that"):
        troubles.warn("here", kind)
    assert [each.getMessage() for each in caplog.records] == [
        "here: this",
        "here: that",
    ]


def test_an_error_is_told_as_one_with_where_it_was_raised(caplog):
    troubles = BoundedLog()
    try:
        raise RuntimeError("planned")
    except RuntimeError as error:
        troubles.warn("here", "failed", error)
    assert caplog.records[0].levelno == logging.ERROR
    assert "RuntimeError: planned" in caplog.text


def test_a_percent_sign_in_what_is_told_is_no_format(caplog):
    BoundedLog().warn("[fe80::1%eth0]:7", "100 %s", None)
    assert caplog.records[0].getMessage() == "[fe80::1%eth0]:7: 100 %s"


def test_what_another_thread_tells_meanwhile_is_counted():
    troubles = BoundedLog()
    told = []

    class Slow(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:  # without a lock
            told.append(record)
            if len(told) == 1:
                other = threading.Thread(target=troubles.warn, args=("there", "this"))
                other.start()
                other.join()
            return True

    logger = logging.getLogger("portside.server")
    logger.addHandler(slow := Slow())
    troubles.warn("here", "this")
    logger.removeHandler(slow)
    assert len(told) == 1
