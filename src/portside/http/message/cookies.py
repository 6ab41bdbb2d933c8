"""Cookies: what a browser sends back, and the line that makes it do so.

In       the value of Cookie; a name, a value and attributes
Out      values by name; the value of Set-Cookie
Source   RFC 6265, and draft-ietf-httpbis-rfc6265bis for prefixes, SameSite and sizes
Holds    nothing
Fails    ValueError: a cookie that a browser would not keep as it was meant;
         StatusError 400: a Cookie field that no browser sends

What is read is taken leniently, since other servers of the same domain, old versions of
this one and scripts in the page have all written there: what is no cookie is skipped.
What is written is strict, since a browser drops silently what it does not like.

Three things are not done, and each was somebody's hole. White space is stripped as HTTP
has it, and no other: with Unicode's, a cookie whose name begins with U+2000 would pass
for a ``__Host-`` one, and a page of a neighbouring domain can set that. A quote holds
no ``;``: else one planted cookie that begins with a quote would swallow those that
follow it. And no ``$Version`` changes the grammar.
"""

import re
from datetime import datetime
from typing import Literal

from portside.http.message.dates import date_text
from portside.http.message.status_error import StatusError

__all__ = ["MAX_COOKIES", "SameSite", "cookie_line", "parse_cookies"]

SameSite = Literal["Strict", "Lax", "None"]

MAX_COOKIES = 1000
"""In a request. Browsers keep at most some 180 for a domain (Chromium, Firefox)."""

MAX_COOKIE_BYTES = 4096
"""Name and value together: RFC 6265bis section 5.6, step 6."""

MAX_ATTRIBUTE_BYTES = 1024
"""The value of an attribute: RFC 6265bis section 5.6."""

MAX_DOMAIN_BYTES = 255
"""Of a name: RFC 1035 section 2.3.4."""

# cookie-name = token
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

# cookie-octet = %x21 / %x23-2B / %x2D-3A / %x3C-5B / %x5D-7E; within quotes a space and
# a comma too: not in the RFC's grammar, but browsers keep them, and Go writes them so.
_PLAIN = re.compile(r"[!#-+\--:<-\[\]-~]*")
_QUOTABLE = re.compile(r"[ !#-:<-\[\]-~]*")

# path-value = any CHAR except CTLs or ";"; a browser takes its own unless it begins so.
_PATH = re.compile(r"/[ -:<-~]*")

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_DOMAIN = re.compile(rf"\.?({_LABEL}(?:\.{_LABEL})*)")


def parse_cookies(header: str, *, max_cookies: int = MAX_COOKIES) -> dict[str, str]:
    """Return the cookies of a request by name.

    Of those with the same name the first counts. RFC 6265 section 5.4 has the browser
    put the one with the longest path first: it is the one that was made for this page.

    >>> parse_cookies('id=7; theme="dark"; id=8')
    {'id': '7', 'theme': 'dark'}

    Args:
        header: the value of Cookie; of several, joined by ``"; "``.

    Raises:
        StatusError: 400, there are more than max_cookies.
    """
    if not header:
        return {}
    if header.count(";") >= max_cookies:
        raise StatusError(400, f"more than {max_cookies} cookies")
    if not header.isascii():
        header = _as_utf_8(header)
    cookies: dict[str, str] = {}
    for pair in header.split(";"):
        name, equals, value = pair.partition("=")
        name = name.strip(" \t")
        if not equals or name in cookies or not _NAME.fullmatch(name):
            continue
        value = value.strip(" \t")
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        cookies[name] = value
    return cookies


