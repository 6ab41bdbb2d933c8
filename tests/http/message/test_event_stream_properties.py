"""Server-Sent Events beside a reader that is written from the standard's other side."""

import re

from hypothesis import given
from hypothesis import strategies as st

from portside.http.message.event_stream import Event, event_stream

texts = st.text(st.characters(exclude_categories=["Cs"]))
lines = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))
events = st.builds(
    Event,
    texts | st.none(),
    event=lines | st.none(),
    id=lines | st.none(),
    retry=st.integers(0, 10**9) | st.none(),
)


def read(raw):
    """Do what section 9.2.6 has a browser do: (type, data, last id) of each event."""
    found, data, kind, last_id = [], "", "", ""
    for line in re.split(r"\r\n|\n|\r", raw.decode().removeprefix("\ufeff")):
        if not line:
            if data:
                found.append((kind or "message", data.removesuffix("\n"), last_id))
            data = kind = ""
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data += f"{value}\n"
        elif name == "event":
            kind = value
        elif name == "id":
            last_id = value
    return found


@given(st.lists(events | texts | st.none()))
def test_a_browser_reads_what_was_written(items):
    expected, last_id = [], ""
    for item in items:
        event = Event(item) if isinstance(item, str) else item
        if event is None:
            continue
        if event.id is not None:
            last_id = event.id
        if event.data is not None:
            data = re.sub(r"\r\n|\r", "\n", event.data)
            expected.append((event.event or "message", data, last_id))
    assert read(b"".join(event_stream(items))) == expected


@given(texts)
def test_no_name_or_id_adds_a_line(text):
    for part in ("event", "id"):
        try:
            raw = Event("x", **{part: text}).encode()
        except ValueError:
            continue
        assert len(re.split(rb"\r\n|\n|\r", raw)) == 4
