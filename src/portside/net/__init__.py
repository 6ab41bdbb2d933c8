"""Sockets: conns, listeners, and how to come by them.

What flows in is an endpoint; what flows out are conns, on which one reads and writes in
straight lines, whatever the engine below does.

In reading order: `ends`, `stream` (what a conn is built on), `reading`, `writing`,
`framing`, `unix_stream`, `passing` (descriptors), `lingering` and `conn` (the conn,
part by part), `pipe` (two of them in memory), `options` (of sockets, in words),
`target` and `resolve` (from an endpoint to addresses), `listener`, `socket_file`,
`unix`, `inherited`, `listen`, `racing` and `dial` (from addresses to conns), `ranking`
(why a host's addresses are tried in their order), `records` (what else DNS knows); for
messages `pktinfo` (which of our addresses was asked), `packet`, `multicast`,
`packet_conn` and `listen_packet`; `bind` (which addresses an endpoint means) and
`byteorder`.

May import `names`, `engine` and what lies below. RFC 9293 (TCP), RFC 1122 section 4.2.
"""

from portside.net.byteorder import htonl, htons, ntohl, ntohs
from portside.net.conn import Conn
from portside.net.dial import dial
from portside.net.ends import Ends
from portside.net.lingering import Lingering
from portside.net.listen import listen
from portside.net.listen_packet import listen_packet, listen_packets
from portside.net.listener import Listener
from portside.net.packet import Packet
from portside.net.packet_conn import PacketConn
from portside.net.pipe import pipe
from portside.net.resolve import Resolver, resolve
from portside.net.stream import ByteStream, SocketStream
from portside.net.target import Control

__all__ = [
    "ByteStream",
    "Conn",
    "Control",
    "Ends",
    "Lingering",
    "Listener",
    "Packet",
    "PacketConn",
    "Resolver",
    "SocketStream",
    "dial",
    "htonl",
    "htons",
    "listen",
    "listen_packet",
    "listen_packets",
    "ntohl",
    "ntohs",
    "pipe",
    "resolve",
]
