"""A file that somebody sent with a form.

In       what the part of a multipart form said of itself, and its bytes
Out      the bytes as a file, and what the client calls it
Source   RFC 7578 section 4
Holds    the file, in memory or without a name on the disk; its form closes it
Fails    never

All but the bytes is the client's word. The name is what it had on another computer, or
what somebody made up to be written where this server would rather not: no directory is
left in it, and nothing that would not show. It may still be empty, come twice, or be
``.bashrc``: choose the name under which a file is kept yourself.
"""

from dataclasses import dataclass, field
from typing import IO

from portside.http.message.headers import Headers

__all__ = ["FormFile", "bare_filename"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFile:
    """A file in a form.

    Attributes:
        name: of the field.
        filename: what the client calls it: the last part alone; "" where nothing is
            left of it.
        content_type: what the client says it is.
        headers: all that the part says of itself.
        size: in bytes.
        file: its bytes, to be read from the beginning.
    """

    name: str
    filename: str
    content_type: str
    headers: Headers = field(repr=False)
    size: int
    file: IO[bytes] = field(repr=False)


def bare_filename(text: str) -> str:
    r"""Return the last part of a path, of what shows.

    >>> (
    ...     bare_filename("C:\\letters\\dear.txt"),
    ...     bare_filename("../.."),
    ...     bare_filename("a"),
    ... )
    ('dear.txt', '', 'a')
    """
    last = text.replace("\\", "/").rpartition("/")[2]
    # No controls; no marks either that turn the direction of a text, so that a name
    # ending in "exe" reads as one ending in "txt".
    shown = "".join(each for each in last if each.isprintable()).strip()
    return "" if shown in (".", "..") else shown
