"""Which file the path of a request stands for.

In       the path of a request, still percent-encoded; what its client accepts
Out      an open file and its coding; or that a directory stands there
Source   RFC 3986 section 2.1; RFC 8615 (``/.well-known/``)
Holds    nothing
Fails    StatusError: 404, it names nothing that may be sent; 403; 503

A path is split first and decoded after that, once: so an encoded slash is a part of a
name, which no file has, and ``%252e`` is a name with a percent sign. A segment with a
control or a backslash in it is not looked for: on other systems they are more than a
part of a name, and no page needs one. ``..`` is not looked for either; a mux has taken
it out of the path, and so has every browser.
"""

import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from portside.http.disk.encodings import SUFFIXES
from portside.http.disk.opening import status_error
from portside.http.disk.tree import Tree
from portside.http.message.file_body import FileBody
from portside.http.message.status_error import StatusError

__all__ = ["Wanted", "find", "is_hidden", "is_name", "wanted"]

_WELL_KNOWN = b".well-known"
_DOT = ord(".")

_MALFORMED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_IN_NAMES = re.compile(rb"[\x00-\x1f\x7f/\\]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a path asks for.

    Attributes:
        segments: the names on the way, decoded.
        is_directory: it ends in a slash, or means the same.
    """

    segments: tuple[bytes, ...]
    is_directory: bool


def wanted(raw_path: str, *, hidden: bool) -> Wanted:
    """Return what a path asks for.

    >>> wanted("/a%20b//./c/", hidden=False)
    Wanted(segments=(b'a b', b'c'), is_directory=True)

    Raises:
        StatusError: 404, there can be no such file, or it is hidden.
    """
    if raw_path[:1] != "/":
        raise StatusError(404)
    segments = raw_path.encode().split(b"/")
    if "%" in raw_path:
        if _MALFORMED.search(raw_path):
            raise StatusError(404)
        segments = [unquote_to_bytes(each) for each in segments]
    names = tuple(each for each in segments if each and each != b".")
    for at, name in enumerate(names):
        if not is_name(name):
            raise StatusError(404)
        if name[0] == _DOT and not hidden and is_hidden(name, at_the_top=at == 0):
            raise StatusError(404)
    return Wanted(names, segments[-1] in (b"", b"."))


def is_name(name: bytes) -> bool:
    """Whether a file of this name is looked for."""
    return name != b".." and _NOT_IN_NAMES.search(name) is None


def is_hidden(name: bytes, *, at_the_top: bool) -> bool:
    """Whether a file is kept back: its name begins with a dot.

    Not so ``/.well-known``, which is there to be found by others (RFC 8615).
    """
    return name.startswith(b".") and not (at_the_top and name == _WELL_KNOWN)


def find(
    tree: Tree, segments: Sequence[bytes], codings: Sequence[str], *, cached: bool
) -> tuple[FileBody, str] | None:
    """Return an open file, and its coding or ""; None where a directory stands there.

    Args:
        codings: of which it may be, best first. One that is older than the file itself,
            by whole seconds as archives keep them, was forgotten and is not taken.
        cached: do not read the disk.

    Raises:
        StatusError: 404, 403 or 503.
        BlockingIOError: cached, and the disk would have to be read.
    """
    try:
        plain = _open_file(tree, segments, "", cached=cached)
    except BlockingIOError:
        if cached:
            raise
        raise StatusError(503) from None  # renamed again and again as we looked
    except OSError as error:
        raise status_error(error) from None
    if plain is None:
        return None
    for coding in codings:
        name = segments[-1] + SUFFIXES[coding]
        try:
            other = _open_file(tree, [*segments[:-1], name], coding, cached=cached)
        except BlockingIOError:
            if cached:
                plain.close()
                raise
            continue
        except OSError:
            continue  # nothing there, or nothing for us
        if other is not None and _seconds(other) >= _seconds(plain):
            plain.close()
            return other, coding
        if other is not None:
            other.close()
    return plain, ""


def _open_file(
    tree: Tree, segments: Sequence[bytes], variant: str, *, cached: bool
) -> FileBody | None:
    """Return an open regular file; None for a directory."""
    descriptor = tree.open(segments, cached=cached)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode):
        body = FileBody()
        body.take(descriptor, status, variant)
        return body
    os.close(descriptor)
    if stat.S_ISDIR(status.st_mode):
        return None
    raise StatusError(404)


def _seconds(body: FileBody) -> int:
    return body.modified or 0
