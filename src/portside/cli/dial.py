"""``portside dial``: connect stdin and stdout to a peer.

In       ENDPOINT
Out      the conversation; curl's exit statuses
Fails    Failure: a mistake in what was typed; the connection could not be had, or kept
"""

import click

from portside.cli.failure import (
    CANNOT_CONNECT,
    CANNOT_RESOLVE,
    FAILED,
    RESET,
    TIMED_OUT,
    USAGE,
    Failure,
)
from portside.cli.logs import show_logs
from portside.cli.talk import talk
from portside.cli.trace import trace_if
from portside.cli.units import Duration, duration_text
from portside.errors import (
    AddressError,
    Error,
    RefusedError,
    ResolveError,
    TimedOutError,
)
from portside.names import Endpoint, parse_endpoint
from portside.net import Conn
from portside.net import dial as connect

__all__ = ["dial"]


@click.command()
@click.argument("endpoint", metavar="ENDPOINT")
@click.option(
    "--timeout",
    type=Duration(above_zero=True),
    show_envvar=True,
    help="How long connecting may take, retries included; no bound unless given.",
)
@click.option(
    "--retry",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    show_envvar=True,
    help="Try N times more while it is refused or times out.",
)
@click.option(
    "--trace-calls",
    is_flag=True,
    show_envvar=True,
    help="Show every socket call and its result on stderr, as it happens.",
)
def dial(endpoint: str, *, timeout: float | None, retry: int, trace_calls: bool) -> int:
    """Connect stdin and stdout to a peer.

    ENDPOINT is [tcp://|tcp4://|tcp6://]HOST:PORT; a service's name may stand for the
    port. What comes on stdin is sent, what the peer sends comes on stdout, byte for
    byte. The end of stdin ends our direction (half-close); when the peer has ended, so
    does this.

    \b
    Examples:
      portside dial 127.0.0.1:7007
      printf 'hello\\n' | portside dial localhost:echo
      printf 'GET / HTTP/1.0\\r\\n\\r\\n' | portside dial example.com:http
      portside dial [::1]:9000 --retry 10 --timeout 5s < request > answer

    \b
    Exit status: 0 the peer has ended, 2 usage, 6 name not found, 7 refused or
    unreachable, 28 timed out, 56 reset by the peer, 130 Ctrl-C
    """
    show_logs(0)
    place = _place(endpoint)
    with trace_if(trace_calls):
        conn = _connect(place, timeout, retry)
        try:
            talk(conn)
        except Error as error:
            status = TIMED_OUT if isinstance(error, TimedOutError) else RESET
            raise Failure(str(error), status) from error
        except OSError as error:
            raise Failure(f"stdin or stdout: {error.strerror}", FAILED) from error
    return 0


def _place(text: str) -> Endpoint:
    try:
        place = parse_endpoint(text, default_network="tcp")
    except AddressError as error:
        hint = f" (write localhost:{text})" if text.isdecimal() else ""
        raise Failure(f"{error}{hint}", USAGE) from None
    if not place.port:
        raise Failure(f"endpoint {text!r}: which port? nobody listens at 0", USAGE)
    return place


def _connect(place: Endpoint, timeout: float | None, retry: int) -> Conn:
    try:
        return connect(place, timeout=timeout, attempts=retry + 1)
    except AddressError as error:
        raise Failure(str(error), USAGE) from error
    except ResolveError as error:
        raise Failure(f"{error}: check the host's name", CANNOT_RESOLVE) from error
    except TimedOutError as error:
        bound = f" (--timeout {duration_text(timeout)})" if timeout else ""
        raise Failure(f"{error}{bound}", TIMED_OUT) from error
    except RefusedError as error:
        hint = (
            "nobody listens there" if retry else "nobody listens there (yet? --retry)"
        )
        raise Failure(f"{error}: {hint}", CANNOT_CONNECT) from error
    except Error as error:
        raise Failure(str(error), CANNOT_CONNECT) from error
