"""Read what is to be served, and where: ``WHAT[=ENDPOINT]``.

In       text that a person wrote: echo, echo=:7007, ./public=:8080,
         app.py:chat=tcp4://127.0.0.1:9000
Out      a service, its name, an endpoint
Fails    Failure (usage): no such service, no such file, no endpoint ...

A service has neither a colon nor a slash in its name, so the first ``=`` ends it. In
``file.py:name=...`` it is the first ``=`` behind the name: the path may have some of
its own, a name cannot, and neither can an endpoint.
"""

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from portside.cli.failure import USAGE, Failure
from portside.cli.web import WebOptions, as_web, directory_in, directory_service
from portside.errors import AddressError, HandlerError
from portside.names import (
    AnyEndpoint,
    Endpoint,
    InheritedEndpoint,
    parse_endpoint,
)
from portside.names.closest import did_you_mean
from portside.server import Service, service_of
from portside.services import (
    SERVICES,
    ForwardSettings,
    forward,
    forward_upstream,
)

__all__ = ["What", "parse_what"]

_LOADED = re.compile(
    r"(?P<place>.+?\.py|.+?):(?P<name>[^\W\d][\w.]*)(?:=(?P<endpoint>.*))?"
)


@dataclass(frozen=True)
class What:
    """What is served where.

    Attributes:
        name: what the person called it: echo, app.py:chat.
        service: what answers there.
        endpoint: where to hear; without a network, by every transport of the service.
        is_web: it answers requests of HTTP.
        is_directory: with the files of a directory.
    """

    name: str
    service: Service
    endpoint: AnyEndpoint
    is_web: bool = False
    is_directory: bool = False


def parse_what(
    text: str,
    forward_settings: ForwardSettings | None = None,
    web_options: WebOptions | None = None,
) -> What:
    """Return the service and the endpoint that text names.

    Args:
        forward_settings: of what is forwarded, if that is what the text says.
        web_options: of what answers requests, if that is what it names.

    Raises:
        Failure: it names none.
    """
    web_options = web_options or WebOptions({})
    if (found := directory_in(text)) is not None:
        return _directory(*found, web_options)
    name, has_endpoint, place = text.partition("=")
    if (upstream := forward_upstream(name)) is not None:
        if not has_endpoint:
            raise Failure(f"{name}: needs an endpoint: {name}=:7007", USAGE)
        service = _forward(name, upstream, forward_settings or ForwardSettings())
        return What(name, service, _endpoint(name, service, place))
    if ":" not in name and "/" not in name:
        service = _service(name)
        if has_endpoint:
            return What(name, service, _endpoint(name, service, place))
        return What(name, service, Endpoint("", "", service.port))
    match = _LOADED.fullmatch(text)
    if match is None:
        raise Failure(
            f"{text}: not something to serve (write {', '.join(SERVICES)}, "
            f"./DIRECTORY, file.py:NAME or module:NAME, and the endpoint behind '=': "
            f"echo=:7007)",
            USAGE,
        )
    return _loaded(match, web_options)


def _directory(name: str, place: str | None, options: WebOptions) -> What:
    service = directory_service(name, options)
    endpoint: AnyEndpoint = Endpoint("", "", service.port)
    if place is not None:
        endpoint = _endpoint(name, service, place)
    return What(name, service, endpoint, is_web=True, is_directory=True)


def _loaded(match: re.Match[str], options: WebOptions) -> What:
    name = f"{match['place']}:{match['name']}"
    from portside.cli.load import load

    try:
        service = service_of(load(match["place"], match["name"]))
    except HandlerError as error:
        raise Failure(f"{name}: {error}", USAGE) from None
    web = as_web(service, options)
    service = web or service
    if match["endpoint"] is not None:
        endpoint = _endpoint(name, service, match["endpoint"])
    elif service.port:
        endpoint = Endpoint("", "", service.port)
    else:
        raise Failure(
            f"{name}: has no well-known port, so it needs an endpoint: {name}=:7007",
            USAGE,
        )
    return What(name, service, endpoint, is_web=web is not None)


def _service(name: str) -> Service:
    if name in SERVICES:
        return SERVICES[name]
    hint = did_you_mean(name, SERVICES)
    if Path(name).is_dir():
        hint = f"; the directory? write ./{name}"
    if name.endswith(".py"):
        hint = f"; which function of it? write {name}:NAME"
    if name == "forward":
        hint = "; forward to whom? write forward:HOST:PORT=ENDPOINT"
    known = ", ".join((*SERVICES, "forward:HOST:PORT"))
    raise Failure(f"{name!r}: no such service (known: {known}){hint}", USAGE)


def _forward(name: str, upstream: str, settings: ForwardSettings) -> Service:
    try:
        return forward(upstream, **asdict(settings))
    except AddressError as error:
        raise Failure(f"{name}: {error}", USAGE) from None


def _endpoint(name: str, service: Service, place: str) -> AnyEndpoint:
    try:
        endpoint = parse_endpoint(place)
    except AddressError as error:
        hint = f" (write {name}=:{place})" if place.isdecimal() else ""
        raise Failure(f"{name}: {error}{hint}", USAGE) from None
    try:
        if endpoint.network and not isinstance(endpoint, InheritedEndpoint):
            service.check_network(endpoint.network)
    except HandlerError as error:
        raise Failure(f"{name}: {error}", USAGE) from None
    return endpoint
