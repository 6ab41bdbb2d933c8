"""What a server does for its model: each conversation, from the door to its end.

In       the door, the capacity, the conversations that are open
Out      what `portside.models.Work` lists
Holds    the conns that linger; in a forked child, the one conversation that it serves
Fails    accept as `Acceptor` does; the rest never
"""

import logging

from portside.engine import abandon_all, current, now
from portside.server.accept import Acceptor
from portside.server.capacity import Capacity
from portside.server.conversation import Conversation
from portside.server.linger import LINGER_SECONDS, Lingerer
from portside.server.live import Live
from portside.server.signals import Heard

__all__ = ["ServerWork"]

_log = logging.getLogger("portside.server")


class ServerWork:
    """Conversations, as a model asks for them and gives them back.

    Attributes:
        grace: how long conversations may go on when the server stops, in seconds.
        heard: what hears the signals of this process, if anything does.
    """

    def __init__(
        self, grace: float, live: Live, capacity: Capacity, acceptor: Acceptor
    ) -> None:
        self.grace = grace
        self.heard: Heard | None = None
        self._live = live
        self._capacity = capacity
        self._acceptor = acceptor
        self._lingerer = Lingerer()
        self._is_child = False

    def accept(self) -> Conversation | None:
        """Wait for the next conversation; None when the server stops."""
        accepted = self._acceptor.accept()
        if accepted is None:
            return None
        conversation = Conversation(*accepted, self._over)
        self._live.add(conversation)
        return conversation

    def converse(self, conversation: Conversation) -> None:
        """Run the handler and close the conn, so that what it wrote arrives."""
        conn = conversation.conn
        must_linger = conversation.converse()
        if conn.detached and not conn.closed:
            if self._is_child:
                self._live.wait(None)  # the process lives as long as its conn
            return  # who closes the conn ends it
        if not must_linger:
            conn.close()
            conversation.end()
        elif self._is_child:
            conn.close(linger=LINGER_SECONDS)
            conversation.end()
        else:
            self._lingerer.add(conn, conversation.end)

    def cut_at(self) -> float | None:
        """Return when those that still run are cut; None while nothing stops."""
        return self._live.cut_at

    def enter_child(self, conversation: Conversation) -> None:
        """Close what is the parent's: listeners, other conns, the spare descriptor."""
        self._is_child = True
        self._acceptor.close()
        if self.heard is not None:
            self.heard.abandon()
        abandon_all(keep={conversation.conn.fileno()})
        self._live = Live()
        self._live.add(conversation)

    def drain_child(self, conversation: Conversation) -> None:
        """Begin to stop in a child: its conversation may end by itself, or is cut."""
        self._live.drain(now() + self.grace)

    def was_cut(self, conversation: Conversation) -> bool:
        """Whether it was cut before its handler had ended."""
        return conversation.was_cut

    def hand_over(self, conversation: Conversation) -> None:
        """Close the parent's copy of the conn, which a child serves now."""
        conversation.conn.abandon()

    def ended(self, conversation: Conversation, *, cut: bool) -> None:
        """Count a conversation that a child has served."""
        conversation.was_cut = cut
        conversation.end()

    def failed(self, conversation: Conversation, reason: str) -> None:
        """Log what a child died of; `ended` follows."""
        _log.error("%s: %s", conversation, reason)

    def refused(self, conversation: Conversation, error: Exception) -> None:
        """Turn the client away, and accept nobody for a moment."""
        conversation.conn.abort()
        conversation.end()
        reason = getattr(error, "strerror", None) or error
        self._acceptor.pause(f"{conversation}: not served: {reason}")

    def cut_inline(self) -> bool:
        """Whether this thread is in a handler, which the caller cuts: for signals."""
        self._live.is_cutting = self._live.running_on(current())
        return self._live.is_cutting

    def _over(self, conversation: Conversation) -> None:
        self._live.remove(conversation)
        self._capacity.give_back(conversation.remote)
