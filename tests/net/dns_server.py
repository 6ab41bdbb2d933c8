"""A DNS server for a test: on loopback, over UDP and TCP, with a zone of its own."""

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from portside.names import IPAddress

__all__ = ["TTL", "ZONE", "DNSServer", "dns_server"]

TTL = 300

ZONE = {
    "example.test": {
        "A": ["192.0.2.1", "192.0.2.2"],
        "AAAA": ["2001:db8::1"],
        "MX": ["20 second.example.test.", "10 first.example.test."],
        "NS": ["ns2.example.test.", "ns1.example.test."],
        "TXT": ['"v=spf1 " "-all"', '"a\\027[31mred\\255"'],
    },
    "local.test": {"A": ["127.0.0.1"], "AAAA": ["::1"]},
    "_echo._tcp.example.test": {
        "SRV": ["20 0 7 c.example.test.", "10 1 8 b.example.test.", "10 9 9 a.test."],
    },
    "nothing.test": {"MX": ["0 ."], "SRV": ["0 0 0 ."]},
    "www.example.test": {"CNAME": ["example.test."]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["one.example.test.", "uno.example.test."]},
    "half.test": {"A": ["192.0.2.1"], "MX": []},
    "big.test": {"TXT": [f'"{"x" * 250} {n}"' for n in range(8)]},
}
"""Names under "silent" get no answer, nor does a type without values; those under
"broken" get SERVFAIL; "big.test" is too large for UDP."""


class DNSServer:
    """Answers until it is closed.

    Attributes:
        address: where it is, over both.
        asked: transport, name and type of each question.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self._tcp, self._udp = _sockets()
        self.address = IPAddress("udp", *self._udp.getsockname())
        self._bell, self._rope = socket.socketpair()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """Stop, and wait for it."""
        self._rope.close()
        self._thread.join()
        for each in (self._tcp, self._udp, self._bell):
            each.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each in (self._tcp, self._udp, self._bell):
                selector.register(each, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._bell:
                        return
                    with contextlib.suppress(OSError):  # who asked has gone
                        self._udp_once() if key.fileobj is self._udp else (
                            self._tcp_once()
                        )

    def _udp_once(self) -> None:
        wire, peer = self._udp.recvfrom(65535)
        if reply := self._reply(wire, "udp"):
            self._udp.sendto(reply, peer)

    def _tcp_once(self) -> None:
        conn, _ = self._tcp.accept()
        with conn, conn.makefile("rb") as stream:
            conn.settimeout(10)
            (length,) = struct.unpack("!H", stream.read(2))
            if reply := self._reply(stream.read(length), "tcp"):
                conn.sendall(struct.pack("!H", len(reply)) + reply)

    def _reply(self, wire: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((transport, name, kind))
        if name.startswith("silent") or ZONE.get(name, {}).get(kind) == []:
            return None
        reply = dns.message.make_response(query)
        if name.startswith("broken"):
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif name not in ZONE:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif name == "big.test" and transport == "udp":
            reply.flags |= dns.flags.TC
        else:
            self._answer(reply, name, kind)
        return reply.to_wire()

    def _answer(self, reply: dns.message.Message, name: str, kind: str) -> None:
        held = ZONE[name]
        if kind not in held and "CNAME" in held:
            self._answer(reply, name, "CNAME")
            self._answer(reply, held["CNAME"][0].removesuffix("."), kind)
        elif kind in held:
            owner = dns.name.from_text(name)
            rows = dns.rrset.from_text_list(owner, TTL, "IN", kind, held[kind])
            reply.answer.append(rows)


@contextlib.contextmanager
def dns_server() -> Iterator[DNSServer]:
    """Answer while the block runs."""
    server = DNSServer()
    try:
        yield server
    finally:
        server.close()


def _sockets() -> tuple[socket.socket, socket.socket]:
    """Return a listener and a UDP socket with the same port."""
    while True:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:  # somebody has it for UDP
            tcp.close()
            udp.close()
        else:
            return tcp, udp
