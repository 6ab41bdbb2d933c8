"""A page that lists what is in a directory.

In       a directory of a tree; the path that led to it
Out      its entries; a page of HTML
Source   Go's http.FileServer: sorted, directories with a slash at their end
Holds    nothing
Fails    StatusError: 404, it is no directory; 403; 503

Only what could be asked for is listed: no hidden files, no devices, no names that no
path can have, no links that lead out. The page has no script and asks for nothing else;
names are escaped twice, for the URL and for the page.
"""

import html
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote_from_bytes

from portside.http.disk.lookup import is_hidden, is_name
from portside.http.disk.opening import OPEN_FLAGS, status_error
from portside.http.disk.tree import Tree

__all__ = ["MAX_ENTRIES", "Entry", "entries", "make_page", "page_of"]

MAX_ENTRIES = 10_000
"""What a page lists at the most: a guess at what a browser shows without trouble."""

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem }}
h1 {{ font-size: 1.2rem; overflow-wrap: anywhere }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .2rem .5rem; border-bottom: 1px solid #8884 }}
td:first-child {{ overflow-wrap: anywhere }}
td:nth-child(n+2), th:nth-child(n+2) {{ text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums }}
</style>
<h1>{title}</h1>
<table>
<tr><th>Name</th><th>Bytes</th><th>Changed (UTC)</th></tr>
{rows}</table>
{rest}</html>
"""
_ROW = (
    "<tr><td><a href='{link}'>{name}</a></td><td>{size}</td><td>{changed}</td></tr>\n"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or a directory.

    Attributes:
        name: as the system has it; of a directory with a slash.
        size: in bytes; None of a directory.
        modified: seconds since the epoch.
    """

    name: bytes
    size: int | None
    modified: float


def make_page(
    tree: Tree, segments: Sequence[bytes], path: str, *, hidden: bool
) -> bytes:
    """Return the page of a directory; waits for the disk.

    Raises:
        StatusError: there is no such directory, or we cannot read it.
    """
    found = entries(tree, segments, hidden=hidden)
    return page_of(found, path, is_top=not segments)


def entries(tree: Tree, segments: Sequence[bytes], *, hidden: bool) -> list[Entry]:
    """Return what is in a directory, sorted; one more than is listed if there are."""
    try:
        directory = tree.open(segments, OPEN_FLAGS | os.O_DIRECTORY)
    except OSError as error:
        raise status_error(error) from None
    found: list[Entry] = []
    try:
        with os.scandir(directory) as scanned:
            for each in scanned:
                name = os.fsencode(each.name)
                if not is_name(name):
                    continue
                if not hidden and is_hidden(name, at_the_top=not segments):
                    continue
                if (entry := _entry(tree, segments, name, directory)) is not None:
                    found.append(entry)
                if len(found) > MAX_ENTRIES:
                    break
    finally:
        os.close(directory)
    return sorted(found, key=lambda entry: entry.name)


def page_of(found: Sequence[Entry], path: str, *, is_top: bool) -> bytes:
    """Return the page that lists entries.

    Args:
        path: what is shown above, decoded.
        is_top: there is nothing above to go back to.
    """
    title = html.escape(f"Index of {path}")
    rows = [] if is_top else [_ROW.format(link="../", name="../", size="", changed="")]
    rows += [
        _ROW.format(
            link="./" + quote_from_bytes(entry.name, safe="/"),
            name=html.escape(entry.name.decode("utf-8", "replace")),
            size="" if entry.size is None else f"{entry.size:,}",
            changed=_moment(entry.modified),
        )
        for entry in found[:MAX_ENTRIES]
    ]
    rest = ""
    if len(found) > MAX_ENTRIES:
        rest = f"<p>There are more than these {MAX_ENTRIES:,}.</p>\n"
    return _PAGE.format(title=title, rows="".join(rows), rest=rest).encode()


def _moment(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):  # no calendar has it
        return ""


def _entry(
    tree: Tree, segments: Sequence[bytes], name: bytes, directory: int
) -> Entry | None:
    """Return an entry, if it is a file or a directory that can be asked for."""
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            # What it leads to, if that is inside.
            descriptor = tree.open([*segments, name])
            try:
                status = os.fstat(descriptor)
            finally:
                os.close(descriptor)
    except OSError:
        return None  # gone meanwhile, or it leads out
    if stat.S_ISDIR(status.st_mode):
        return Entry(name + b"/", None, status.st_mtime)
    if stat.S_ISREG(status.st_mode):
        return Entry(name, status.st_size, status.st_mtime)
    return None