def cookie_line(
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    expires: datetime | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = False,
    http_only: bool = True,
    same_site: SameSite | None = "Lax",
    partitioned: bool = False,
) -> str:
    """Return the value of a Set-Cookie field.

    >>> cookie_line("theme", "dark", max_age=3600)
    'theme=dark; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax'

    Args:
        value: of ASCII, without control, quote, backslash and semicolon; encode what is
            not, as base64 for instance. `parse_cookies` gives it back as it was.
        max_age: seconds that it is kept; 0 or less removes it. It wins over expires.
            With neither it ends with the browser's session.
        expires: with its time zone.
        path: below which it is sent; None for the directory of the request.
        domain: to whose hosts it is sent, all of them; None for this host alone.
        secure: not sent over plain HTTP.
        http_only: scripts do not see it.
        same_site: whether it goes along when another site leads here: Strict never, Lax
            with a plain link, None always. The value None does not say, and browsers
            differ then.
        partitioned: kept apart for each site that embeds this one.

    Raises:
        ValueError: a browser would drop it, or not keep it as it was meant.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r}: not the name of a cookie")
    if not _QUOTABLE.fullmatch(value):
        raise _wrong(name, f"{value!r} cannot be its value: encode it, as base64 maybe")
    written = value if _PLAIN.fullmatch(value) else f'"{value}"'
    if len(name) + len(written) > MAX_COOKIE_BYTES:
        raise _wrong(name, f"over the {MAX_COOKIE_BYTES} bytes that browsers keep")
    _check_promises(name, path, domain, secure, same_site, partitioned)
    parts = [f"{name}={written}"]
    if max_age is not None:
        parts.append(f"Max-Age={_whole(name, max_age)}")
    if expires is not None:
        parts.append(f"Expires={_moment(name, expires)}")
    if path is not None:
        parts.append(f"Path={_path(name, path)}")
    if domain is not None:
        parts.append(f"Domain={_domain(name, domain)}")
    if secure:
        parts.append("Secure")
    if http_only:
        parts.append("HttpOnly")
    if same_site is not None:
        parts.append(f"SameSite={same_site}")
    if partitioned:
        parts.append("Partitioned")
    return "; ".join(parts)


def _check_promises(
    name: str,
    path: str | None,
    domain: str | None,
    secure: bool,
    same_site: str | None,
    partitioned: bool,
) -> None:
    """Refuse what contradicts itself: RFC 6265bis section 5.6, and 4.1.3 for names."""
    if same_site not in (None, "Strict", "Lax", "None"):
        raise _wrong(name, f"same_site={same_site!r} is none of Strict, Lax, None")
    prefix = name.lower()  # browsers compare so
    if not secure:
        for reason, applies in (
            ("a name that begins with __Secure-", prefix.startswith("__secure-")),
            ("a name that begins with __Host-", prefix.startswith("__host-")),
            ("same_site='None'", same_site == "None"),
            ("partitioned", partitioned),
        ):
            if applies:
                raise _wrong(name, f"{reason} needs secure=True")
    if prefix.startswith("__host-") and (path != "/" or domain is not None):
        raise _wrong(name, "a name that begins with __Host- needs path='/', no domain")


def _whole(name: str, max_age: object) -> int:
    if not isinstance(max_age, int) or isinstance(max_age, bool):
        raise _wrong(name, f"max_age={max_age!r} is no whole number of seconds")
    return max_age


def _moment(name: str, expires: datetime) -> str:
    if expires.tzinfo is None:
        raise _wrong(name, "expires has no time zone")
    # Years before 1601 are no dates for a browser: RFC 6265 section 5.1.1.
    return date_text(max(expires.timestamp(), 0))


def _path(name: str, path: str) -> str:
    if not _PATH.fullmatch(path) or len(path) > MAX_ATTRIBUTE_BYTES:
        raise _wrong(name, f"path={path!r} is no path that a browser would keep")
    return path


def _domain(name: str, domain: str) -> str:
    match = _DOMAIN.fullmatch(domain) if len(domain) <= MAX_DOMAIN_BYTES else None
    if match is None:
        raise _wrong(name, f"domain={domain!r} is no name of a domain, in ASCII")
    return match[1]  # a dot in front means nothing: RFC 6265 section 5.2.3


def _wrong(name: str, reason: str) -> ValueError:
    return ValueError(f"cookie {name}: {reason}")


def _as_utf_8(header: str) -> str:
    """Read Latin-1 as the UTF-8 that a script in the page writes, if it is that."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header
