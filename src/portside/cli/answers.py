"""What ``portside lookup`` tells of a name, an address, a port.

In       a name, an address, a port; already checked
Out      an answer: a dictionary, which is what ``--json`` shows, and its text
Source   `net` for names, `names` for the registries, `observe` for this machine
Fails    as `resolve` and `records` do; an address without a name is no failure

The text is made from the dictionary, so that nobody can be told more than a program is.
"""

import socket
from typing import Any

from portside.cli import _render
from portside.cli.units import duration_text
from portside.engine import timeout
from portside.errors import Error, ResolveError, TimedOutError
from portside.names import (
    IPAddress,
    classify,
    is_link_local,
    is_loopback,
    is_multicast,
    is_private,
    is_unspecified,
    join_host_port,
    port_kind,
    service_name,
)
from portside.names.order import scope_name
from portside.names.services import service_aliases

__all__ = [
    "about_address",
    "about_name",
    "about_port",
    "show_address",
    "show_name",
    "show_port",
]

Answer = dict[str, Any]

# The ranges of RFC 6335 section 6.
_RANGES = {
    "well-known": "0-1023",
    "registered": "1024-49151",
    "ephemeral": "49152-65535",
}


def about_name(
    name: str,
    types: tuple[str, ...],
    *,
    wants_addresses: bool,
    server: IPAddress | None,
) -> tuple[Answer, Error | None]:
    """Return what is known of a name, and what kept us from knowing more.

    Args:
        name: whose addresses and records are asked for.
        types: of the records; those that it does not have are no failure.
        wants_addresses: ask for them too.
        server: the DNS server to ask; None is the system.

    Raises:
        Error: nothing was found, and this is why.
    """
    answer: Answer = {"addresses": [], "records": []}
    trouble: Error | None = None
    none: Error | None = None
    try:
        if wants_addresses:
            try:
                answer["addresses"] = _addresses(name, server)
            except ResolveError as error:
                if not types:
                    raise
                none = error
        for each in types:
            try:
                answer["records"] += _records(name, each, server)
            except ResolveError as error:
                if error.errno == socket.EAI_AGAIN:
                    raise
                none = none or error
    except Error as error:
        trouble = error
    if not answer["addresses"] and not answer["records"]:
        raise trouble or none or ResolveError(remote=name)
    return answer, trouble


def show_name(name: str, answer: Answer) -> None:
    """Show the addresses in the order in which they are tried, and the records."""
    found = answer["addresses"]
    if found:
        count = "1 address" if len(found) == 1 else f"{len(found)} addresses"
        order = "" if len(found) == 1 else ", in the order in which dial tries them"
        _render.say(f"{name}: {count}{order}")
        heads = ("address", "kind", "from", "before the next because")
        rows = [
            (
                each["address"],
                each["kind"],
                each["source"] or "no route",
                _why_text(each["before_next"]),
            )
            for each in found
        ]
        width = 4 if len(found) > 1 else 3
        shown = [row[:width] for row in rows]
        _render.table(heads[:width], shown, whole=("address", "from"))
    if answer["records"]:
        if found:
            _render.say("")
        _render.table(
            ("name", "type", "ttl", "priority", "weight", "value"),
            [_record_row(each) for each in answer["records"]],
        )


def about_address(
    ip: str, *, is_mapped: bool, patience: float, server: IPAddress | None
) -> Answer:
    """Return what an address is for, and the name that it has, if it has one.

    Args:
        ip: as `parse_ip` returned it.
        is_mapped: it was written as IPv4 inside IPv6.
        patience: seconds that the question for its name may take.
        server: the DNS server to ask; None is the system.
    """
    from portside.net.ranking import source_for
    from portside.net.records import reverse_name

    kind = classify(ip)
    bare, _, zone = ip.partition("%")
    return {
        "address": bare,
        "version": 6 if ":" in bare else 4,
        "zone": zone,
        "is_mapped": is_mapped,
        "kind": kind.name,
        "block": kind.prefix,
        "rfc": kind.rfc,
        "allocated": kind.allocated,
        "may_be_source": kind.source,
        "may_be_destination": kind.destination,
        "forwardable": kind.forwardable,
        "globally_reachable": kind.globally_reachable,
        "reserved_by_protocol": kind.reserved,
        "scope": scope_name(bare),
        "is_loopback": is_loopback(bare),
        "is_link_local": is_link_local(bare),
        "is_private": is_private(bare),
        "is_multicast": is_multicast(bare),
        "is_unspecified": is_unspecified(bare),
        "source": source_for(ip),
        "reverse_name": reverse_name(bare),
        "names": _names_of(ip, patience, server),
    }


def show_address(answer: Answer) -> None:
    """Show what an address is for, question by question."""
    kind = answer["kind"]
    version = f"IPv{answer['version']}"
    mapped = f"; written inside IPv6: ::ffff:{answer['address']}"
    _render.say(f"{answer['address']}: {version}, {kind}{mapped * answer['is_mapped']}")
    since = f", since {answer['allocated']}" if answer["allocated"] else ""
    rows = [
        ("block", f"{answer['block']} ({answer['rfc']}{since})"),
        ("scope (RFC 6724)", answer["scope"]),
        ("valid as source", _yes_or_no(answer["may_be_source"])),
        ("valid as destination", _yes_or_no(answer["may_be_destination"])),
        ("forwarded by routers", _yes_or_no(answer["forwardable"])),
        ("globally reachable", _yes_or_no(answer["globally_reachable"])),
        ("reserved by IP", _yes_or_no(answer["reserved_by_protocol"])),
        ("reached from", _route_text(answer)),
        ("name", ", ".join(map(_escaped, answer["names"])) or "none known"),
    ]
    if answer["zone"]:
        rows.insert(2, ("zone", f"{answer['zone']} (the interface it belongs to)"))
    _render.facts(rows)


