"""What a file holds, by the suffix of its name.

In       a name
Out      a media type, with a charset for text
Source   the IANA registry of media types; RFC 9239 for JavaScript
Holds    the table of the web's usual types; Python's own table for the others
Fails    never: what nobody knows is application/octet-stream

The table comes first, and the files of the machine (``/etc/mime.types``) never count:
they differ from one machine to the next, and so would what browsers do with our answer.
Text is taken for UTF-8, as nearly all of it is. XML is not: it says its charset itself,
and a parameter would be believed more (RFC 7303 section 3.2).
"""

import functools
from mimetypes import MimeTypes

__all__ = ["content_type_of"]

_UNKNOWN = "application/octet-stream"

_TYPES = {
    # pages, and what belongs to them
    "html": "text/html",
    "htm": "text/html",
    "xhtml": "application/xhtml+xml",
    "css": "text/css",
    "js": "text/javascript",
    "mjs": "text/javascript",
    "wasm": "application/wasm",
    "json": "application/json",
    "jsonld": "application/ld+json",
    "map": "application/json",
    "webmanifest": "application/manifest+json",
    "xml": "application/xml",
    "rss": "application/rss+xml",
    "atom": "application/atom+xml",
    # text
    "txt": "text/plain",
    "log": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "ics": "text/calendar",
    "vtt": "text/vtt",
    # pictures
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "ico": "image/vnd.microsoft.icon",
    # sound and films
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "webm": "video/webm",
    "ogv": "video/ogg",
    "mov": "video/quicktime",
    # fonts
    "woff": "font/woff",
    "woff2": "font/woff2",
    "ttf": "font/ttf",
    "otf": "font/otf",
    # documents and archives
    "pdf": "application/pdf",
    "epub": "application/epub+zip",
    "zip": "application/zip",
    "gz": "application/gzip",
    "tgz": "application/gzip",
    "bz2": "application/x-bzip2",
    "xz": "application/x-xz",
    "zst": "application/zstd",
    "br": _UNKNOWN,  # no type is registered
    "tar": "application/x-tar",
    "7z": "application/x-7z-compressed",
}


def content_type_of(name: str) -> str:
    """Return the value of Content-Type for a file of this name.

    >>> content_type_of("style.CSS"), content_type_of("Makefile")
    ('text/css; charset=utf-8', 'application/octet-stream')
    """
    _, dot, suffix = name.rpartition("/")[2].rpartition(".")
    if not dot:
        return _UNKNOWN
    suffix = suffix.lower()
    kind = _TYPES.get(suffix) or _pythons_table().get(f".{suffix}", _UNKNOWN)
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


@functools.cache
def _pythons_table() -> dict[str, str]:
    return MimeTypes().types_map[True]  # made without files: what Python brings along
