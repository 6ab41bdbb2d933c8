"""The requests of one conn, one after the other, and their answers.

In       a conn, what answers a request, the limits
Out      answers, in order; the conn back when no other request may follow
Source   RFC 9112 section 9, RFC 9110 section 7.8 (upgrade)
Holds    the conn; the request that is being answered
Fails    errors of the conn, to the server: its client went away

What follows a request that was refused, or a body that was not read to its end, is
never read as a request: the connection is closed, and the server's close lingers, so
that a client that still sends can read why.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from portside.engine import now
from portside.errors import Cancelled, DeadlineError, Error
from portside.http.access_log import Served, log_served
from portside.http.disk.opening import opened
from portside.http.incoming import Heads, IncomingBody
from portside.http.message.conditional import respond_to
from portside.http.message.file_body import FileBody
from portside.http.message.headers import Headers
from portside.http.message.request import Request
from portside.http.message.response import Response, Upgrade
from portside.http.message.status import FRAMING
from portside.http.message.status_error import RequestError, StatusError
from portside.http.outgoing import HandlerFault, Outgoing
from portside.http.settings import HttpSettings
from portside.http.wire.head import Head
from portside.http.wire.reply import check_final, head_bytes
from portside.names import Address
from portside.net import Conn

__all__ = ["Connection"]

_log = logging.getLogger("portside.http")

DROP_BYTES = 262144
"""What is read and dropped of a body that its handler did not want, so that the
connection can go on: Go's figure. More costs more than another connection."""

DROP_SECONDS = 1.0
"""How long that may take: as a lingering close."""

CLIENT_GONE = 499
"""What the access log says where nobody was left to be answered: nginx's number."""


