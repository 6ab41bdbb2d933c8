"""``portside lookup``: what is behind a name, an address, a port.

In       WHAT: a name, an address, a port, a service
Out      what is known of it; as one object with ``--json``
Fails    Failure: a mistake in what was typed; the name is not known; no answer in time

What WHAT is, its form tells: digits are a port, an IP address is one, and a word that
is a service's name is the service. All else is the name of a host or a domain. A host
that is called like a service is looked up with ``--as name``.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import click

from portside.cli import _render
from portside.cli.failure import CANNOT_RESOLVE, FAILED, TIMED_OUT, USAGE, Failure
from portside.cli.options import said
from portside.cli.units import Duration, duration_text
from portside.errors import AddressError, Error, ResolveError, TimedOutError
from portside.names import (
    IPAddress,
    parse_endpoint,
    parse_ip,
    parse_port,
    service_port,
    split_host_port,
)
from portside.net.records import RECORD_TYPES

__all__ = ["lookup"]

NAME_SECONDS = 5.0
"""For a name: as long as the resolver of the C library waits for one server."""

ADDRESS_SECONDS = 1.0
"""For the name of an address, which is the least of what is told: a guess."""

DNS_PORT = 53

_ALL_TYPES = ("CNAME", "MX", "NS", "SRV", "TXT")


@click.command()
@click.argument("what")
@click.option(
    "--as",
    "form",
    envvar="PORTSIDE_LOOKUP_AS",
    type=click.Choice(("name", "address", "port", "service")),
    show_envvar=True,
    help="What WHAT is, where its form would tell otherwise.",
)
@click.option(
    "--type",
    "types",
    envvar="PORTSIDE_LOOKUP_TYPE",
    type=click.Choice(RECORD_TYPES, case_sensitive=False),
    multiple=True,
    show_envvar=True,
    help="Ask DNS for records of this type, and not for addresses; may be repeated.",
)
@click.option(
    "--all",
    "wants_all",
    envvar="PORTSIDE_LOOKUP_ALL",
    is_flag=True,
    show_envvar=True,
    help=f"Show the addresses, and the {', '.join(_ALL_TYPES)} records that there are.",
)
@click.option(
    "--server",
    metavar="IP[:PORT]",
    show_envvar=True,
    help="Ask this DNS server, and nobody else.",
)
@click.option(
    "--timeout",
    type=Duration(above_zero=True),
    show_envvar=True,
    help="How long to wait for answers: 5s; 1s for the name of an address.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    envvar="PORTSIDE_LOOKUP_JSON",
    show_envvar=True,
    help="Write JSON: one object, also when it fails.",
)
def lookup(
    what: str,
    *,
    form: str | None,
    types: tuple[str, ...],
    wants_all: bool,
    server: str | None,
    timeout: float | None,
    as_json: bool,
) -> int:
    """Tell what is behind a name, an address, a port.

    WHAT is one of them: digits are a port, a service's name is that, all else is a
    name. A name's addresses are shown in the order in which dial tries them, with the
    rule that puts each before the next.

    \b
    Examples:
      portside lookup localhost
      portside lookup example.com --type MX
      portside lookup example.com --all --server 192.0.2.53
      portside lookup 192.0.2.1
      portside lookup 443
      portside lookup https --json

    \b
    Exit status: 0 found, 2 usage, 6 name not known, 28 no answer in time, 130 Ctrl-C
    """
    text = what.removeprefix("[").removesuffix("]") if what[:1] == "[" else what
    with _told_as_json(what) if as_json else contextlib.nullcontext():
        try:
            asked = _Asked(
                what=what,
                form=form or _form(text),
                types=(*types, *(_ALL_TYPES if wants_all else ())),
                wants_addresses=wants_all or not types,
                server=_server(server),
                timeout=timeout,
                as_json=as_json,
            )
            if asked.form in ("port", "service"):
                return _ports(asked)
            if asked.form == "address":
                return _address(asked, text)
            _check_name(text)
            return _name(asked, text)
        except AddressError as error:
            raise Failure(str(error), USAGE) from error


class _Told(Failure):
    """One that was written with what had been found before it."""


@contextlib.contextmanager
def _told_as_json(what: str) -> Iterator[None]:
    """Write a failure to stdout too, for the program that reads there."""
    try:
        yield
    except _Told:
        raise
    except Failure as failure:
        _render.json_line({"what": what, **_as_json(failure)})
        raise


def _as_json(failure: Failure) -> dict[str, str | int]:
    return {"error": str(failure), "status": failure.status}


@dataclass(frozen=True)
class _Asked:
    what: str
    form: str
    types: tuple[str, ...]
    wants_addresses: bool
    server: IPAddress | None
    timeout: float | None
    as_json: bool


def _form(text: str) -> str:
    if text.isascii() and text.isdecimal():
        return "port"
    if parse_ip(text) is not None:
        return "address"
    if "." not in text and _service_ports(text):
        return "service"
    return "name"


def _service_ports(name: str) -> list[int]:
    found = []
    for protocol in ("tcp", "udp"):
        try:
            found.append(service_port(name, protocol))
        except AddressError:
            continue
    return list(dict.fromkeys(found))


def _ports(asked: _Asked) -> int:
    from portside.cli.answers import about_port, show_port

    what = asked.what
    if asked.types or asked.server is not None:
        raise Failure(f"{what!r} is a {asked.form}, of which DNS knows nothing", USAGE)
    if asked.form == "service":
        ports = _service_ports(what) or [service_port(what, "tcp")]  # it says why not
    elif what.isascii() and what.isdecimal():
        ports = [parse_port(what)]
    else:
        raise Failure(f"port {what!r}: not a number (0-65535)", USAGE)
    answers = [about_port(port) for port in ports]
    if asked.as_json:
        _render.json_line({"what": what, "form": asked.form, "ports": answers})
    else:
        for answer in answers:
            show_port(answer)
    return 0


def _address(asked: _Asked, text: str) -> int:
    ip = parse_ip(text)
    if ip is None:
        raise Failure(f"address {text!r}: not an IP address", USAGE)
    if set(asked.types) - {"PTR"}:
        raise Failure(
            f"{text!r} is an address: its {said('type')} can only be PTR", USAGE
        )
    if asked.types:
        from portside.net.records import reverse_name

        return _name(asked, reverse_name(ip))
    from portside.cli.answers import about_address, show_address

    answer = about_address(
        ip,
        is_mapped=":" in text and ":" not in ip,
        patience=asked.timeout or ADDRESS_SECONDS,
        server=asked.server,
    )
    if asked.as_json:
        _render.json_line({"what": asked.what, "form": asked.form, **answer})
    else:
        show_address(answer)
    return 0


def _name(asked: _Asked, name: str) -> int:
    from portside.cli.answers import about_name, show_name
    from portside.engine import timeout as bounded

    seconds = asked.timeout or NAME_SECONDS
    try:
        with bounded(seconds):
            answer, trouble = about_name(
                name,
                tuple(dict.fromkeys(asked.types)),
                wants_addresses=asked.wants_addresses,
                server=asked.server,
            )
    except AddressError:
        raise
    except Error as error:
        raise _failure(error, name, seconds) from error
    failure = None if trouble is None else _failure(trouble, name, seconds)
    if asked.as_json:
        more = {} if failure is None else _as_json(failure)
        _render.json_line({"what": asked.what, "form": asked.form, **answer, **more})
    else:
        show_name(name, answer)
    if failure is not None:
        raise _Told(str(failure), failure.status)
    return 0


def _failure(error: Error, name: str, seconds: float) -> Failure:
    if isinstance(error, TimedOutError):
        return Failure(
            f"{error} ({said('timeout')} {duration_text(seconds)})", TIMED_OUT
        )
    if isinstance(error, ResolveError):
        return Failure(f"{error}{_service_hint(name)}", CANNOT_RESOLVE)
    return Failure(str(error), FAILED)


def _service_hint(name: str) -> str:
    """Return the service that was perhaps meant, where the name could be one's."""
    if "." in name:
        return ""
    try:
        service_port(name, "tcp")
    except AddressError as error:
        _, found, hint = error.reason.partition("; did you mean ")
        return f"; did you mean the service {hint}" if found else ""
    return ""


def _check_name(text: str) -> None:
    """Return if somebody can have this name.

    Raises:
        AddressError: nobody can; the error says why.
    """
    if not text:
        raise AddressError("name '': is empty")
    if " " in text or not text.isprintable():
        raise AddressError(f"name {text!r}: has a space or a control character")
    mark = next((each for each in ":/@?#" if each in text), "")
    if mark:
        raise AddressError(
            f"name {text!r}: has a {mark!r} (write a name, an address or a port alone)"
        )
    parse_endpoint(f"tcp://{text}:0")


def _server(text: str | None) -> IPAddress | None:
    if text is None:
        return None
    host, port = text, str(DNS_PORT)
    if parse_ip(host) is None:
        if ":" in text and not text.endswith("]"):
            host, port = split_host_port(text)
        else:
            host = text.removeprefix("[").removesuffix("]")
    ip = parse_ip(host)
    if ip is None:
        raise AddressError(f"server {text!r}: not an IP address (write IP or IP:PORT)")
    return IPAddress("udp", ip, parse_port(port, "udp"))