def about_port(port: int) -> Answer:
    """Return the services of a port, and what this machine does with it."""
    from portside.observe import find_holder
    from portside.observe.ports import local_port

    local = local_port(port)
    holder = find_holder(IPAddress("tcp", "::", port)) if port else None
    return {
        "port": port,
        "range": port_kind(port),
        "services": [
            {
                "protocol": protocol,
                "name": name,
                "aliases": list(service_aliases(port, protocol)),
            }
            for protocol in ("tcp", "udp")
            if (name := service_name(port, protocol))
        ],
        "needs_right": local.needs_right,
        "may_listen": local.may_listen,
        "first_free": local.first_free,
        "is_for_clients": local.is_for_clients,
        "is_reserved": local.is_reserved,
        "client_range": list(local.client_range),
        "held_by": holder
        and {
            "user": holder.user,
            "pid": holder.pid,
            "name": holder.name,
            "others": holder.others,
        },
    }


def show_port(answer: Answer) -> None:
    """Show who lives at a port, and what this machine does with it."""
    port = answer["port"]
    named = [_service_text(each) for each in answer["services"]]
    _render.say(f"port {port}: {', '.join(named) or 'no service that is known here'}")
    if not port:
        _render.say("who listens at 0 is given a free port by the kernel")
        return
    kind = answer["range"]
    _render.facts(
        [
            ("range", f"{kind} ({_RANGES[kind]} by IANA)"),
            ("to listen", _right_text(answer)),
            ("for clients", _clients_text(answer)),
            ("held by (tcp)", _holder_text(answer["held_by"])),
        ]
    )


def _addresses(name: str, server: IPAddress | None) -> list[Answer]:
    from dataclasses import asdict

    from portside.net import resolve
    from portside.net.ranking import best_first, ranked

    def asked(host: str, network: str) -> list[str]:
        found: list[str] = []
        none: Error | None = None
        for each in ("AAAA", "A"):
            try:
                found += [record["value"] for record in _records(host, each, server)]
            except ResolveError as error:
                if error.errno == socket.EAI_AGAIN:
                    raise
                none = error
        if none is not None and not found:
            raise none
        return best_first(found)

    places = resolve("tcp", name, 0, asked if server is not None else None)
    return [
        {
            "address": each.address.host,
            "kind": each.address.kind.name,
            "source": each.source,
            "before_next": each.before_next and asdict(each.before_next),
        }
        for each in ranked(places)
    ]


def _records(name: str, kind: str, server: IPAddress | None) -> list[Answer]:
    from dataclasses import asdict

    from portside.net.records import records

    return [asdict(each) for each in records(name, kind, server=server)]


def _names_of(ip: str, patience: float, server: IPAddress | None) -> list[str]:
    from portside.net.records import reverse_name
    from portside.net.resolve import reverse

    try:
        with timeout(patience):
            if server is None:
                return [reverse(ip)]
            found = _records(reverse_name(ip), "PTR", server)
    except (ResolveError, TimedOutError):
        return []
    return [record["value"] for record in found]


def _why_text(why: Answer | None) -> str:
    if why is None:
        return ""
    table = f", table of {why['table']}" if why["table"] else ""
    rule = f" ({why['rule']}{table})" if why["rule"] else ""
    return f"{why['because']}{rule}"


def _record_row(record: Answer) -> tuple[str, ...]:
    value = record["value"]
    if value == ".":
        value = {"MX": ". (takes no mail)", "SRV": ". (no such service)"}.get(
            record["type"], value
        )
    elif record["port"] is not None:
        value = join_host_port(value, record["port"])
    numbers = (record["priority"], record["weight"])
    return (
        record["name"],
        record["type"],
        duration_text(record["ttl"]) if record["ttl"] else "0s",
        *("" if number is None else str(number) for number in numbers),
        _escaped(value),
    )


def _escaped(text: str) -> str:
    """Return text of somebody else's so that it cannot drive a terminal."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _yes_or_no(answer: bool | None) -> str:
    return {True: "yes", False: "no", None: "it depends"}[answer]


def _route_text(answer: Answer) -> str:
    if answer["source"] == answer["address"]:
        return f"{answer['source']} (this host has it)"
    if answer["source"] is not None:
        return str(answer["source"])
    if answer["is_link_local"] and answer["version"] == 6 and not answer["zone"]:
        return f"no route (give the interface: {answer['address']}%eth0)"
    return "no route"


def _service_text(service: Answer) -> str:
    also = f", also {' '.join(service['aliases'])}" if service["aliases"] else ""
    return f"{service['name']} ({service['protocol']}{also})"


def _right_text(answer: Answer) -> str:
    if not answer["needs_right"]:
        return f"anybody may (ports from {answer['first_free']} up)"
    has = "has" if answer["may_listen"] else "does not have"
    return (
        f"takes a right (CAP_NET_BIND_SERVICE, under {answer['first_free']}), which "
        f"this process {has}"
    )


def _clients_text(answer: Answer) -> str:
    first, last = answer["client_range"]
    if answer["is_for_clients"]:
        return f"yes: the kernel may give it to any client ({first}-{last})"
    if answer["is_reserved"]:
        return "no: it is in net.ipv4.ip_local_reserved_ports"
    return f"no: the kernel gives them {first}-{last}"


def _holder_text(holder: Answer | None) -> str:
    if holder is None:
        return "nobody, as far as can be seen"
    if holder["pid"] is None:
        return f"a process of user {holder['user']}, which cannot be seen from here"
    more = f" and {holder['others']} more" if holder["others"] else ""
    return f"{holder['name']} (pid {holder['pid']}){more}, user {holder['user']}"
