"""Refuse what a page of somebody else has a browser send here.

In       a handler, and the origins that may
Out      a handler that answers 403 to the others
Source   the rules of Go 1.25's http.CrossOriginProtection; the W3C's Fetch Metadata;
         RFC 6454 for origins
Holds    the origins and patterns that are let through
Fails    ValueError at construction: an origin that no browser sends; PatternError

A browser sends the cookies of this site along with a form that stands on another site:
so a page that you visit could post in your name (CSRF). No token is needed against it.
Each browser since 2023 says where a request comes from, in ``Sec-Fetch-Site``, and an
older one says the ``Origin`` at least. The rules, in their order:

1. GET, HEAD and OPTIONS pass: they must not change anything, and your handlers must
   keep to that.
2. With ``Sec-Fetch-Site``: same-origin and none (the user typed it) pass, no other.
3. With ``Origin`` alone: it passes if its host and port are those that were asked.
   The scheme is not known behind a proxy, and is not compared.
4. With neither it passes: that is no browser, and has nobody's cookies.

What these refuse passes if its Origin is a trusted one, or its path is bypassed.
"""

import re
from collections.abc import Iterable

from portside.http.grammar import HOST
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.mux import Mux
from portside.http.web import WebHandler
from portside.server.handlers import check_callable, handler_name

__all__ = ["cross_origin_protection"]

_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))

# scheme "://" host [ ":" port ], RFC 6454 section 6.2. Not "null": that is what every
# page in a sandbox says.
_ORIGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#@\s]+)")
_DEFAULT_PORTS = {"http": b"80", "https": b"443"}


def cross_origin_protection(
    handler: WebHandler,
    *,
    trusted_origins: Iterable[str] = (),
    bypass: Iterable[str] = (),
) -> WebHandler:
    """Return a handler that answers 403 to what a page of another origin had sent.

    Behind a proxy that changes the Host, give the origin that browsers see as trusted.

    Args:
        trusted_origins: as browsers send them: ``https://shop.example:8443``.
        bypass: patterns, as of a mux, of what is not protected: where something else
            says who may, a signature perhaps. What a mux would redirect is protected.

    Raises:
        ValueError: a trusted origin that no browser sends.
        PatternError: a bypass that is no pattern.
        HandlerError: the handler is no function of one argument.
    """
    check_callable(handler, "the request")
    trusted = frozenset(map(_checked, _texts(trusted_origins)))
    bypassed = Mux()
    for pattern in _texts(bypass):
        bypassed.handle(pattern, handler)

    def protected(request: Request) -> Response:
        if (
            request.method in _SAFE_METHODS
            or _is_of_this_origin(request)
            or request.headers.get("Origin") in trusted
            or bypassed.match(request)[1] is not None
        ):
            return handler(request)
        return Response.error(403, "sent by a page of another origin")

    protected.__name__ = handler_name(handler)
    return protected


def _is_of_this_origin(request: Request) -> bool:
    if site := request.headers.get("Sec-Fetch-Site"):
        return site in ("same-origin", "none")
    if not (origin := request.headers.get("Origin")):
        return True
    match = _ORIGIN.fullmatch(origin)
    return match is not None and match[2] == request.host


def _checked(origin: str) -> str:
    """Return an origin, if it can ever be equal to what a browser sends."""
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        raise _wrong(origin, "not scheme://host or scheme://host:port")
    scheme, authority = match.groups()
    host = HOST.fullmatch(authority.encode())
    if host is None or not host[1]:
        raise _wrong(origin, f"{authority!r} is no host")
    if origin != origin.lower():
        raise _wrong(origin, "browsers send it in lower case")
    if host[2] is not None and host[2] in (b"", _DEFAULT_PORTS.get(scheme)):
        raise _wrong(origin, "browsers leave out the port that the scheme has anyway")
    return origin


def _wrong(origin: str, reason: str) -> ValueError:
    return ValueError(f"trusted origin {origin!r}: {reason}")


def _texts(texts: Iterable[str]) -> Iterable[str]:
    """Return texts; a single one would else be taken letter by letter."""
    return (texts,) if isinstance(texts, str) else texts
