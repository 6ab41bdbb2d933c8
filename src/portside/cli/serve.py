"""``portside serve``: handlers at endpoints, until told to stop.

In       WHAT[=ENDPOINT]..., and an option for each field of `portside.server.Settings`
Out      a table of what listens where; at the end a report
Fails    Failure: a mistake in what was typed, or the server could not start
"""

import contextlib
import logging
import os
import shlex
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click
from click.shell_completion import CompletionItem

from portside.cli import _render
from portside.cli.apart import check_apart
from portside.cli.failure import CANNOT_START, FAILED, USAGE, Failure
from portside.cli.logs import show_logs
from portside.cli.options import options_of, said, taken_from
from portside.cli.starting import could_not_start
from portside.cli.trace import trace_if
from portside.cli.web import WebOptions
from portside.cli.what import What, parse_what
from portside.errors import Error
from portside.http.settings import ACCESS_LOGS, HttpSettings
from portside.models import MODELS, WORKER_MODELS, Hybrid
from portside.models.children import check_one_thread
from portside.names import (
    PACKET_NETWORKS,
    Address,
    IPAddress,
    is_unspecified,
    join_host_port,
)
from portside.server import Server, Settings
from portside.services import SERVICES, ForwardSettings, forward_upstream

__all__ = ["serve"]

_CHOICES = {
    "model": MODELS,
    "worker_model": tuple(WORKER_MODELS),
    "over_capacity": ("wait", "refuse"),
    "access_log": ACCESS_LOGS,
}


_DEFAULTS = {"model": Hybrid.name}
"""Where the command differs: who serves from the command line wants all the cores, and
who serves from a program expects that handlers share its memory."""


