"""A response: what is answered.

In       a body, a status, fields
Out      the same, for `http.outgoing` to send
Source   RFC 9110 section 15
Holds    the parts
Fails    ValueError: a status or a field that cannot be sent; TypeError: no body
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from portside.http.grammar import FIELD_NAME
from portside.http.message.cookies import cookie_line
from portside.http.message.event_stream import Event, event_stream
from portside.http.message.file_body import FileBody
from portside.http.message.headers import Headers
from portside.http.message.status import reason_of
from portside.server.handlers import check_callable

__all__ = ["USUAL_TYPES", "Response", "Upgrade"]

_BYTES = "application/octet-stream"
_HTML = "text/html; charset=utf-8"
_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"

USUAL_TYPES = (_BYTES, _HTML, _JSON, _TEXT)
"""What nearly every answer says of itself, and nothing more: no fields are made of it.
"""

# By what is equal to it, as a member of an enum is.
_USUAL = {kind: kind for kind in (*USUAL_TYPES, None)}


class Upgrade:
    """A body that is a conversation: what follows the answer on the conn.

    Attributes:
        converse: a function of the conn.
    """

    def __init__(self, converse: Callable[[Any], object]) -> None:
        self.converse = converse


class Response:
    """What is answered; a handler returns one.

    Args:
        body: bytes; text, sent as UTF-8; or an iterable of bytes, each of which is sent
            when it comes.
        status: 200 to 599.
        content_type: unless given, and unless it is among the headers, that of text
            for text, and else that of bytes which nobody knows, so that no browser
            guesses.
        headers: more fields. ``Date``, ``Content-Length`` and what frames the body are
            written for you.

    Attributes:
        status: as given.
        headers: all fields.
        body: bytes, an iterable of bytes, or a `FileBody`.
        made_headers: the headers, once they were asked for. Until then the response
            says its `bare_type` and no more, as most do.
        bare_type: one of `USUAL_TYPES`, or None for none.
    """

    __slots__ = ("bare_type", "body", "made_headers", "status")

    def __init__(
        self,
        body: "bytes | str | Iterable[bytes] | FileBody | Upgrade" = b"",
        *,
        status: int = 200,
        content_type: str | None = None,
        headers: Headers | Mapping[str, str] | None = None,
    ) -> None:
        if not isinstance(status, int):
            raise ValueError(f"a status is a whole number, not {status!r}")
        if not 200 <= status <= 599 and not (
            status == 101 and isinstance(body, Upgrade)
        ):
            raise ValueError(f"a status is from 200 to 599, not {status!r}")
        if isinstance(body, str):
            body = body.encode()
            default: str | None = _TEXT
        elif isinstance(body, bytearray | memoryview):
            body = bytes(body)
            default = _BYTES if body else None
        elif isinstance(body, Mapping):
            raise TypeError("a mapping is no body: Response.json sends one")
        elif body.__class__ is bytes or isinstance(body, Iterable):
            default = _BYTES if body else None
        elif isinstance(body, FileBody | Upgrade):
            default = None
        else:
            raise TypeError(f"a body of type {type(body).__name__}, and not bytes")
        self.status = status
        self.body = body
        self.made_headers: Headers | None = None
        self.bare_type = _USUAL.get(content_type or default)
        if headers or (self.bare_type is None and content_type):
            self.made_headers = fields = Headers(headers or ())
            if content_type is not None:
                fields["Content-Type"] = content_type
            elif default is not None:
                fields.setdefault("Content-Type", default)

    def __repr__(self) -> str:
        return f"<Response {self.status} {reason_of(self.status)}>"

    @property
    def headers(self) -> Headers:
        """All fields."""
        if self.made_headers is None:
            fields = Headers()
            if self.bare_type is not None:
                fields.add("Content-Type", self.bare_type)
            self.made_headers = fields  # whole: another thread may send it too
        return self.made_headers

    @headers.setter
    def headers(self, headers: Headers | Mapping[str, str]) -> None:
        self.made_headers = (
            headers if isinstance(headers, Headers) else Headers(headers)
        )

    def copy(self) -> "Response":
        """Return the same response, to be changed apart."""
        copied = Response(status=max(self.status, 200))
        copied.status, copied.body = self.status, self.body
        if isinstance(copied.body, FileBody):
            copied.body = copied.body.copy()
        copied.headers = self.headers.copy()
        return copied

    # -- the usual kinds

    @classmethod
    def text(cls, text: str, status: int = 200) -> "Response":
        """Return plain text."""
        if cls is Response and status == 200 and text.__class__ is str:
            return cls(text)  # the same, without the price of keywords to a class
        return cls(text, status=status, content_type=_TEXT)

    @classmethod
    def html(cls, text: str, status: int = 200) -> "Response":
        """Return a page."""
        return cls(text, status=status, content_type=_HTML)

    @classmethod
    def json(cls, value: Any, status: int = 200) -> "Response":
        """Return a value as JSON.

        Raises:
            TypeError: it holds what JSON has no word for.
            ValueError: a number that JSON has no word for: infinity, or none.
        """
        text = _json_text(value)
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:  # half a surrogate, which only an escape can say
                text = _json_text(value, ensure_ascii=True)
        return cls(text, status=status, content_type=_JSON)

    @classmethod
    def stream(
        cls, pieces: Iterable[bytes], content_type: str = _BYTES, status: int = 200
    ) -> "Response":
        """Return pieces, each sent when the iterable gives it.

        The iterable's ``close`` is called at the end, also when the client went away.
        """
        return cls(pieces, status=status, content_type=content_type)

    @classmethod
    def file(
        cls,
        path: str | os.PathLike[str],
        content_type: str | None = None,
        download_name: str | None = None,
    ) -> "Response":
        """Return a file: with ranges, preconditions and the kernel's sendfile.

        It is opened when the answer is sent; what is not there becomes a 404. The path
        is the program's own: for what a client names there is `http.files`.

        Args:
            content_type: that of the name's suffix, unless given.
            download_name: the name under which a browser is to save it.
        """
        response = cls(FileBody(os.fspath(path)), content_type=content_type)
        if download_name is not None:
            response.headers["Content-Disposition"] = _attachment(download_name)
        return response

    @classmethod
    def redirect(cls, location: str, status: int = 303) -> "Response":
        """Send the client elsewhere.

        Args:
            location: a URL, or a path of this server; what is not ASCII is encoded.
            status: 303 asks with GET; 307 and 308 as before; 301 and 308 for good.

        Raises:
            ValueError: a status that does not redirect, or no location.
        """
        if status not in (301, 302, 303, 307, 308):
            raise ValueError(
                f"a redirect's status is 301, 302, 303, 307, 308: {status}"
            )
        if not location:
            raise ValueError("a redirect needs a location")
        response = cls(b"", status=status)
        response.headers["Location"] = _as_ascii(location)
        return response

    @classmethod
    def error(cls, status: int, message: str = "") -> "Response":
        """Return an error, in plain text: its number, its name, the message."""
        reason = reason_of(status)
        text = f"{status} {reason}: {message}\n" if message else f"{status} {reason}\n"
        response = cls.text(text, status)
        response.headers.add("X-Content-Type-Options", "nosniff")
        return response

    @classmethod
    def events(cls, items: "Iterable[Event | str | None]") -> "Response":
        """Return Server-Sent Events, as they come: see `Event`."""
        response = cls.stream(event_stream(items), "text/event-stream")
        response.headers.add("Cache-Control", "no-store")
        response.headers.add("X-Accel-Buffering", "no")  # or nginx in front waits
        return response

    @classmethod
    def upgrade(
        cls,
        protocol: str,
        converse: Callable[[Any], object],
        headers: Headers | Mapping[str, str] | None = None,
    ) -> "Response":
        """Go on with another protocol: answer 101, then call converse with the conn.

        What the client has sent ahead is still to be read from the conn. Only for a
        request that offers the protocol (``request.upgrade``); any other gets a 426,
        and one with a body that is too long to be dropped a 413.

        Raises:
            ValueError: that is not the name of a protocol.
            HandlerError: converse is no function of a conn.
        """
        if not FIELD_NAME.fullmatch(protocol.partition("/")[0]):
            raise ValueError(f"{protocol!r}: not the name of a protocol")
        check_callable(converse, "the conn")
        response = cls(Upgrade(converse), status=101, headers=headers)
        response.headers["Upgrade"] = protocol
        return response

    # -- cookies

    def set_cookie(self, name: str, value: str, **attributes: Any) -> None:
        """Have the client keep a cookie.

        Args:
            attributes: max_age, expires, path, domain, secure, http_only, same_site,
                partitioned, as `http.message.cookies.cookie_line` says.

        Raises:
            ValueError: what cannot stand in a cookie.
        """
        self.headers.add("Set-Cookie", cookie_line(name, value, **attributes))

    def delete_cookie(self, name: str, **attributes: Any) -> None:
        """Have the client forget a cookie: with the path and domain it was set with."""
        self.set_cookie(name, "", max_age=0, **attributes)


def _json_text(value: Any, *, ensure_ascii: bool = False) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, separators=(",", ":"), allow_nan=False
    )


def _as_ascii(location: str) -> str:
    """Encode what is no visible ASCII; what is encoded already stays as it is."""
    encoded = location.encode(errors="surrogateescape")  # as of a file's name
    return "".join(chr(b) if 0x20 < b < 0x7F else f"%{b:02X}" for b in encoded)


def _attachment(name: str) -> str:
    """Return how a download is named: RFC 6266, with RFC 8187 for what is not ASCII."""
    name = os.fsencode(name).decode(errors="replace")  # a file's name need be no text
    plain = "".join(c if " " <= c < "\x7f" and c not in '"\\%' else "_" for c in name)
    if plain == name:
        return f'attachment; filename="{plain}"'
    safe = quote(name, safe="!#$&+-.^_`|~")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{safe}"
