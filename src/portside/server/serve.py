"""Serve a handler until told to stop: the one call that most programs need.

In       a handler, endpoints, settings
Out      a report, when SIGINT or SIGTERM has stopped it
Fails    as `Server` does at the start
"""

from typing import Any

from portside.net.target import Target
from portside.server.live import Report
from portside.server.server import Server
from portside.server.service import Handler, PacketHandler, Service

__all__ = ["serve"]


def serve(
    handler: Handler | PacketHandler | Service, *endpoints: Target, **settings: Any
) -> Report:
    """Serve handler at the endpoints until told to stop.

    Args:
        handler: a function of a conn; its return ends the stream.
        endpoints: where: ``"tcp://:7007"``.
        settings: the fields of `Settings`: model, max_connections, grace ...

    Returns:
        How many conversations finished, were cut, or were abandoned.

    Raises:
        HandlerError: the handler cannot be called with a conn.
        Error: an endpoint that cannot be listened to.
        ValueError: a setting that cannot be.
    """
    return Server(handler, *endpoints, **settings).run()