class Connection:
    """Serves the requests that come on one conn."""

    def __init__(
        self,
        conn: Conn,
        respond: Callable[[Request], Response],
        settings: HttpSettings,
    ) -> None:
        self._conn = conn
        self._respond = respond
        self._settings = settings
        self._heads = Heads(conn, settings)
        self._outgoing = Outgoing(conn, settings.write_timeout)
        self._draining = conn.draining
        self._log_form = settings.access_log
        self._is_logged = settings.access_log != "none"
        self._error = ""  # of this request, for the access log
        self._request: Request | None = None  # that is being answered

    def serve(self) -> None:
        """Answer until the client ends, is idle, or may not go on."""
        heads = self._heads
        try:
            while True:
                try:
                    head = heads.next()
                except RequestError as refusal:
                    self._refuse(refusal)
                    return
                if head is None or not self._answer(head):
                    return
        finally:
            heads.end_idle()  # what lingers is read to its end

    def _refuse(self, refusal: RequestError) -> None:
        began = now()
        response, is_head = _error_response(refusal), self._heads.asked_head
        self._outgoing.send(response, 1, is_head, False)
        self._log(None, refusal.status, began, refusal.message)

    # -- what a request knows of it

    @property
    def remote_address(self) -> Address | None:
        """The client's address."""
        return self._conn.remote_address

    @property
    def local_address(self) -> Address | None:
        """The address that it asked."""
        return self._conn.local_address

    @property
    def is_draining(self) -> bool:
        """Whether the server begins to stop."""
        return self._draining.is_set

    def inform(self, request: Request, status: int, headers: Headers) -> None:
        """Send an answer before the answer to a request.

        Raises:
            RuntimeError: that has begun: this one would stand in its middle.
        """
        if self._outgoing.has_begun or request is not self._request:
            raise RuntimeError("the answer has begun: it is too late to inform")
        self._outgoing.write(head_bytes(status, headers.items()))

    # -- one request

    def _answer(self, head: Head) -> bool:
        """Answer a request; return whether another may follow."""
        began = now() if self._is_logged else 0.0
        self._outgoing.begin()
        self._error = ""
        body = None if head.length == 0 else self._body_of(head)
        request = Request(
            head.method,
            head.target,
            head.minor,
            head.fields,
            head.host,
            head.upgrade,
            body,
            self,
        )
        self._request = request
        response: Any = None
        try:
            try:
                response = self._respond(request)
            except (Cancelled, SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001  another library's too
                response = self._failed(request, error, began)
            if response.__class__ is Response and response.body.__class__ is bytes:
                return self._send(request, response, head, began, body)
            return self._send_prepared(request, response, head, began, body)
        finally:
            # An error that is kept for a while would keep it, and its file open.
            self._request = response = None
            if body is not None:
                self._heads.deadline_moved()
                request.close()

    def _body_of(self, head: Head) -> IncomingBody:
        self._heads.end_idle()
        return IncomingBody(self._conn, head, self._settings, self._say_continue)

    def _send_prepared(
        self,
        request: Request,
        response: Response,
        head: Head,
        began: float,
        body: IncomingBody | None,
    ) -> bool:
        response = self._checked(request, response)
        try:
            response = self._prepared(request, response, body, began)
            return self._send(request, response, head, began, body)
        finally:
            close = getattr(response.body, "close", None)
            if close is not None:
                try:
                    close()
                except Exception as error:  # noqa: BLE001  the answer was given
                    name = self._name(request)
                    _log.error("%s: its body did not close", name, exc_info=error)

    def _failed(self, request: Request, error: BaseException, began: float) -> Response:
        """Return the answer where the handler raised, unless the client is gone."""
        if isinstance(error, StatusError):
            self._error = error.message
            return _error_response(error)
        if self._has_gone(error):
            self._log(request, CLIENT_GONE, began, str(error))
            raise error
        self._error = f"{type(error).__name__}: {error}"
        _log.error("%s: handler failed", self._name(request), exc_info=error)
        return Response.error(500)

    def _checked(self, request: Request, response: object) -> Response:
        if isinstance(response, Response):
            return response
        _log.error(
            "%s: the handler returned %r, and not a Response",
            self._name(request),
            response,
        )
        return Response.error(500)

    def _prepared(
        self,
        request: Request,
        response: Response,
        body: IncomingBody | None,
        began: float,
    ) -> Response:
        """Return what is sent in place of a file, or of what cannot be sent."""
        try:
            if not isinstance(response.body, Upgrade):
                check_final(response.status)
            if isinstance(response.body, FileBody):
                file = opened(response.body.copy())  # a handler may return it again
                response = response.copy()
                response.body = file
                return respond_to(request, response)
            if isinstance(response.body, str | bytearray | memoryview):
                response = response.copy()
                response.body = Response(response.body).body
            return self._upgrade(request, response, body)
        except Exception as error:  # noqa: BLE001  also what a handler did to it
            return self._failed(request, error, began)

    def _upgrade(
        self, request: Request, response: Response, body: IncomingBody | None
    ) -> Response:
        if isinstance(response.body, Upgrade):
            for name in ("Content-Length", "Transfer-Encoding"):
                if name in response.headers:
                    raise HandlerFault(f"{name} in an answer with status 101")
            protocol = response.headers["Upgrade"].lower()
            offered = [each.strip().lower() for each in request.upgrade.split(",")]
            if body is not None and not body.drop(DROP_BYTES, DROP_SECONDS):
                return Response.error(413, "what upgrades has a short body, or none")
            if protocol not in offered:
                refusal = Response.error(426, f"this is for {protocol}")
                refusal.headers["Upgrade"] = protocol
                refusal.headers["Connection"] = "upgrade"  # RFC 9110 section 7.8
                return refusal
        return response

    def _send(
        self,
        request: Request,
        response: Response,
        head: Head,
        began: float,
        body: IncomingBody | None,
    ) -> bool:
        keep_alive = head.keep_alive and not self._draining.is_set
        if body is not None and not self._has_read(body, response):
            keep_alive = False
        if response.body.__class__ is Upgrade:
            self._go_over(response, began, request)
            return False
        is_head = head.method == "HEAD"
        try:
            keep_alive = self._outgoing.send(response, head.minor, is_head, keep_alive)
        except HandlerFault as fault:
            cause = fault.__cause__
            keep_alive = False
            if cause is not None and self._is_of_client(cause):
                self._error = str(cause)
            else:
                self._error = str(fault)
                _log.error("%s: %s", self._name(request), fault, exc_info=cause)
            if self._outgoing.has_begun:
                self._conn.abort()  # so that half an answer does not look whole
            else:
                response = Response.error(500)
                self._outgoing.send(response, head.minor, is_head, False)
        except Error as error:
            self._log(request, response.status, began, str(error))
            raise
        if self._is_logged:
            self._log(request, response.status, began)
        if body is not None and not body.is_over:
            return keep_alive and body.drop(DROP_BYTES, DROP_SECONDS)
        return keep_alive

    def _has_read(self, body: IncomingBody, response: Response) -> bool:
        """Read what is left of the request; return whether that was all of it.

        A stream may be made of it: so there it is read when the stream is over, and a
        client that waits to send it must be told now.
        """
        if response.body.__class__ in (bytes, FileBody, Upgrade):
            return body.is_over or body.drop(DROP_BYTES, DROP_SECONDS)
        if response.status < 400:
            body.say_continue()
        return True

    def _go_over(self, response: Response, began: float, request: Request) -> None:
        fields = [
            field
            for field in response.headers.items()
            if field[0].lower() not in FRAMING
        ]
        self._outgoing.write(head_bytes(101, [*fields, ("Connection", "upgrade")]))
        self._log(request, 101, began)
        self._conn.set_deadline(None)
        self._heads.end_idle()
        assert isinstance(response.body, Upgrade)
        response.body.converse(self._conn)

    def _say_continue(self) -> None:
        if self._outgoing.has_begun:
            return  # the client knows from the answer that it was heard
        self._outgoing.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _is_of_client(self, error: BaseException) -> bool:
        """Whether it is no fault of ours: what was read of the request says so."""
        if isinstance(error, StatusError):
            return isinstance(error, RequestError) or error.status == 413
        return self._has_gone(error)

    def _has_gone(self, error: BaseException) -> bool:
        """Whether it says that this client is gone, and not some other peer."""
        return (
            isinstance(error, Error)
            and not isinstance(error, DeadlineError)
            and error.op in ("read", "write")
            and error.remote is self._conn.remote_address
        )

    def _name(self, request: Request) -> str:
        return f"{request.method} {request.target} of {self._conn.remote_address}"

    def _log(
        self, request: Request | None, status: int, began: float, error: str = ""
    ) -> None:
        if not self._is_logged:
            return
        log_served(
            self._log_form,
            Served.of(
                request,
                remote=self._conn.remote_address,
                time=time.time_ns() / 1e9,
                status=status,
                sent_bytes=self._outgoing.sent,
                seconds=now() - began,
                error=error or self._error,
            ),
        )


def _error_response(error: StatusError) -> Response:
    response = Response.error(error.status, error.message)
    if isinstance(error, RequestError):
        response.headers["Connection"] = "close"
    for name in error.headers:
        if name in response.headers:
            del response.headers[name]
    for name, value in error.headers.items():  # some more than once
        response.headers.add(name, value)
    return response
