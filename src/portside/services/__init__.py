"""Ready handlers: the well-known services, and a forwarder.

What flows in is a conn or a packet, what flows out what the service says. Each is a
function of a conn, like those that users write, with one of a packet beside it;
`SERVICES` names them, with the port that they are known by.

In reading order: `echo`, `discard`, `daytime`, `time`, `qotd` and `chargen`; then
`upstream` (where a forwarder sends what it gets), `forward_settings`, `lane` (what a
bad network does), `relay` (two conns), `courier` (packets that come later), `sessions`
(UDP's peers) and `forward` (all together).

May import `net`, `server` and what lies below. RFC 862 to 865, 867, 868.
"""

from portside.names import service_port
from portside.server import Handler, PacketHandler, Service
from portside.services.chargen import chargen, chargen_packet
from portside.services.daytime import daytime, daytime_packet
from portside.services.discard import discard, discard_packet
from portside.services.echo import echo, echo_packet
from portside.services.forward import forward
from portside.services.forward_settings import ForwardSettings
from portside.services.qotd import qotd, qotd_packet
from portside.services.time import time, time_packet
from portside.services.upstream import forward_upstream

__all__ = [
    "SERVICES",
    "ForwardSettings",
    "chargen",
    "chargen_packet",
    "daytime",
    "daytime_packet",
    "discard",
    "discard_packet",
    "echo",
    "echo_packet",
    "forward",
    "forward_upstream",
    "qotd",
    "qotd_packet",
    "time",
    "time_packet",
]


def _well_known(name: str, stream: Handler, packet: PacketHandler) -> Service:
    """Return a service at its port; it answers whoever asks, so it is guarded."""
    port = service_port(name, "tcp")
    return Service(stream=stream, packet=packet, port=port, is_guarded=True)


SERVICES: dict[str, Service] = {
    name: _well_known(name, stream, packet)
    for name, stream, packet in (
        ("echo", echo, echo_packet),
        ("discard", discard, discard_packet),
        ("daytime", daytime, daytime_packet),
        ("qotd", qotd, qotd_packet),
        ("chargen", chargen, chargen_packet),
        ("time", time, time_packet),
    )
}
"""Every service by its name, under which `portside.names` knows its port."""
