"""Names: from text to addresses, and nothing else.

In       what people write (tcp://localhost:echo) and what the socket module gives
Out      endpoints, addresses, five-tuples, ports: values that do not change
Source   RFC 3986, 4291, 5952, 6335, 6890; the registries of IANA; the rules of Go
Holds    the tables of IANA: special addresses, services
Fails    AddressError, which is also a ValueError

Nothing here waits, opens or looks anything up: no socket, no file, no thread. So all
of it can be tried at a prompt, and tested without a network. Turning a host's name into
its addresses asks somebody, and is done in ``net``.

The files, in the order to read them:

1. `services`: ports and the services that live there
2. `hostport`: ``host:port`` taken apart and put together
3. `special`: what an IP address is for
4. `address`: one end of a conversation
5. `fivetuple`: a whole conversation
6. `endpoint`: where to listen or whom to call, as people write it
7. `closest`: the "did you mean" of the errors
8. `order`: which address of a host is to be tried first, and why

Each imports only those above it, and `closest`; of Portside else only ``errors``.
"""

from portside.names.address import (
    Address,
    IPAddress,
    PipeAddress,
    UnixAddress,
    parse_ip,
)
from portside.names.endpoint import (
    INHERITED_NETWORKS,
    NETWORKS,
    PACKET_NETWORKS,
    UNIX_NETWORKS,
    AnyEndpoint,
    Endpoint,
    InheritedEndpoint,
    check_network,
    parse_endpoint,
)
from portside.names.fivetuple import FiveTuple
from portside.names.hostport import join_host_port, parse_port, split_host_port
from portside.names.services import port_kind, service_name, service_port
from portside.names.special import (
    Kind,
    classify,
    is_link_local,
    is_loopback,
    is_multicast,
    is_private,
    is_unspecified,
)

__all__ = [
    "INHERITED_NETWORKS",
    "NETWORKS",
    "PACKET_NETWORKS",
    "UNIX_NETWORKS",
    "Address",
    "AnyEndpoint",
    "Endpoint",
    "FiveTuple",
    "IPAddress",
    "InheritedEndpoint",
    "Kind",
    "PipeAddress",
    "UnixAddress",
    "check_network",
    "classify",
    "is_link_local",
    "is_loopback",
    "is_multicast",
    "is_private",
    "is_unspecified",
    "join_host_port",
    "parse_endpoint",
    "parse_ip",
    "parse_port",
    "port_kind",
    "service_name",
    "service_port",
    "split_host_port",
]
