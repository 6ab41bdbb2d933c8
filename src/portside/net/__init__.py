"""Sockets: conns, listeners, and how to come by them.

What flows in is an endpoint; what flows out are conns, on which one reads and writes in
straight lines, whatever the engine below does.

In reading order: `stream` (what a conn is built on), `turn`, `reading`, `writing`,
`framing` and `conn` (the conn, part by part), `pipe` (two of them in memory), `options`
(of sockets, in words), `target` and `resolve` (from an endpoint to addresses),
`listener` and `dial` (from addresses to conns), `byteorder`.

May import `names`, `engine` and what lies below. RFC 9293 (TCP), RFC 1122 section 4.2.
"""

from portside.net.byteorder import htonl, htons, ntohl, ntohs
from portside.net.conn import Conn
from portside.net.dial import dial
from portside.net.listener import Control, Listener, listen
from portside.net.pipe import pipe
from portside.net.resolve import Resolver, resolve
from portside.net.stream import ByteStream, SocketStream

__all__ = [
    "ByteStream",
    "Conn",
    "Control",
    "Listener",
    "Resolver",
    "SocketStream",
    "dial",
    "htonl",
    "htons",
    "listen",
    "ntohl",
    "ntohs",
    "pipe",
    "resolve",
]
