"""An answer that is not what was asked for, as an exception.

In       a status and a sentence
Out      an exception: raised in a handler, it becomes the answer
Source   RFC 9110 section 15
Holds    nothing
Fails    ValueError: a status that is no error, or what no answer can carry

Whose fault it is, is the class: a `StatusError` is what a handler says of a request
that is well formed; a `RequestError` is what the wire says of one that is not, or that
came too late: after it the connection is closed, as nobody can tell where the next
request would begin.
"""

from collections.abc import Mapping

from portside.errors import Error
from portside.http.message.headers import Headers
from portside.http.message.status import reason_of

__all__ = ["RequestError", "StatusError"]


class StatusError(Error):
    """Raised by a handler, the answer to the request.

    Attributes:
        status: 400 to 599.
        message: what the client reads.
        headers: fields of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str = "",
        *,
        headers: Headers | Mapping[str, str] | None = None,
    ) -> None:
        if not 400 <= status <= 599:
            raise ValueError(f"an error's status is from 400 to 599, not {status}")
        self.status = status
        self.message = message
        self.headers = Headers(headers or ())
        message.encode()  # what cannot be sent is refused where it is written
        super().__init__(f"{status} {message or reason_of(status)}")


class RequestError(StatusError):
    """A request that is malformed, too long or too slow; the connection is closed."""
