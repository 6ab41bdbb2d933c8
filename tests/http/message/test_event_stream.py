"""Server-Sent Events: what is written, and what a browser reads of it."""

import pytest

from portside.http.message.event_stream import Event, event_stream, last_event_id
from portside.http.message.request import Request

WRITTEN = {
    "data": (Event("hello"), b"data: hello\n\n"),
    "no data at all": (Event(None, id="7"), b"id: 7\n\n"),
    "empty data": (Event(""), b"data: \n\n"),
    "lines": (Event("a\nb\r\nc\rd"), b"data: a\ndata: b\ndata: c\ndata: d\n\n"),
    "an empty line inside": (Event("a\n\nb"), b"data: a\ndata: \ndata: b\n\n"),
    "a line feed at the end": (Event("a\n"), b"data: a\ndata: \n\n"),
    "a space of its own": (Event(" a"), b"data:  a\n\n"),
    "ends of lines that are none here": (
        Event("a\x0bb\x0cc\x85d\u2028e"),
        "data: a\x0bb\x0cc\x85d\u2028e\n\n".encode(),
    ),
    "a nul in the data": (Event("a\0b"), b"data: a\0b\n\n"),
    "an event's name": (Event("a", event="note"), b"event: note\ndata: a\n\n"),
    "an id": (Event("a", id="\u20ac"), b"id: \xe2\x82\xac\ndata: a\n\n"),
    "an id that is taken back": (Event("a", id=""), b"id: \ndata: a\n\n"),
    "a time to wait": (Event(None, retry=0), b"retry: 0\n\n"),
    "everything": (
        Event("a", "note", "7", 1500),
        b"event: note\nid: 7\nretry: 1500\ndata: a\n\n",
    ),
}

REFUSED = {
    "a line feed in the name": {"event": "a\ndata: forged"},
    "a carriage return in the name": {"event": "a\r"},
    "a nul in the name": {"event": "a\0"},
    "a line feed in the id": {"id": "7\n\n"},
    "a carriage return in the id": {"id": "\r7"},
    "a nul in the id": {"id": "7\0"},
    "a time below nothing": {"retry": -1},
    "half a millisecond": {"retry": 0.5},
    "a truth for a time": {"retry": True},
    "a text for a time": {"retry": "5"},
}


@pytest.mark.parametrize(("event", "raw"), WRITTEN.values(), ids=WRITTEN)
def test_an_event_is_written(event, raw):
    assert event.encode() == raw


@pytest.mark.parametrize("parts", REFUSED.values(), ids=REFUSED)
def test_what_would_end_a_line_or_be_dropped_is_refused(parts):
    with pytest.raises(ValueError, match=f"^{next(iter(parts))}="):
        Event("data", **parts)


def test_half_of_a_character_is_refused_and_not_sent_as_another():
    with pytest.raises(UnicodeEncodeError):
        Event("\ud800").encode()


def test_texts_events_and_nothings_are_a_stream():
    stream = event_stream(["a", Event("b", id="2"), None, "c"])
    assert list(stream) == [
        b"data: a\n\n",
        b"id: 2\ndata: b\n\n",
        b":\n\n",
        b"data: c\n\n",
    ]


def test_an_event_is_given_out_before_the_next_is_asked_for():
    asked = []

    def items():
        for number in range(3):
            asked.append(number)
            yield str(number)

    stream = event_stream(items())
    assert next(stream) == b"data: 0\n\n"
    assert asked == [0]
    stream.close()


def test_to_close_a_stream_closes_what_it_is_made_of():
    closed = []

    def items():
        try:
            while True:
                yield "tick"
        finally:
            closed.append(True)

    stream = event_stream(items())
    next(stream)
    stream.close()
    stream.close()
    assert closed == [True]
    with pytest.raises(StopIteration):
        next(stream)


def test_a_stream_that_was_never_begun_closes_what_it_is_made_of():
    class Subscription:
        closed = False

        def __iter__(self):
            yield "never asked for"

        def close(self):
            self.closed = True

    subscription = Subscription()
    event_stream(subscription).close()
    assert subscription.closed


def test_a_list_needs_no_close():
    event_stream(["a"]).close()


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ({}, None),
        ({"Last-Event-ID": ""}, None),
        ({"last-event-id": "7"}, "7"),
        ({"Last-Event-ID": "\xe2\x82\xac"}, "\u20ac"),
        ({"Last-Event-ID": "\xe9"}, "\xe9"),
    ],
    ids=["first time", "empty", "a number", "utf-8", "latin-1"],
)
def test_a_browser_that_asks_again_says_what_it_saw(headers, seen):
    assert last_event_id(Request.build("GET", "/", headers=headers)) == seen
