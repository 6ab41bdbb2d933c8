"""What is left of a conn that is closed, while its peer may still send.

In       a stream that was kept open below its closed gates
Out      what still comes, read and dropped: 64 KiB at the most; then the true close
Source   RFC 1122 section 4.2.2.13 (a close with unread data resets); nginx's
         lingering_close
Holds    the stream, until `end`
Fails    never: a peer that is gone has ended

For everybody else the conn is closed: whoever waited inside was woken, and nobody comes
in. So nothing that the peer says now is taken for a part of the conversation, and no
reader competes with what drops it. It needs no turn and no owner: whoever has this
alone uses what is below the gates, on whatever thread.
"""

import contextlib
from collections.abc import Callable

from portside.engine import deadline, now, shield, sleep
from portside.errors import Error
from portside.net.stream import Kept

__all__ = ["LINGER_BYTES", "Lingering"]

LINGER_BYTES = 65536
"""What a lingering close reads and drops at the most; after that it only waits."""


class Lingering:
    """The rest of a closed conn: for one task at a time, which ends it.

    Args:
        on_end: called at the end.

    Attributes:
        has_dropped_enough: it reads no more, and only gives the peer its time.
    """

    __slots__ = ("_dropped", "_kept", "_on_end", "has_dropped_enough")

    def __init__(self, kept: Kept, on_end: Callable[[], None]) -> None:
        self.has_dropped_enough = False
        self._kept = kept
        self._on_end = on_end
        self._dropped = 0  # bytes

    def fileno(self) -> int:
        """Return the number of what can be waited for: it stays ours until the end.

        Raises:
            Error: there is none, as in a pipe.
        """
        if (sock := self._kept.socket) is None:
            raise Error("a pipe has no descriptor")
        return sock.fileno()

    def drop_available(self) -> bool:
        """Drop what has come, without waiting; return whether the peer has ended."""
        while not self.has_dropped_enough:
            try:
                n = self._kept.drop(LINGER_BYTES)
            except BlockingIOError:
                return False
            except OSError:
                return True  # it is gone
            if not n:
                return True
            self._dropped += n
            self.has_dropped_enough = self._dropped >= LINGER_BYTES
        return False

    def drop_until_end(self, until: float) -> None:
        """Drop what comes until the peer has ended, or until a moment; then end."""
        try:
            with contextlib.suppress(Error), shield(), deadline(until):
                while not self.drop_available():
                    if self.has_dropped_enough:
                        sleep(until - now())  # it sends and sends: it may still read
                    else:
                        self._kept.wait_to_drop(until)
        finally:
            self.end()

    def end(self) -> None:
        """Close it, and say so."""
        self._kept.give_back()
        self._on_end()
