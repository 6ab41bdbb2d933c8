"""HTTP is a handler: what speaks it on a conn, and what answers a request.

What flows in is a conn; what flows out are answers. Whoever serves it, and how many at
once, is not known here: models, limits on connections and the end of the server are
those of `portside.serve`.

>>> from portside import http
>>> mux = http.Mux()
>>> @mux.handle("GET /hello/{name}")
... def hello(request):
...     return http.Response.text(f"Hello, {request.path_values['name']}!")

In reading order: `grammar` (the patterns), `message` (what is said) and `wire` (how it
looks), both text; `settings`; `incoming`, `outgoing` and `connection` (the requests of
a conn, and the answers), `web` (what can be served); `clean_path`, `pattern`,
`precedence`, `routes`, `mux` and `prefix` (who answers what); `disk` and
`directory` (files); `access_log`, `cross_origin` and `time_limits` (around a handler).

May import `net`, `server` and what lies below. RFC 9110, RFC 9112.

Each name is imported when it is first asked for: who reads the settings, as the command
line does, does not pay for parsers, and a forked child not for their pages.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portside.http.access_log import Served, combined_line, json_line
    from portside.http.cross_origin import cross_origin_protection
    from portside.http.directory import files
    from portside.http.message.body import Body
    from portside.http.message.conditional import precondition_status
    from portside.http.message.event_stream import Event, event_stream, last_event_id
    from portside.http.message.form_file import FormFile
    from portside.http.message.forms import Form, read_form
    from portside.http.message.headers import Headers
    from portside.http.message.query import Query
    from portside.http.message.request import Request
    from portside.http.message.response import Response
    from portside.http.message.status_error import RequestError, StatusError
    from portside.http.mux import Mux
    from portside.http.pattern import PatternError
    from portside.http.prefix import strip_prefix
    from portside.http.settings import HttpSettings
    from portside.http.time_limits import time_limit
    from portside.http.web import Web, WebHandler, handler

__all__ = [
    "Body",
    "Event",
    "Form",
    "FormFile",
    "Headers",
    "HttpSettings",
    "Mux",
    "PatternError",
    "Query",
    "Request",
    "RequestError",
    "Response",
    "Served",
    "StatusError",
    "Web",
    "WebHandler",
    "combined_line",
    "cross_origin_protection",
    "event_stream",
    "files",
    "handler",
    "json_line",
    "last_event_id",
    "precondition_status",
    "read_form",
    "strip_prefix",
    "time_limit",
]

_PLACES = {
    "Body": "message.body",
    "Event": "message.event_stream",
    "Form": "message.forms",
    "FormFile": "message.form_file",
    "Headers": "message.headers",
    "HttpSettings": "settings",
    "Mux": "mux",
    "PatternError": "pattern",
    "Query": "message.query",
    "Request": "message.request",
    "RequestError": "message.status_error",
    "Response": "message.response",
    "Served": "access_log",
    "StatusError": "message.status_error",
    "Web": "web",
    "WebHandler": "web",
    "combined_line": "access_log",
    "cross_origin_protection": "cross_origin",
    "event_stream": "message.event_stream",
    "files": "directory",
    "handler": "web",
    "json_line": "access_log",
    "last_event_id": "message.event_stream",
    "precondition_status": "message.conditional",
    "read_form": "message.forms",
    "strip_prefix": "prefix",
    "time_limit": "time_limits",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *_PLACES]
