"""A service's life: where it listens, whom it lets in, how it stops.

What flows in are handlers and endpoints; conversations flow through the model, and a
report flows out.

In reading order: `settings` (all that can be set), `handlers` and `service` (what can
serve), `guard` and `packets` (who answers packets, and which), `doors` (where), then
`capacity` and `accept` (who comes in), `conversation` and `linger` (one handler with
one conn, to the last byte), `live` (all of them, and the report), `signals`,
`ip_table` and `tally` (what several workers count together), `serving` (what one
process does for a server, and what its model asks for), `server` (all together),
`process` (the same, elsewhere), `serve` (the one call).

May import `models`, `net` and what lies below.
"""

from portside.server.live import Report, State
from portside.server.serve import serve
from portside.server.server import Server
from portside.server.service import (
    Handler,
    PacketHandler,
    Service,
    packet_handler,
    service_of,
)
from portside.server.settings import Settings

__all__ = [
    "Handler",
    "PacketHandler",
    "Report",
    "Server",
    "Service",
    "Settings",
    "State",
    "packet_handler",
    "serve",
    "service_of",
]
