"""Read what is to be served, and where: ``WHAT[=ENDPOINT]``.

In       text that a person wrote: echo, echo=:7007, app.py:chat=tcp4://127.0.0.1:9000
Out      a handler, its name, an endpoint
Fails    Failure (usage): no such service, no such file, no endpoint ...

A service has neither a colon nor a slash in its name, so the first ``=`` ends it. In
``file.py:name=...`` it is the first ``=`` behind the name: the path may have some of
its own, a name cannot, and neither can an endpoint.
"""

import re
from dataclasses import dataclass

from portside.cli.failure import USAGE, Failure
from portside.errors import AddressError
from portside.names import Endpoint, parse_endpoint, service_port
from portside.names.closest import did_you_mean
from portside.server import Handler
from portside.services import SERVICES

__all__ = ["Service", "parse_what"]

_LOADED = re.compile(
    r"(?P<place>.+?\.py|.+?):(?P<name>[^\W\d][\w.]*)(?:=(?P<endpoint>.*))?"
)


@dataclass(frozen=True)
class Service:
    """What is served where.

    Attributes:
        name: what the person called it: echo, app.py:chat.
        handler: what is called with each conn.
        endpoint: where to listen.
    """

    name: str
    handler: Handler
    endpoint: Endpoint


def parse_what(text: str) -> Service:
    """Return the handler and the endpoint that text names.

    Raises:
        Failure: it names none.
    """
    name, has_endpoint, place = text.partition("=")
    if ":" not in name and "/" not in name:
        handler = _service(name)
        if has_endpoint:
            return Service(name, handler, _endpoint(name, place))
        return Service(name, handler, Endpoint("tcp", "", service_port(name, "tcp")))
    match = _LOADED.fullmatch(text)
    if match is None:
        raise Failure(
            f"{text}: not something to serve (write {', '.join(SERVICES)}, "
            f"file.py:NAME or module:NAME, and the endpoint behind '=': echo=:7007)",
            USAGE,
        )
    name = f"{match['place']}:{match['name']}"
    if match["endpoint"] is None:
        raise Failure(
            f"{name}: has no well-known port, so it needs an endpoint: {name}=:7007",
            USAGE,
        )
    from portside.cli.load import load

    endpoint = _endpoint(name, match["endpoint"])
    return Service(name, load(match["place"], match["name"]), endpoint)


def _service(name: str) -> Handler:
    if name in SERVICES:
        return SERVICES[name]
    hint = did_you_mean(name, SERVICES)
    if name.endswith(".py"):
        hint = f"; which function of it? write {name}:NAME"
    raise Failure(
        f"{name!r}: no such service (known: {', '.join(SERVICES)}){hint}", USAGE
    )


def _endpoint(name: str, place: str) -> Endpoint:
    try:
        return parse_endpoint(place, default_network="tcp")
    except AddressError as error:
        hint = f" (write {name}=:{place})" if place.isdecimal() else ""
        raise Failure(f"{name}: {error}{hint}", USAGE) from None
