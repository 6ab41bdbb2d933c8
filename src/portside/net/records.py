"""Ask DNS for what is no address: who takes the mail, where a service lives.

In       a name, a type (MX, SRV, TXT, NS, CNAME, PTR, A, AAAA); perhaps a server
Out      its records, those to prefer first
Source   RFC 1035; RFC 7505 (no mail), RFC 2782 (SRV), RFC 3596 (AAAA, reverse names);
         ``dnspython`` speaks the protocol, by resolv.conf(5)
Holds    nothing
Fails    ResolveError: no such name, no such record, or no server that would say;
         DeadlineError: the time of the block around was up; TimedOutError: nobody
         answered in 5 seconds; AddressError: no name can look like that; Error: no
         dnspython, no server in resolv.conf

The resolver of the system gives addresses only. What it knows beside DNS, /etc/hosts
above all, is not seen from here. Servers that are given are asked for the very name;
else the search list of resolv.conf is gone through, as for addresses.

A name or a text in an answer is what somebody on the net has written there. Names come
escaped by the rules of zone files; texts do not, and must be before they are shown.
"""

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portside.engine import checkpoint, now
from portside.errors import (
    AddressError,
    DeadlineError,
    Error,
    ResolveError,
    TimedOutError,
)
from portside.names import IPAddress
from portside.net.resolve import ask

if TYPE_CHECKING:
    import dns.resolver

__all__ = ["RECORD_TYPES", "Record", "records", "reverse_name"]

RECORD_TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "PTR", "SRV", "TXT")

PATIENCE_SECONDS = 5.0
"""For all servers together where no block around sets a bound: dnspython's default."""

# Not every C library knows "the name is there, but has none of these".
_NO_DATA = getattr(socket, "EAI_NODATA", socket.EAI_NONAME)


@dataclass(frozen=True, slots=True)
class Record:
    """What DNS holds under a name.

    Attributes:
        type: MX, SRV, TXT ...
        name: whose it is: the name that was asked for, or where its aliases led.
        ttl: for how many seconds it may be remembered.
        value: a host, a text or an address; "." for a host is a plain no: no mail, no
            service.
        priority: the lowest is to be tried first (MX, SRV); else None.
        weight: how often it is to be chosen among those of its priority (SRV).
        port: where the service is (SRV).
    """

    type: str
    name: str
    ttl: int
    value: str
    priority: int | None = None
    weight: int | None = None
    port: int | None = None


def records(name: str, kind: str, *, server: IPAddress | None = None) -> list[Record]:
    """Return the records of one type that a name has, those to prefer first.

    SRV records of one priority are in the order of their weights; who spreads load
    chooses among them at random, as RFC 2782 says.

    Args:
        name: a domain's name; for PTR as `reverse_name` gives it.
        kind: one of `RECORD_TYPES`.
        server: who is asked; None is the system's servers.

    Raises:
        ResolveError: it has none; errno tells whether the name is known (EAI_NODATA) or
            not (EAI_NONAME), or no server would answer (EAI_AGAIN).
        DeadlineError: the time of a block around was up.
        TimedOutError: no block bounds it, and nobody answered in 5 seconds.
        AddressError: no name can look like this, or there is no such type.
    """
    if kind not in RECORD_TYPES:
        raise AddressError(f"type {kind!r}: not one of {', '.join(RECORD_TYPES)}")
    try:
        return ask(_ask, name, kind, server)
    except Error as error:
        error.op, error.network = error.op or "resolve", error.network or "dns"
        error.remote = error.remote or f"{name} {kind}"
        raise


def reverse_name(ip: str) -> str:
    """Return the name under which DNS has the name of an address.

    >>> reverse_name("192.0.2.1")
    '1.2.0.192.in-addr.arpa'
    """
    from ipaddress import ip_address  # noqa: PLC0415 - few need it

    try:
        return ip_address(ip.partition("%")[0]).reverse_pointer
    except ValueError:
        raise AddressError(f"address {ip!r}: not an IP address") from None


