"""What the command line knows of the web: directories, and the settings of HTTP.

In       ``./public``, ``/srv/www/=:8080``; what was typed for the fields of
         HttpSettings
Out      a service; a mux or a handler of a file, with what was typed
Fails    Failure (usage): no such directory, a value that cannot be

Nothing of `portside.http` but its settings is imported until something is served by it.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from portside.cli.failure import USAGE, Failure
from portside.cli.options import said
from portside.http.settings import HttpSettings
from portside.server import Service

__all__ = ["WEB_PORT", "WebOptions", "as_web", "directory_in", "directory_service"]

WEB_PORT = 80
"""The well-known port of HTTP: RFC 9110 section 4.2.1."""


@dataclass(frozen=True)
class WebOptions:
    """What was typed about HTTP.

    Attributes:
        typed: the fields of `HttpSettings` that were typed.
        listing: whether a directory without an index is listed.
    """

    typed: dict[str, Any]
    listing: bool = False

    @classmethod
    def of(cls, typed: dict[str, Any], listing: bool) -> "WebOptions":
        """Return the options, checked.

        Raises:
            Failure: a value that cannot be.
        """
        try:
            HttpSettings(**typed)
        except ValueError as error:
            name, _, reason = str(error).partition(" ")
            raise Failure(f"{said(name)} {reason}", USAGE) from None
        return cls(typed, listing)

    def check_used(self, *, web: bool, directories: bool) -> None:
        """Return if what was typed is about something that is served.

        Raises:
            Failure: nothing answers requests, or there is no directory to list.
        """
        if self.listing and not directories:
            raise Failure(
                f"{said('listing')}: no directory here (write ./DIRECTORY)", USAGE
            )
        if self.typed and not web:
            first = said(next(iter(self.typed)))
            raise Failure(
                f"{first}: nothing here speaks HTTP (./DIRECTORY, or http.handler)",
                USAGE,
            )


def directory_in(text: str) -> tuple[str, str | None] | None:
    """Return the directory that text begins with, and the endpoint behind it, if any.

    None where text is no path. A path may have a ``=`` of its own: the longest part
    that is a directory counts.

    Raises:
        Failure: a path to nothing, or to a file.
    """
    if not text.startswith(("/", "./", "../")) and not text.partition("=")[0].endswith(
        "/"
    ):
        return None
    if Path(text).is_dir():
        return text, None
    name, found, place = text.rpartition("=")
    while found:
        if Path(name).is_dir():
            return name, place
        name, found, more = name.rpartition("=")
        place = f"{more}={place}"
    name = text.partition("=")[0]
    if ".py:" in text:  # a function of a file
        return None
    reason = "is no directory" if Path(name).exists() else "no such directory"
    hint = f"; which function of it? write {name}:NAME" if name[-3:] == ".py" else ""
    raise Failure(f"{name}: {reason}{hint}", USAGE)


def directory_service(name: str, options: WebOptions) -> Service:
    """Return what serves the files of a directory.

    Raises:
        Failure: it cannot be read.
    """
    from portside.http import files

    try:
        web = files(
            name, listing=options.listing, settings=HttpSettings(**options.typed)
        )
    except OSError as error:
        raise Failure(f"{name}: {error.strerror or error}", USAGE) from None
    return Service(stream=web, port=WEB_PORT)


def as_web(service: Service, options: WebOptions) -> Service | None:
    """Return a service that answers requests with what was typed; None for others."""
    if "portside.http.web" not in sys.modules:
        return None  # so nothing that was loaded can be of it
    from portside.http import Web

    web = service.stream
    if not isinstance(web, Web):
        return None
    if options.typed:
        try:
            web.settings = replace(web.settings, **options.typed)
        except ValueError as error:
            raise Failure(str(error), USAGE) from None
    return replace(service, port=service.port or WEB_PORT)
