"""How messages look on the wire.

What flows in are bytes; what flows out is what they say, or the refusal of a request
that says it in a way that two readers could take differently. Nothing here reads a
socket: a test needs no port and no clock.

In reading order: `head` (of a request), `chunk` (the lines between the pieces of a
body), `reply` (the head of an answer, to bytes).

May import `http.grammar` and `http.message`. RFC 9112.
"""

__all__: list[str] = []  # each name is imported from its file