def _complete_what(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    services = [name for name in SERVICES if name.startswith(incomplete)]
    return [CompletionItem(name) for name in services] or [
        CompletionItem(incomplete, type="file")
    ]


@click.command()
@click.argument(
    "what",
    nargs=-1,
    required=True,
    metavar="WHAT[=ENDPOINT]...",
    shell_complete=_complete_what,
)
@options_of(Settings, choices=_CHOICES, defaults=_DEFAULTS)
@options_of(ForwardSettings, about="With forward: ")
@options_of(HttpSettings, choices=_CHOICES, about="With HTTP: ")
@click.option(
    "--listing",
    is_flag=True,
    show_envvar=True,
    help="With a directory: list what is in it, where there is no index.html.",
)
@click.option(
    "--trace-calls",
    is_flag=True,
    show_envvar=True,
    help="Show every socket call and its result on stderr, as it happens.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    envvar="PORTSIDE_SERVE_JSON",
    show_envvar=True,
    help="Write JSON: an object when it listens, one when it has stopped.",
)
@click.option(
    "-v",
    "--verbose",
    count=True,
    show_envvar=True,
    help="Log more: starts and stops (-v), each conversation too (-vv).",
)
def serve(
    what: tuple[str, ...],
    *,
    listing: bool,
    trace_calls: bool,
    as_json: bool,
    verbose: int,
    **settings: Any,
) -> int:
    """Serve handlers at endpoints until told to stop.

    WHAT is a service (echo, daytime ...), a directory (./public), or something of your
    own, a function of a conn or of a packet, or a mux: file.py:NAME or module:NAME.
    ENDPOINT is [tcp://|udp://]HOST:PORT (tcp4,
    tcp6, udp4, udp6 for one family); without a network, all that the service speaks.
    Port 0 lets the system choose, no HOST is every address of this one. Or it is
    unix:PATH (unix:@NAME without a file), or a socket that was passed to this process:
    fd:N, systemd:NAME. A service without ENDPOINT is at its well-known port.
    forward:HOST:PORT (or forward:unix:PATH) passes on what comes, as over a bad network
    if you say so.

    The first Ctrl-C (or SIGTERM) stops accepting and lets conversations go on for the
    grace; the second ends the process at once.

    \b
    Examples:
      portside serve echo=127.0.0.1:7007
      portside serve echo=:7007 discard=:9009 --model fork
      portside serve app.py:chat=tcp6://[::1]:9000 --grace 30s
      portside serve ./public=:8080 app.py:mux=:8081
      portside serve echo=unix:/run/echo.sock
      portside serve echo=localhost:0 --trace-calls
      portside serve forward:127.0.0.1:7007=:7008 --delay 100ms --loss 0.05
    """
    show_logs(verbose)
    with (
        _told_as_json() if as_json else contextlib.nullcontext(),
        trace_if(trace_calls),
    ):
        forward = _forward_settings(what, settings)
        web = WebOptions.of(_typed(taken_from(settings, HttpSettings)), listing)
        wanted = [parse_what(text, forward, web) for text in what]
        web.check_used(
            web=any(each.is_web for each in wanted),
            directories=any(each.is_directory for each in wanted),
        )
        check_apart(wanted)
        _serve(wanted, taken_from(settings, Settings), as_json=as_json)
    return 0


def _typed(values: dict[str, Any]) -> dict[str, Any]:
    """Return those that somebody gave, also where they are as they are by default."""
    source = click.get_current_context().get_parameter_source
    default = click.core.ParameterSource.DEFAULT
    return {name: v for name, v in values.items() if source(name) is not default}


def _forward_settings(
    what: tuple[str, ...], settings: dict[str, Any]
) -> ForwardSettings:
    given = taken_from(settings, ForwardSettings)
    if not any(map(forward_upstream, what)):
        for name, default in asdict(ForwardSettings()).items():
            if given[name] != default:
                raise Failure(
                    f"{said(name)}: nothing is forwarded (write forward:HOST:PORT)",
                    USAGE,
                )
    try:
        return ForwardSettings(**given)
    except ValueError as error:
        name, _, reason = str(error).partition(" ")
        raise Failure(f"{said(name)} {reason}", USAGE) from None


def _serve(wanted: list[What], settings: dict[str, Any], *, as_json: bool) -> None:
    server = _make_server(wanted, settings)
    try:
        server.listen()
    except Error as error:
        raise could_not_start(error) from error
    if server.model.needs_process:
        try:
            check_one_thread(
                server.model.name
            )  # a handler's file may have started some
        except RuntimeError as error:
            raise Failure(str(error), CANNOT_START) from None
    announce = _announce_json if as_json else _announce
    try:
        report = server.run(ready=lambda: announce(wanted, server))
    except Error as error:
        raise Failure(str(error), FAILED) from error
    if as_json:
        _render.json_line({"event": "stopped", **asdict(report)})
    else:
        _render.say(f"stopped: {report}")
    _leave_threads()


def _leave_threads() -> None:
    """Leave now, if a handler has started a thread that Python would wait for."""
    left = [
        each.name
        for each in threading.enumerate()
        if not each.daemon and each is not threading.main_thread()
    ]
    if left:
        _render.complain(f"left behind, as handlers started them: {', '.join(left)}")
        logging.shutdown()
        os._exit(0)


def _make_server(wanted: list[What], settings: dict[str, Any]) -> Server:
    try:
        server = Server(**settings)
    except ValueError as error:
        name, _, reason = str(error).partition(" ")
        blamed = said(name) if name in settings else name
        raise Failure(f"{blamed} {reason}", USAGE) from None
    for each in wanted:
        server.add(each.service, each.endpoint)
    return server


def _announce(wanted: list[What], server: Server) -> None:
    model, most = server.model.name, str(server.max_connections)
    if (workers := server.model.workers) is not None:
        model = f"{model} ({workers} worker{'s' if workers > 1 else ''})"
    rows = [
        (name, address.endpoint_text, model, _most(address, most))
        for name, address in _places(wanted, server)
    ]
    heads = ("service", "endpoint", "model", "max connections")
    _render.table(heads, rows, whole=("endpoint",))
    _render.say(
        f"\ntry it:  {_to_try(wanted[0], server.addresses[0])}\n"
        f"Ctrl-C stops: the first waits for conversations to end, a second does not"
    )


def _to_try(what: What, address: Address) -> str:
    near = _dialable(address)
    if what.is_web and isinstance(address, IPAddress):
        return f"curl -i http://{near}/"
    if what.is_web:
        return f"curl -i --unix-socket {shlex.quote(str(address))} http://localhost/"
    if address.network in PACKET_NETWORKS:
        near = f"-u {near}"
    return f"printf 'hello\\n' | {_this_command()} dial {near}"


def _announce_json(wanted: list[What], server: Server) -> None:
    places = [
        {
            "service": name,
            "endpoint": address.endpoint_text,
            **_json_parts(address),
        }
        for name, address in _places(wanted, server)
    ]
    _render.json_line(
        {
            "event": "listening",
            "pid": os.getpid(),
            "model": server.model.name,
            "workers": server.model.workers,
            "max_connections": server.max_connections,
            "listening": places,
        }
    )


def _places(wanted: list[What], server: Server) -> Iterator[tuple[str, Address]]:
    names = {id(each.service): each.name for each in wanted}
    for service, address in server.doors.served:
        yield names[id(service)], address


def _this_command() -> str:
    """Return what to type to start this program again, from the same directory."""
    if shutil.which("portside") is not None or not os.access(sys.argv[0], os.X_OK):
        return "portside"
    return os.path.relpath(sys.argv[0])


def _json_parts(address: Address) -> dict[str, str | int]:
    if isinstance(address, IPAddress):
        return {"host": address.host, "port": address.port}
    return {"path": str(address)}


def _most(address: Address, most: str) -> str:
    """Return how many connections there may be at once; packets have none."""
    return "" if address.network in PACKET_NETWORKS else most


def _dialable(address: Address) -> str:
    """Return the address as somebody on this host dials it."""
    if not isinstance(address, IPAddress):
        return shlex.quote(address.endpoint_text)
    if not is_unspecified(address.ip):
        return str(address)
    host = {"4": "127.0.0.1", "6": "::1"}.get(address.network[-1], "localhost")
    return join_host_port(host, address.port)


@contextlib.contextmanager
def _told_as_json() -> Iterator[None]:
    """Write a failure to stdout too, for the program that reads there."""
    try:
        yield
    except Failure as failure:
        told = {"event": "failed", "error": str(failure), "status": failure.status}
        _render.json_line(told)
        raise
