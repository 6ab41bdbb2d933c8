"""Make one spelling of a path: without ``.``, ``..`` and ``//``.

In       the path of a request, still percent-encoded: /a//b/../c
Out      the path that means the same: /a/c
Source   RFC 3986 section 5.2.4 for the dots, section 6.2.2.2 for those that are
         percent-encoded; Go's ``path.Clean`` for the empty segments, which do not count
Holds    nothing
Fails    never

Two spellings of one path are a way around whoever looks at paths: a proxy that keeps
strangers out of ``/admin`` and does not know ``//admin`` or ``/x/%2e%2e/admin``. That
is why the dots are taken for dots in their encoded spelling too: RFC 3986 says that
they mean the same, and browsers read them so before they send. (Go's mux does not.)
What is encoded and is no whole segment of dots stays as it is: in ``..%2Fetc`` the
slash is a part of a name.

What comes out begins with one slash and not with two: a browser would take ``//name``
for another host.
"""

from urllib.parse import unquote

__all__ = ["clean_path"]


def clean_path(path: str) -> str:
    """Return the clean spelling of a path; the same object if it is clean.

    >>> (
    ...     clean_path("/a//b/../c"),
    ...     clean_path("/a/%2E%2e/b/"),
    ...     clean_path("//evil.com/.."),
    ... )
    ('/a/c', '/b/', '/')
    """
    if path.startswith("/") and not _may_be_unclean(path):
        return path
    kept: list[str] = []
    segment = ""
    for segment in path.split("/"):
        name = unquote(segment) if "%" in segment else segment
        if name == "..":
            del kept[-1:]
        elif name not in ("", "."):
            kept.append(segment)
    # The dots stand for a directory, so a path that ends in them ends in a slash.
    ends_open = unquote(segment) in ("", ".", "..")
    cleaned = "/" + "/".join(kept) + ("/" if ends_open and kept else "")
    return path if cleaned == path else cleaned


def _may_be_unclean(path: str) -> bool:
    return "//" in path or "/." in path or "/%2" in path
