"""Server-Sent Events: an answer that goes on, one event after another.

In       events, as they happen
Out      the bytes of a text/event-stream
Source   the WHATWG's HTML standard, section 9.2 (its grammar in 9.2.5)
Holds    nothing
Fails    ValueError: an event whose parts would end a line

The browser reads it with ``EventSource``, and asks again by itself when it ends, with
the id of the last event that it has seen. A stream that is silent for long is cut by
something on its way: say None every quarter of a minute or so.

The grammar knows three ends of a line, CR LF, LF and CR, and no others. Python's
``splitlines`` knows many more (U+2028, form feed), and would cut the data where the
browser does not join it again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from portside.http.message.request import Request

__all__ = ["Event", "EventStream", "event_stream", "last_event_id"]

_LINE_END = re.compile(r"\r\n|\n|\r")

_COMMENT = b":\n\n"
"""What every reader skips: it only shows that somebody is there."""


@dataclass(frozen=True, slots=True)
class Event:
    r"""One event of a stream.

    >>> Event("two\nlines", event="note", id="7").encode()
    b'event: note\nid: 7\ndata: two\ndata: lines\n\n'

    Attributes:
        data: what happened, of any lines; None tells nobody, and only leaves the id
            and the time to wait.
        event: what kind of event it is; None is ``message``.
        id: what the browser sends back when it asks again; empty takes it back.
        retry: how long the browser waits before it asks again, in milliseconds.

    Raises:
        ValueError: an end of a line in event or id, or a NUL in id, for which browsers
            drop it; a retry that is no whole number.
    """

    data: str | None
    event: str | None = None
    id: str | None = None
    retry: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("event", self.event), ("id", self.id)):
            if value is not None and any(end in value for end in "\r\n\0"):
                raise ValueError(f"{name}={value!r} has an end of a line, or a NUL")
        if self.retry is not None and (type(self.retry) is not int or self.retry < 0):
            raise ValueError(f"retry={self.retry!r} is no number of milliseconds")

    def encode(self) -> bytes:
        """Return it as it is sent, with the empty line that ends it.

        Raises:
            UnicodeEncodeError: a half of a surrogate pair, which UTF-8 cannot carry.
        """
        lines = []
        if self.event is not None:
            lines.append(f"event: {self.event}\n")
        if self.id is not None:
            lines.append(f"id: {self.id}\n")
        if self.retry is not None:
            lines.append(f"retry: {self.retry}\n")
        if self.data is not None:
            # The space is dropped by the reader, and keeps one that is the data's own.
            lines += [f"data: {line}\n" for line in _LINE_END.split(self.data)]
        return f"{''.join(lines)}\n".encode()


def event_stream(items: Iterable[Event | str | None]) -> "EventStream":
    r"""Return the bytes of each event, as it comes.

    >>> list(event_stream(["hello", None]))
    [b'data: hello\n\n', b':\n\n']

    Args:
        items: a text is an event that has only data; None is a comment, which keeps the
            connection alive. If they have a ``close``, it is called when the stream is
            closed.
    """
    return EventStream(items)


class EventStream:
    """The bytes of events, one after another.

    No generator: one that was never begun, as when the request was a HEAD, would not
    pass its own close on to the items.
    """

    def __init__(self, items: Iterable[Event | str | None]) -> None:
        self._items = items
        self._iterator = iter(items)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        item = next(self._iterator)
        if item is None:
            return _COMMENT
        return (item if isinstance(item, Event) else Event(item)).encode()

    def close(self) -> None:
        """Close the items, if they can be closed."""
        close = getattr(self._items, "close", None)
        if close is not None:
            close()


def last_event_id(request: "Request") -> str | None:
    """Return the id of the last event that a browser saw which asks again.

    Returns:
        What was given as the ``id`` of an event; None when it asks for the first time.
    """
    value = request.headers.get("Last-Event-ID")
    if not value:
        return None
    try:
        return value.encode("latin-1").decode()  # it is sent as UTF-8
    except UnicodeError:
        return value