def _ask(name: str, kind: str, server: IPAddress | None) -> list[Record]:
    try:
        import dns.exception  # noqa: PLC0415 - an extra, and a fifth of a second
        import dns.name  # noqa: PLC0415
        import dns.resolver  # noqa: PLC0415
    except ImportError as error:
        raise Error(
            "DNS records need dnspython: pip install 'portside[dns]'"
        ) from error
    until = checkpoint()
    patience = PATIENCE_SECONDS if until is None else max(until - now(), 0.001)
    try:
        question = dns.name.from_text(name, origin=None)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise AddressError(f"name {name!r}: {_sentence(error)}") from error
    if server is not None and not question.is_absolute():
        question = question.concatenate(dns.name.root)
    try:
        answer = _resolver(server).resolve(
            question, kind, lifetime=patience, search=server is None
        )
    except dns.resolver.NXDOMAIN as error:
        raise ResolveError("no such name", errno=socket.EAI_NONAME) from error
    except dns.resolver.NoAnswer as error:
        reason = f"the name has no {kind} record"
        raise ResolveError(reason, errno=_NO_DATA) from error
    except dns.resolver.NoNameservers as error:
        reason = f"no server would say ({_refusals(error)})"
        raise ResolveError(reason, errno=socket.EAI_AGAIN) from error
    except dns.exception.Timeout as error:
        if until is not None:
            raise DeadlineError from error
        raise TimedOutError(f"no answer in {PATIENCE_SECONDS:g} s") from error
    except dns.resolver.NoResolverConfiguration as error:
        raise Error("no DNS server in /etc/resolv.conf") from error
    except dns.exception.DNSException as error:
        raise ResolveError(_sentence(error), errno=socket.EAI_AGAIN) from error
    return _records(kind, answer)


def _resolver(server: IPAddress | None) -> "dns.resolver.Resolver":
    import dns.nameserver  # noqa: PLC0415
    import dns.resolver  # noqa: PLC0415

    if server is None:
        return dns.resolver.Resolver()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [dns.nameserver.Do53Nameserver(server.host, server.port)]
    return resolver


def _records(kind: str, answer: "dns.resolver.Answer") -> list[Record]:
    rows = answer.rrset
    if rows is None:
        return []
    owner = rows.name.to_text(omit_final_dot=True)
    found = [_record(kind, owner, int(rows.ttl), row) for row in rows]
    return sorted(
        found, key=lambda each: (each.priority or 0, -(each.weight or 0), each.value)
    )


def _record(kind: str, owner: str, ttl: int, row: Any) -> Record:
    if kind == "MX":
        return Record(kind, owner, ttl, _host(row.exchange), row.preference)
    if kind == "SRV":
        host = _host(row.target)
        return Record(kind, owner, ttl, host, row.priority, row.weight, row.port)
    if kind == "TXT":
        text = b"".join(row.strings).decode(errors="backslashreplace")
        return Record(kind, owner, ttl, text)
    if kind in ("A", "AAAA"):
        return Record(kind, owner, ttl, IPAddress("udp", row.address, 0).ip)
    return Record(kind, owner, ttl, _host(row.target))


def _host(name: Any) -> str:
    return str(name.to_text(omit_final_dot=True)) if len(name) > 1 else "."


def _refusals(error: "dns.resolver.NoNameservers") -> str:
    told = [
        # The server is told as "Do53:192.0.2.53@53".
        f"{str(place).rpartition('@')[0].removeprefix('Do53:') or place}: "
        f"{str(what) or type(what).__name__}"
        for place, _, _, what, _ in error.kwargs["errors"]
    ]
    return ", ".join(dict.fromkeys(told)) or "there is none"


def _sentence(error: Exception) -> str:
    text = str(error).rstrip(".")
    return text[:1].lower() + text[1:]
