"""The grammar of HTTP, as patterns: each with the rule that it stands for.

In       nothing
Out      compiled patterns, over bytes where the wire is read
Source   RFC 9110 section 5 (fields), RFC 9112 (messages), RFC 3986 section 3.2.2 (host)
Holds    nothing
Fails    never

The patterns are anchored by how they are used (``fullmatch``, ``match``), and none has
a repetition inside a repetition that could take the same text in two ways, so none
takes more than linear time.
"""

import re

__all__ = [
    "CHUNK_LINE",
    "FIELD",
    "FIELD_LINE",
    "FIELD_NAME",
    "FIELD_VALUE",
    "HOST",
    "NEXT_CHUNK_LINE",
    "REQUEST_LINE",
    "TOKEN",
]

# tchar: RFC 9110 section 5.6.2
_TCHAR = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_TOKEN = _TCHAR + rb"+"

TOKEN = re.compile(_TOKEN)
"""token = 1*tchar"""

# request-line = method SP request-target SP HTTP-version, RFC 9112 section 3. Browsers
# and curl leave some of what RFC 3986 wants encoded as it is (| ^ { } "), so every
# visible character may stand in a target; but not "#", which no client sends, and which
# servers and proxies read in different ways.
REQUEST_LINE = re.compile(
    rb"(" + _TOKEN + rb") ([\x21\x22\x24-\x7e]+) HTTP/([0-9])\.([0-9])\r\n"
)
"""A whole request line: method, target, major and minor version."""

# field-line = field-name ":" OWS field-value OWS; field-vchar is VCHAR or obs-text.
# No obs-fold: RFC 9112 section 5.2 lets a server refuse it.
FIELD_LINE = re.compile(rb"(" + _TOKEN + rb"):([\t\x20-\x7e\x80-\xff]*)\r\n")
"""A whole field line, with its end: name, and value with what surrounds it."""

FIELD = re.compile(
    rb"(" + _TOKEN + rb"):[\t ]*((?:[\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]*)?)"
)
"""The same without its end: name, and value from its first character that is no space,
as llhttp tells it."""

FIELD_NAME = re.compile(_TOKEN.decode())
"""A field's name, in text."""

FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""A field's value, in text: nothing that could end the line (RFC 9110 section 5.5)."""

# uri-host [":" port]. Of reg-name only what names of hosts are made of: the rest of
# RFC 3986's (sub-delims, percent) is in no name, and proxies differ about it.
HOST = re.compile(rb"([A-Za-z0-9._~-]*|\[[0-9A-Fa-f:.]+\])(?::([0-9]*))?")
"""What a Host field holds: host, port."""

# chunk-size [ chunk-ext ] CRLF, RFC 9112 section 7.1. Sixteen digits are 64 bits.
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
_CHUNK_LINE = (
    rb"([0-9A-Fa-f]{1,16})"
    rb"(?:[ \t]*;[ \t]*"
    + _TOKEN
    + rb"(?:[ \t]*=[ \t]*(?:"
    + _TOKEN
    + rb"|"
    + _QUOTED
    + rb"))?)*\r\n"
)
CHUNK_LINE = re.compile(_CHUNK_LINE)
"""The line before a chunk's data: its size."""

NEXT_CHUNK_LINE = re.compile(rb"\r\n" + _CHUNK_LINE)
"""The end of a chunk's data and the line of the next: its size."""
