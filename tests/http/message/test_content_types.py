"""What a file holds, by the suffix of its name."""

import mimetypes

import pytest

from portside.http.message.content_types import content_type_of

TYPES = {
    "index.html": "text/html; charset=utf-8",
    "INDEX.HTML": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "app.mjs": "text/javascript; charset=utf-8",
    "app.min.js": "text/javascript; charset=utf-8",
    "data.json": "application/json",
    "feed.xml": "application/xml",
    "a.svg": "image/svg+xml",
    "a.woff2": "font/woff2",
    "a.wasm": "application/wasm",
    "a.tar.gz": "application/gzip",
    "a.css.br": "application/octet-stream",
    "a.py": "text/x-python; charset=utf-8",  # of Python's own table
    "Makefile": "application/octet-stream",
    "a.nobody-knows": "application/octet-stream",
    "a.": "application/octet-stream",
    "": "application/octet-stream",
    "dir.html/Makefile": "application/octet-stream",
    "/srv/dir.d/a.txt": "text/plain; charset=utf-8",
    "n\u00e9e.txt": "text/plain; charset=utf-8",
}


@pytest.mark.parametrize(("name", "content_type"), TYPES.items())
def test_the_suffix_says_what_is_in_it(name, content_type):
    assert content_type_of(name) == content_type


def test_what_the_machine_or_the_program_registers_changes_nothing():
    before = content_type_of("a.nobody-knows")
    mimetypes.add_type("text/evil", ".nobody-knows")
    try:
        assert content_type_of("a.nobody-knows") == before
    finally:
        mimetypes.init()
