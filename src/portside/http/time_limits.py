"""Answer for a handler that takes too long.

In       a handler, and the seconds that it has
Out      a handler that answers 503 when they have passed
Source   Go's http.TimeoutHandler for the status
Holds    nothing
Fails    as the handler does; ValueError at construction: no seconds

The handler runs in a block with a deadline, so its waits end: reading the body, talking
to another server, sleeping, a queue. Computing is not interrupted, nor is a library
that blocks in a way of its own; and a handler that has its answer ready too late, as it
only computed, has it sent all the same. What is made after the handler has returned,
the pieces of a streamed answer, is not bound by this.

Where the moment has passed and the handler lets a `DeadlineError` out, 503 is what is
answered. A `DeadlineError` that comes earlier is of some other deadline, as that of a
conn which the handler dialled, or of a shorter block inside or around: it goes on as it
is. A client that sends its body too slowly for ``body_timeout`` hears that (408).
"""

import math

from portside.engine import deadline, now
from portside.errors import DeadlineError
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.web import WebHandler
from portside.server.handlers import check_callable, handler_name

__all__ = ["time_limit"]


def time_limit(handler: WebHandler, seconds: float) -> WebHandler:
    """Return a handler whose waits end after so long, and that answers 503 then.

    Computing is not interrupted.

    Args:
        seconds: from when the handler is called; its request's head has come by then.

    Raises:
        ValueError: seconds that are none.
        HandlerError: the handler is no function of one argument.
    """
    check_callable(handler, "the request")
    if not 0 < seconds < math.inf:
        raise ValueError(f"seconds must be more than 0, not {seconds!r}")

    def limited(request: Request) -> Response:
        until = now() + seconds
        try:
            with deadline(until):
                return handler(request)
        except DeadlineError:
            # A wait that is bound by several moments ends at the earliest, and none
            # before its moment: so before ours it was not ours.
            if now() < until:
                raise
        return Response.error(503, "the answer took too long")

    limited.__name__ = handler_name(handler)
    return limited
