"""Serve the files of a directory.

In       a directory; then requests
Out      a file, or a part of it, a list of files, a redirect
Source   Go's http.FileServer; RFC 9110, RFC 9111 section 5.2.2.1 (max-age)
Holds    a descriptor of the directory, for as long as it is served
Fails    StatusError: 404, 403, 405, 503; DeniedError and other errors of the directory
         itself when it is made

What it looks at is the path of the request. In a mux, below another path, that is taken
away first::

    mux.handle("/static/", http.strip_prefix("/static", http.files("public")))

The directory is opened once. So it may be served after the process has changed its
directory, its user or its process; and where a link led to it that is changed later, as
some deployments do, a server shows the new one after its next start.

Where a task must not block its thread, what the kernel has in memory is opened at once,
and all else in another thread: see `http.disk.tree`.

A directory whose path lacks its slash is redirected to the path with it, relative to
where it is: so it is right below any prefix, and names no other host whatever stands in
the path. (The directory itself has no name here: behind a prefix it is the mux, with a
pattern that ends in a slash, that adds it.)
"""

import functools
import os
from urllib.parse import quote_from_bytes

from portside.engine import may_block, offload, shield
from portside.errors import from_os_error
from portside.http.disk.encodings import accepted_codings, is_worth_compressing
from portside.http.disk.listing import make_page
from portside.http.disk.lookup import Wanted, find, wanted
from portside.http.disk.tree import Tree
from portside.http.message.content_types import content_type_of
from portside.http.message.file_body import FileBody
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.message.status_error import StatusError
from portside.http.settings import HttpSettings
from portside.http.web import Web

__all__ = ["Directory", "files"]


def files(
    directory: str | os.PathLike[str],
    *,
    listing: bool = False,
    index: str | None = "index.html",
    precompressed: bool = True,
    hidden: bool = False,
    max_age: int | None = None,
    settings: HttpSettings | None = None,
) -> "Directory":
    """Return what serves the files of a directory.

    With ranges, with preconditions, and by the kernel's sendfile. Nothing outside the
    directory is ever sent, whatever a path or a link in it says.

    Args:
        listing: show what is in a directory that has no index.
        index: the file that is sent for a directory; None for none.
        precompressed: send ``style.css.br``, ``.zst`` or ``.gz`` for ``style.css`` to
            who takes it, unless it is older.
        hidden: send also files whose names begin with a dot, or that stand in a
            directory whose name does. ``/.well-known/`` is always sent.
        max_age: seconds for which a client need not ask again.
        settings: the limits, where it is served and not mounted.

    Raises:
        NotFoundError: there is no such directory.
        Error: it is none, or may not be read.
    """
    try:
        tree = Tree(directory)
    except OSError as error:
        told = from_os_error(error, op="open", network="", local=os.fspath(directory))
        raise told from None
    return Directory(
        tree,
        os.fspath(directory),
        listing=listing,
        index=index,
        precompressed=precompressed,
        hidden=hidden,
        max_age=max_age,
        settings=settings,
    )


class Directory(Web):
    """A directory that is served: see `files`."""

    def __init__(
        self,
        tree: Tree,
        name: str,
        *,
        listing: bool,
        index: str | None,
        precompressed: bool,
        hidden: bool,
        max_age: int | None,
        settings: HttpSettings | None,
    ) -> None:
        super().__init__(settings)
        if index is not None and (not index or "/" in index):
            raise ValueError(f"index={index!r}: not the name of a file")
        if max_age is not None and (max_age < 0 or max_age % 1):
            raise ValueError(f"max_age is a number of whole seconds, not {max_age}")
        self._tree = tree
        self._listing = listing
        self._index = None if index is None else os.fsencode(index)
        self._precompressed = precompressed
        self._hidden = hidden
        self._cache_control = None if max_age is None else f"max-age={max_age:.0f}"
        self.__name__ = f"files {name}"

    def close(self) -> None:
        """Give the directory back: it can be served no more. Again is silent.

        Who forgets it need not: it is given back with the last reference.
        """
        self._tree.close()

    def respond(self, request: Request) -> Response:
        """Return the file that the path names."""
        if request.method not in ("GET", "HEAD"):
            raise StatusError(405, headers={"Allow": "GET, HEAD"})
        asked = wanted(request.raw_path, hidden=self._hidden)
        if asked.is_directory:
            return self._directory(request, asked)
        return self._file(request, asked.segments) or _redirect(request, asked)

    def _directory(self, request: Request, asked: Wanted) -> Response:
        if self._index is not None:
            try:
                response = self._file(request, (*asked.segments, self._index))
                if response is not None:
                    return response
            except StatusError as error:
                if error.status != 404 or not self._listing:
                    raise
        if not self._listing:
            raise StatusError(404)
        page = self._page(request.path, asked.segments)
        response = Response(page, content_type="text/html; charset=utf-8")
        response.headers.add("X-Content-Type-Options", "nosniff")
        response.headers.add(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
        )
        return response

    def _page(self, path: str, segments: tuple[bytes, ...]) -> bytes:
        make = functools.partial(
            make_page, self._tree, segments, path, hidden=self._hidden
        )
        return make() if may_block() else offload(make)

    def _file(self, request: Request, segments: tuple[bytes, ...]) -> Response | None:
        """Return the answer with a file; None where a directory stands there."""
        content_type = content_type_of(os.fsdecode(segments[-1]))
        codings: tuple[str, ...] = ()
        varies = self._precompressed and is_worth_compressing(content_type)
        if varies:
            codings = accepted_codings(request.headers.get("Accept-Encoding"))
        found = self._find(segments, codings)
        if found is None:
            return None
        body, coding = found
        headers = {
            "Content-Type": content_type,
            "X-Content-Type-Options": "nosniff",
        }
        if coding:
            headers["Content-Encoding"] = coding
        if varies:
            headers["Vary"] = "Accept-Encoding"
        if self._cache_control is not None:
            headers["Cache-Control"] = self._cache_control
        return Response(body, headers=headers)

    def _find(
        self, segments: tuple[bytes, ...], codings: tuple[str, ...]
    ) -> tuple[FileBody, str] | None:
        if may_block():
            return find(self._tree, segments, codings, cached=False)
        try:
            return find(self._tree, segments, codings, cached=True)
        except BlockingIOError:
            pass
        with shield():  # what was opened must come back to be closed
            return offload(find, self._tree, segments, codings, cached=False)


def _redirect(request: Request, asked: Wanted) -> Response:
    # "./", as a name may look like a scheme: "javascript:..."
    name = quote_from_bytes(asked.segments[-1], safe="")
    query = f"?{request.raw_query}" if request.raw_query else ""
    return Response.redirect(f"./{name}/{query}", 301)
