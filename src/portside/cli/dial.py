"""``portside dial``: connect stdin and stdout to a peer.

In       ENDPOINT
Out      the conversation; curl's exit statuses
Fails    Failure: a mistake in what was typed; the connection could not be had, or kept
"""

import click

from portside.cli.exchange import exchange
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
from portside.cli.options import said
from portside.cli.starting import no_right
from portside.cli.talk import talk
from portside.cli.trace import trace_if
from portside.cli.units import Count, Duration, duration_text
from portside.errors import (
    AddressError,
    DeniedError,
    Error,
    InUseError,
    LimitError,
    NotFoundError,
    RefusedError,
    ResolveError,
    TimedOutError,
)
from portside.names import (
    PACKET_NETWORKS,
    UNIX_NETWORKS,
    AnyEndpoint,
    Endpoint,
    IPAddress,
    parse_endpoint,
)
from portside.net import Conn, PacketConn
from portside.net import dial as connect

__all__ = ["dial"]


@click.command()
@click.argument("endpoint", metavar="ENDPOINT")
@click.option(
    "-u",
    "--udp",
    is_flag=True,
    show_envvar=True,
    help="ENDPOINT is of UDP: what one read of stdin gives is a packet.",
)
@click.option(
    "--unix",
    is_flag=True,
    show_envvar=True,
    help="ENDPOINT is the path of a Unix socket.",
)
@click.option(
    "--quiet-time",
    type=Duration(above_zero=True),
    default="1s",
    show_default=True,
    show_envvar=True,
    help="With packets, which have no end: how long it is silent when stdin has ended.",
)
@click.option(
    "--timeout",
    type=Duration(above_zero=True),
    show_envvar=True,
    help="How long connecting may take, retries included; no bound unless given.",
)
@click.option(
    "--retry",
    type=Count(),
    default=0,
    metavar="N",
    show_envvar=True,
    help="Try N times more while it is refused or times out.",
)
@click.option(
    "--local",
    metavar="HOST[:PORT]",
    show_envvar=True,
    help="Call from this address of this host, and this port; else the kernel chooses.",
)
@click.option(
    "--trace-calls",
    is_flag=True,
    show_envvar=True,
    help="Show every socket call and its result on stderr, as it happens.",
)
def dial(
    endpoint: str,
    *,
    udp: bool,
    unix: bool,
    quiet_time: float,
    timeout: float | None,
    retry: int,
    local: str | None,
    trace_calls: bool,
) -> int:
    """Connect stdin and stdout to a peer.

    ENDPOINT is [tcp://|udp://]HOST:PORT (tcp4, tcp6, udp4, udp6 for one family); a
    service's name may stand for the port. Or it is unix:PATH, or unix:@NAME. What comes
    on stdin is sent, what the peer sends comes on stdout, byte for byte. The end of
    stdin ends our direction (half-close); when the peer has ended, so does this.
    Packets have no end: there, it is when nothing came for a while.

    \b
    Examples:
      portside dial 127.0.0.1:7007
      printf 'hello\\n' | portside dial localhost:echo
      printf 'GET / HTTP/1.0\\r\\n\\r\\n' | portside dial example.com:http
      printf 'hello\\n' | portside dial -u localhost:echo
      portside dial unix:/run/echo.sock
      portside dial [::1]:9000 --retry 10 --timeout 5s < request > answer
      portside dial 127.0.0.1:7007 --local 127.0.0.2

    \b
    Exit status: 0 the peer has ended, 2 usage, 6 name not found, 7 refused or
    unreachable, 28 timed out, 56 reset by the peer, 130 Ctrl-C
    """
    show_logs(0)
    if udp and unix:
        raise Failure(f"{said('udp')} and {said('unix')}: one of them", USAGE)
    place = _place(endpoint, "udp" if udp else "unix" if unix else "tcp")
    _check_typed(endpoint, place)
    with trace_if(trace_calls):
        conn = _connect(place, timeout, retry, local)
        try:
            if isinstance(conn, PacketConn):
                exchange(conn, quiet_time)
            else:
                talk(conn)
        except LimitError as error:
            raise Failure(str(error), FAILED) from error
        except Error as error:
            raise Failure(str(error), _status(error)) from error
        except OSError as error:
            raise Failure(f"stdin or stdout: {error.strerror}", FAILED) from error
    return 0


def _status(error: Error) -> int:
    if isinstance(error, TimedOutError):
        return TIMED_OUT
    return CANNOT_CONNECT if isinstance(error, RefusedError) else RESET


def _place(text: str, network: str) -> AnyEndpoint:
    try:
        place = parse_endpoint(text, default_network=network)
    except AddressError as error:
        hint = f" (write localhost:{text})" if text.isdecimal() else ""
        raise Failure(f"{error}{hint}", USAGE) from None
    if isinstance(place, Endpoint) and not place.port:
        raise Failure(f"endpoint {text!r}: which port? nobody listens at 0", USAGE)
    return place


def _check_typed(text: str, place: AnyEndpoint) -> None:
    """Return if every flag that was typed means something at this endpoint.

    A variable is for all calls, and waits for one that it fits.

    Raises:
        Failure: one does not; it names the flag.
    """
    typed = click.core.ParameterSource.COMMANDLINE
    source = click.get_current_context().get_parameter_source
    network = place.network
    if source("udp") is typed and not network.startswith("udp"):
        raise Failure(f"--udp: {text} says {network}", USAGE)
    if source("unix") is typed and network not in UNIX_NETWORKS:
        raise Failure(f"--unix: {text} says {network}", USAGE)
    if network in PACKET_NETWORKS and source("retry") is typed:
        raise Failure(
            f"--retry: a packet to {network} is sent whether anybody is there or not, "
            f"so there is no connecting to try again",
            USAGE,
        )
    if network not in PACKET_NETWORKS and source("quiet_time") is typed:
        raise Failure(
            f"--quiet-time: is for packets, and a conversation over {network} ends "
            f"when the peer ends it",
            USAGE,
        )


def _connect(
    place: AnyEndpoint, timeout: float | None, retry: int, local: str | None
) -> Conn | PacketConn:
    try:
        return connect(place, timeout=timeout, attempts=retry + 1, local=local)
    except AddressError as error:
        raise Failure(str(error), USAGE) from error
    except ResolveError as error:
        raise Failure(f"{error}: check the host's name", CANNOT_RESOLVE) from error
    except TimedOutError as error:
        bound = f" ({said('timeout')} {duration_text(timeout)})" if timeout else ""
        raise Failure(f"{error}{bound}", TIMED_OUT) from error
    except (RefusedError, NotFoundError) as error:
        hint = (
            "nobody listens there" if retry else "nobody listens there (yet? --retry)"
        )
        raise Failure(f"{error}: {hint}", CANNOT_CONNECT) from error
    except InUseError as error:
        hint = (
            f" ({said('local')} without a port lets the kernel choose one)"
            if local
            else ""
        )
        raise Failure(f"{error}{hint}", CANNOT_CONNECT) from error
    except DeniedError as error:
        told = ""
        if local is not None and isinstance(error.local, IPAddress):
            told = no_right("call from", error.local)
        raise Failure(told or str(error), CANNOT_CONNECT) from error
    except Error as error:
        raise Failure(str(error), CANNOT_CONNECT) from error
