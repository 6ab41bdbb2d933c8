"""Give each UDP peer a conversation with upstream.

In       packets from many peers, at one packet conn
Out      each goes to upstream from a socket that is that peer's alone; what comes back
         there goes to the peer, from the address that it asked
Source   RFC 4787 (how a NAT does it), sections 4.1 and 4.3
Holds    a connected socket and a task for each peer, at most `max_sessions` of them,
         (and a quarter of the descriptors), until nothing has come either way for
         `session_timeout`
Fails    Error: upstream cannot be dialled; whatever else goes wrong loses a packet

Nobody says when a UDP conversation is over, so silence has to; and a new peer makes
room by ending the one that was silent the longest. When the server stops, all end at
once: an answer that is still to come is lost, as one on the way may always be.

That nobody hears at upstream (ICMP) is told to our socket, at any call. It concerns one
packet that is lost already; upstream may be back for the next.
"""

import contextlib
import resource
import threading
from collections import OrderedDict
from typing import cast

from portside.engine import may_block, now, spawn, unbounded
from portside.errors import ClosedError, DeadlineError, Error, RefusedError
from portside.names import Address, Endpoint, IPAddress
from portside.net import Packet, PacketConn, dial
from portside.services.courier import Courier
from portside.services.forward_settings import ForwardSettings
from portside.services.lane import Lane

__all__ = ["Sessions"]

SHARE = 4
"""One part of so many of a process's descriptors is for the peers of one socket."""

_Peer = tuple[Address, Address]  # the address that was asked, and who asked


class Sessions:
    """The conversations of all peers of one packet conn.

    Args:
        upstream: where their packets go.
        settings: how many, how long, and how bad the network is.
        lanes: when what goes there, and what comes back, arrives.
    """

    def __init__(
        self, upstream: Endpoint, settings: ForwardSettings, lanes: tuple[Lane, Lane]
    ) -> None:
        self._upstream = upstream
        self._settings = settings
        self._there, self._back = lanes
        self._courier = Courier()
        # Guards the three below: threads of one socket take packets at the same moment.
        self._mutex = threading.Lock()
        self._sessions: OrderedDict[_Peer, _Session] = OrderedDict()  # idlest first
        self._own: set[tuple[str, int]] = set()  # where upstream sees us
        self._has_ended = False

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def _most(self) -> int:
        """How many there may be: no more than leave descriptors for others."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        each = 2 if may_block() else 1  # a thread has a bell beside its socket
        return max(1, min(self._settings.max_sessions, limit // SHARE // each))

    def forward(self, packet: Packet) -> None:
        """Send a packet to upstream, in the conversation of its peer.

        Raises:
            Error: a new conversation cannot begin.
            RuntimeError: the system gives no more threads for one.
        """
        peer = (packet.local_address, packet.address)
        if _place(packet.address) in self._own:
            return  # upstream is ourselves: it would come round for ever
        session = self._touch(peer) or self._begin(peer, packet)
        if session is None:
            return
        data = packet.data
        if not self._settings.is_bad:
            session.send(data)
            return
        due = self._there.due_of_packet(len(data), now())
        if due is not None:
            self._courier.send(due, lambda: session.send(data))

    def end(self) -> None:
        """End all of them, and begin none any more; from any thread."""
        with self._mutex:
            self._has_ended = True
            sessions = tuple(self._sessions.values())
            self._sessions.clear()
        self._courier.stop()
        for session in sessions:
            session.conn.close()

    def _touch(self, peer: _Peer) -> "_Session | None":
        with self._mutex:
            session = self._sessions.get(peer)
            if session is not None:
                session.used_at = now()
                self._sessions.move_to_end(peer)
            return session

    def _begin(self, peer: _Peer, packet: Packet) -> "_Session | None":
        conn = cast("PacketConn", dial(self._upstream))  # may wait: for a name
        session = _Session(conn, packet)
        idlest: _Session | None = None
        with self._mutex:
            other = self._sessions.get(peer)  # begun by another thread meanwhile
            is_new = other is None and not self._has_ended
            if is_new:
                self._sessions[peer] = session
                self._own.add(_place(conn.local_address))
                if len(self._sessions) > self._most:
                    idlest = self._sessions.popitem(last=False)[1]
        if not is_new:
            conn.close()
            return other
        if idlest is not None:
            idlest.conn.close()
        try:
            with unbounded():  # it outlives the answer to its first packet
                spawn(self._carry_back, peer, session, name="session")
        except BaseException:
            self._forget(peer, session)
            raise
        return session

    def _carry_back(self, peer: _Peer, session: "_Session") -> None:
        """Carry answers back until the conversation is over."""
        conn, seconds = session.conn, self._settings.session_timeout
        try:
            conn.set_receive_deadline(session.used_at + seconds)
            while True:
                try:
                    data = conn.receive().data
                except DeadlineError:
                    if now() >= session.used_at + seconds:
                        return
                    conn.set_receive_deadline(session.used_at + seconds)
                except RefusedError:
                    pass
                else:
                    self._touch(peer)
                    self._reply(session.packet, data)
        except Error:
            pass  # closed, or upstream cannot be reached any more: the next begins anew
        finally:
            self._forget(peer, session)

    def _reply(self, packet: Packet, data: bytes) -> None:
        due = (
            now()
            if not self._settings.is_bad
            else self._back.due_of_packet(len(data), now())
        )
        if due is not None:
            self._courier.send(due, lambda: packet.reply(data))

    def _forget(self, peer: _Peer, session: "_Session") -> None:
        with self._mutex:
            if self._sessions.get(peer) is session:
                del self._sessions[peer]
            self._own.discard(_place(session.conn.local_address))
        session.conn.close()


class _Session:
    """One peer's conversation.

    Attributes:
        conn: connected to upstream; closed by who ends it.
        packet: the peer's first, which knows the way back.
        used_at: when something came last.
    """

    def __init__(self, conn: PacketConn, packet: Packet) -> None:
        self.conn = conn
        self.packet = packet
        self.used_at = now()

    def send(self, data: bytes) -> None:
        """Send to upstream; what an earlier packet has met fails no other."""
        with contextlib.suppress(ClosedError):  # just now: it was the idlest
            try:
                self.conn.send(data)
            except RefusedError:
                with contextlib.suppress(RefusedError):
                    self.conn.send(data)


def _place(address: IPAddress) -> tuple[str, int]:
    return address.ip, address.port
