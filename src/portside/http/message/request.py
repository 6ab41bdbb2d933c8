"""A request: what somebody asks for.

In       what a head says, a body, and the line that it came by
Out      the parts, decoded, each when it is first asked for
Source   RFC 9110, RFC 3986 for the target
Holds    the parts; what a mux found in the path
Fails    StatusError: 400 and 415, the body is not what a handler takes it for
"""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote_to_bytes

from portside.http.message.body import Body, BytesBody
from portside.http.message.cookies import parse_cookies
from portside.http.message.forms import Form, read_form
from portside.http.message.headers import Headers
from portside.http.message.query import Query
from portside.http.message.status import FRAMING
from portside.http.message.status_error import StatusError

if TYPE_CHECKING:
    from portside.names import Address

__all__ = ["Line", "Request"]

# Looked at before Python is asked: it has codecs that are no charsets, some of which
# take a time that grows with the square of the length, and it keeps each name.
_CHARSETS = re.compile(
    r"utf-?(8|16|32)([-_]?[bl]e)?|(us-)?ascii|iso-8859-\d{1,2}|latin-?1|"
    r"windows-125\d|cp(125\d|437|850|852|866|932|949)|koi8-[rtu]|euc-(jp|kr)|"
    r"gb(k|2312|18030)|big5|shift[-_]jis",
    re.IGNORECASE,
)


class Line(Protocol):
    """What a request knows of the connection that it came by."""

    @property
    def remote_address(self) -> "Address | None":
        """The client's address."""

    @property
    def local_address(self) -> "Address | None":
        """The address that it asked."""

    @property
    def is_draining(self) -> bool:
        """Whether the server begins to stop."""

    def inform(self, request: "Request", status: int, headers: Headers) -> None:
        """Send an answer before the answer to a request."""


class Request:
    """What a client asks for.

    Attributes:
        method: GET, POST ...
        target: as it came; mostly path and query.
        version: (1, 1), or (1, 0).
        upgrade: the protocols that the client would rather speak; "" for none.
        path_values: what the mux found in the path, by name, decoded.
        pattern: the pattern of the mux that matched.
        line: what it came by.
    """

    # What is made when it is first asked for; until then there is one for all requests.
    _content: bytes | None = None
    _cookies: dict[str, str] | None = None
    _form: Form | None = None
    _headers: Headers | None = None
    _outer: "Request | None" = None
    _path: str | None = None
    _query: Query | None = None
    _state: dict[str, Any] | None = None
    _user: str | None = None
    pattern: str | None = None

    def __init__(
        self,
        method: str,
        target: str,
        minor: int,
        fields: list[tuple[bytes, bytes]],
        host: str,
        upgrade: str,
        body: Body | None,
        line: Line,
    ) -> None:
        self.method = method
        self.target = target
        self.version = (1, minor)
        self.upgrade = upgrade
        self.path_values: dict[str, str] = {}
        self.line = line
        self._fields = fields
        self._body = body
        self._host = host
        if target[0] != "/":
            target, self._host = _origin_form(target, host)
        self.raw_path, _, self.raw_query = target.partition("?")

    @classmethod
    def build(
        cls,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> "Request":
        """Return a request that came by no wire: to try a handler, or to test one.

        Raises:
            ValueError: the target is none: no path, no ``*`` and no URL.
            TypeError: the body is no bytes.
        """
        if not (target.startswith("/") or target == "*" or "://" in target):
            raise ValueError(f"target {target!r}: a path begins with /")
        if not isinstance(body, bytes):
            raise TypeError(f"a body is bytes, and not {type(body).__name__}")
        fields = Headers(headers or {})
        encoded = [(n.encode(), v.encode("latin-1")) for n, v in fields.items()]
        host = fields.get("Host", "") or ""
        upgrade = fields.get("Upgrade", "") or ""
        return cls(
            method, target, 1, encoded, host, upgrade, BytesBody(body), _NoLine()
        )

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"

    @property
    def user(self) -> str | None:
        """Who asks, once a middleware has found out; the access log says it.

        Raises:
            TypeError: what is set is no text, and not None.
        """
        return self._user if self._outer is None else self._outer.user

    @user.setter
    def user(self, user: str | None) -> None:
        if not isinstance(user, str | None):
            raise TypeError(f"a user is a text, or None, and not {user!r}")
        if self._outer is None:
            self._user = user
        else:
            self._outer.user = user

    @property
    def state(self) -> dict[str, Any]:
        """For what middleware has to say to the handlers behind it."""
        if self._outer is not None:
            return self._outer.state
        if self._state is None:
            self._state = {}
        return self._state

    # -- what is asked for

    @property
    def path(self) -> str:
        """The path, decoded; what is no UTF-8 becomes U+FFFD."""
        if self._path is None:
            raw = self.raw_path
            self._path = (
                unquote_to_bytes(raw).decode("utf-8", "replace") if "%" in raw else raw
            )
        return self._path

    @property
    def query(self) -> Query:
        """The query's names and values."""
        if self._query is None:
            self._query = Query(self.raw_query)
        return self._query

    @property
    def host(self) -> str:
        """Who is asked, and the port if it was given; the target before the Host."""
        return self._host

    @property
    def scheme(self) -> str:
        """How it came: http."""
        return "http"

    # -- what it says

    @property
    def headers(self) -> Headers:
        """The header fields."""
        if self._headers is None:
            self._headers = Headers.from_wire(self._fields)
        return self._headers

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies, by name."""
        if self._cookies is None:
            self._cookies = parse_cookies("; ".join(self.headers.get_all("Cookie")))
        return self._cookies

    @property
    def body(self) -> Body:
        """The body; empty where the request has none."""
        if self._body is None:
            self._body = BytesBody(b"")
        return self._body

    @property
    def content_type(self) -> str:
        """The type of the body, in lower case, without parameters; "" if not said."""
        value = self.headers.get("Content-Type") or ""
        return value.partition(";")[0].strip().lower()

    def content(self) -> bytes:
        """Return the whole body; again, and by `text`, `json` and `form`, the same.

        Raises:
            StatusError: 413, 400 or 408, as the body's read.
            RuntimeError: a part of the body was read by its own `read`.
        """
        if self._content is None:
            if self._outer is not None:
                self._content = self._outer.content()
            else:
                self._check_whole()
                self._content = self.body.read_all()
            self._body = BytesBody(
                self._content, self.body.trailers
            )  # to be read again
        return self._content

    def text(self) -> str:
        """Return the body as text, in the charset that it says, or UTF-8.

        Raises:
            StatusError: 400, it is not; 415, nobody knows the charset; 413.
        """
        _, _, parameters = (self.headers.get("Content-Type") or "").partition(";")
        charset = "utf-8"
        for each in parameters.split(";"):
            name, _, value = each.partition("=")
            if name.strip().lower() == "charset":
                charset = value.strip().strip('"')
        if not _CHARSETS.fullmatch(charset):
            raise StatusError(415, f"unknown charset {charset!r}")
        try:
            return self.content().decode(charset)
        except LookupError:
            raise StatusError(415, f"unknown charset {charset!r}") from None
        except UnicodeError:
            raise StatusError(400, f"the body is not {charset}") from None

    def json(self) -> Any:
        """Return what the body says in JSON.

        Raises:
            StatusError: 400, it says nothing in JSON; 413.
        """
        try:
            return json.loads(self.content())
        except (ValueError, RecursionError) as error:
            raise StatusError(400, f"the body is not JSON: {error}") from None

    def form(self, **limits: Any) -> Form:
        """Return the form in the body: fields and files.

        Files are closed, and gone, when the request was answered.

        Args:
            limits: max_fields, max_field_bytes, max_files, max_file_bytes and
                memory_bytes, as `http.message.forms.read_form` has them.

        Raises:
            StatusError: 400, it is malformed; 413, over a limit; 415, it is no form.
            RuntimeError: a part of the body was read: by its own `read`, or as a form
                with files that did not come in time.
        """
        if self._outer is not None:  # which is closed when it was answered
            return self._outer.form(**limits)
        if self._form is None:
            self._check_whole()
            self._form = read_form(self, **limits)
        return self._form

    def _check_whole(self) -> None:
        """Refuse to take what is left of the body for the whole of it."""
        if self.body.is_taken:
            raise RuntimeError(
                "a part of the body was read already: read the rest from request.body"
            )

    def with_path(self, raw_path: str) -> "Request":
        """Return the same request, as one for another path: for what stands below.

        Args:
            raw_path: encoded, as in a target.
        """
        inner = Request(
            self.method,
            self.target,
            self.version[1],
            self._fields,
            self._host,
            self.upgrade,
            self.body,
            self.line,
        )
        inner.raw_path = raw_path
        inner.path_values = self.path_values
        inner.pattern = self.pattern
        inner._outer = self
        return inner

    def _outermost(self) -> "Request":
        request = self
        while request._outer is not None:
            request = request._outer
        return request

    def close(self) -> None:
        """Give back what reading the request has taken: the files of a form."""
        if self._form is not None:
            self._form.close()

    # -- who asks

    @property
    def remote_address(self) -> "Address | None":
        """The address of the client."""
        return self.line.remote_address

    @property
    def local_address(self) -> "Address | None":
        """The address of ours that it asked."""
        return self.line.local_address

    @property
    def is_draining(self) -> bool:
        """Whether the server begins to stop, so that a long answer should end soon."""
        return self.line.is_draining

    # -- before the answer

    def inform(
        self, status: int, headers: Headers | Mapping[str, str] | None = None
    ) -> None:
        """Send an informational answer (1xx); the answer itself comes later.

        A client of HTTP/1.0 is not told: it knows no such answers.

        Raises:
            ValueError: a status that is none of 102 to 199, or a field that frames an
                answer: this one has no body.
            RuntimeError: the answer has begun.
        """
        if not 102 <= status <= 199:
            raise ValueError(f"an informational status is from 102 on, not {status}")
        fields = Headers(headers or {})
        for name in fields:
            if name.lower() in FRAMING:
                raise ValueError(f"{name} is not for an informational answer")
        if self.version >= (1, 1):
            self.line.inform(self._outermost(), status, fields)

    def early_hints(self, *links: str) -> None:
        """Tell what the answer will need, while it is being made (103, RFC 8297).

        >>> request = Request.build("GET", "/")
        >>> request.early_hints("</style.css>; rel=preload; as=style")
        """
        self.inform(103, Headers([("Link", link) for link in links]))


class _NoLine:
    remote_address = None
    local_address = None
    is_draining = False

    def inform(self, request: Request, status: int, headers: Headers) -> None:
        """Tell nobody."""


def _origin_form(target: str, host: str) -> tuple[str, str]:
    """Return the target as a path, and the host: of ``*`` and ``http://host/path``."""
    if target == "*":
        return target, host
    _, _, rest = target.partition("://")
    for at, character in enumerate(rest):
        if character in "/?":
            path = rest[at:]
            return (path if path[0] == "/" else f"/{path}"), rest[:at]
    return "/", rest
