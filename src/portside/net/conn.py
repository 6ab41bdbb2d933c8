"""A conn: the conversation with one peer.

In       a byte stream that is connected
Out      reading, writing, framing; the two ends; how it ends
Source   Go's net.Conn for deadlines and close; tcp(7)
Holds    the stream, and who is to be told when it is closed
Fails    as its parts do; an operation on a closed conn raises ClosedError

How it can end::

    close_write     our direction ends (FIN), theirs goes on
    close           both end; what we wrote still arrives, unless the peer has sent
                    something that nobody read: then the kernel resets (RFC 2525, 2.17)
    close(linger=)  the same, but first what the peer still sends is read, so that no
                    reset can destroy what is on its way to it
    abort           both end at once with a reset; what is unsent is dropped. The kernel
                    tells none to the peer of a Unix socket: it sees an end
    detach          the handler returns and the conn stays open: somebody else closes it
"""

import contextlib
import socket
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from portside.engine import Event, Gate, deadline, now, shield
from portside.errors import ClosedError, Error
from portside.names import Address, FiveTuple, IPAddress
from portside.net import options
from portside.net.framing import Framing
from portside.net.lingering import Lingering
from portside.net.located import located_as
from portside.net.passing import Passing
from portside.net.reading import MAX_LINE_BYTES, Reading
from portside.net.stream import ByteStream
from portside.net.writing import Writing

__all__ = ["Conn"]


class Conn(Framing, Passing):
    """A connection: reliable, ordered bytes to and from one peer.

    All calls may come from any thread or task. Reads wait for each other, writes wait
    for each other, a read and a write do not.
    """

    def __init__(self, stream: ByteStream) -> None:
        Reading.__init__(self, stream)
        Writing.__init__(self, stream)
        self._draining: Event | None = None
        self._detached = False
        self._linger = 0.0
        self._on_close: Callable[[], None] | None = None
        self._take_over: Callable[[], bool] | None = None

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        ends = f"{self.local_address}->{self.remote_address}"
        return f"<Conn {self.network} {ends} {state}>"

    # -- the two ends

    @property
    def network(self) -> str:
        """The network: tcp, tcp4, tcp6, unix, unixpacket, pipe."""
        return self._stream.ends.network

    @property
    def local_address(self) -> Address | None:
        """The address of our end."""
        return self._stream.ends.local_address

    @property
    def remote_address(self) -> Address | None:
        """The address of the peer's end."""
        return self._stream.ends.remote_address

    @property
    def five_tuple(self) -> FiveTuple:
        """What names this traffic: protocol, both addresses, both ports.

        Raises:
            Error: the ends have no addresses and ports, as those of a pipe or a Unix
                socket.
        """
        local, remote = self.local_address, self.remote_address
        if not isinstance(local, IPAddress) or not isinstance(remote, IPAddress):
            raise Error(f"a conn of network {self.network} has no five-tuple")
        return FiveTuple(self.network[:3], local, remote)

    def peer_credentials(self) -> tuple[int, int, int]:
        """Return pid, uid and gid of the peer; known for Unix sockets only."""
        with self._setting() as sock:
            return options.peer_credentials(sock)

    def fileno(self) -> int:
        """Return the descriptor's number.

        Raises:
            ClosedError: the conn is closed.
            Error: there is none, as in a pipe.
        """
        with self._setting() as sock:
            return sock.fileno()

    # -- until when

    def set_deadline(self, at: float | None) -> None:
        """Set the read and the write deadline."""
        self.set_read_deadline(at)
        self.set_write_deadline(at)

    def set_read_deadline(self, at: float | None) -> None:
        """Let each read, waiting now or to come, fail with DeadlineError from then on.

        The conn stays usable: a later deadline revives it.

        Args:
            at: seconds on the clock of ``portside.now``; None takes it off.

        Raises:
            ClosedError: the conn is closed.
        """
        self._check_open()
        self._stream.reading.set_deadline(at)

    def set_write_deadline(self, at: float | None) -> None:
        """Let each write, waiting now or to come, fail with DeadlineError from then on.

        Args:
            at: seconds on the clock of ``portside.now``; None takes it off.

        Raises:
            ClosedError: the conn is closed.
        """
        self._check_open()
        self._stream.writing.set_deadline(at)

    # -- lines, and where a server may stop

    def lines(
        self, max_bytes: int = MAX_LINE_BYTES, *, idle: bool = False
    ) -> Iterator[bytes]:
        r"""Read line by line, without their ends (``\n`` or ``\r\n``).

        Args:
            idle: between lines this conn may be ended when the server drains.

        Raises:
            LimitError: a line is over max_bytes.
        """
        while True:
            with self.idle() if idle else contextlib.nullcontext():
                line = self.read_line(max_bytes)
            if not line:
                return
            yield line.removesuffix(b"\n").removesuffix(b"\r")

    def idle(self) -> contextlib.AbstractContextManager[None]:
        """Declare that the peer is owed nothing while a read in this block waits.

        When the server drains, such a read sees the end of the stream, so that the
        handler returns by itself. A read that finds bytes still gets them.
        """
        return _Idle(self._stream.reading)

    @property
    def draining(self) -> Event:
        """Set when the server that serves this conn begins to stop."""
        if self._draining is None:
            self._draining = Event()
        return self._draining

    # -- the end

    @property
    def closed(self) -> bool:
        """Whether it was closed on this side."""
        return self._stream.closed

    def close(self, *, linger: float | None = None) -> None:
        """End both directions; whoever waits inside gets ClosedError. Again is silent.

        From whatever task or thread. Nobody is held up by the lingering of a handler
        that is not his own: where another task than the handler's closes without a
        linger of its own, the server sees to it.

        Args:
            linger: seconds to wait for the peer's end first, reading and dropping at
                most 64 KiB, so that what we wrote is not destroyed by a reset. None is
                0 in a script, and what the server gives in a handler.
        """
        if self.closed:
            return
        seconds = self._linger if linger is None else linger
        if not (seconds and self.must_linger):
            self._close(abort=False)
        elif linger is not None or self._take_over is None or not self._take_over():
            until = now() + seconds
            if (lingering := self.begin_linger(until)) is not None:
                lingering.drop_until_end(until)

    def abort(self) -> None:
        """End both directions at once with a reset; drop what is unsent."""
        self._close(abort=True)

    def abandon(self) -> None:
        """Close this process's copy and say nothing to the peer: for forks."""
        self._stream.abandon()
        self._tell_closed()

    def detach(self) -> Self:
        """Keep the conn open when the handler returns; who takes it closes it."""
        self._detached = True
        self._stream.disown()
        return self

    @property
    def detached(self) -> bool:
        """Whether the handler gave it away."""
        return self._detached

    @property
    def must_linger(self) -> bool:
        """Whether a plain close could destroy what we wrote: the peer may send on."""
        return self._has_written and not self._end_seen and not self.closed

    @property
    def has_written(self) -> bool:
        """Whether anything was written, so that a half reply may be on its way."""
        return self._has_written

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and self._on_close is not None and self._has_written:
            self.abort()  # in a handler that failed: half a reply must not look whole
        else:
            self.close()

    # -- options

    def set_no_delay(self, no_delay: bool) -> None:
        """Send small writes at once (the default), or let the kernel gather them."""
        with self._setting() as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, no_delay)

    def set_keep_alive(
        self,
        enabled: bool = True,
        *,
        idle: float = options.KEEP_ALIVE_SECONDS,
        interval: float = options.KEEP_ALIVE_SECONDS,
        count: int = options.KEEP_ALIVE_COUNT,
    ) -> None:
        """Probe a silent peer, and give it up when it does not answer.

        Args:
            enabled: False sends no probes.
            idle: seconds of silence before the first probe, rounded up.
            interval: seconds between two probes, rounded up.
            count: probes without an answer before the conn fails.
        """
        with self._setting() as sock:
            if enabled:
                options.set_keep_alive(sock, idle, interval, count)
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)

    def set_linger(self, seconds: int | None) -> None:
        """Say what the kernel does with unsent bytes at close.

        Args:
            seconds: None sends them in the background (the default), 0 drops them and
                resets, more gives them so long.
        """
        with self._setting() as sock:
            options.set_linger(sock, seconds)

    def set_buffer_sizes(
        self, *, receive: int | None = None, send: int | None = None
    ) -> None:
        """Set the kernel's buffers, in bytes; Linux doubles what it is told."""
        with self._setting() as sock:
            options.set_buffer_sizes(sock, receive, send)

    # -- for the server that serves it

    def serve_as(
        self,
        draining: Event,
        on_close: Callable[[], None],
        linger: float = 0.0,
        take_over: Callable[[], bool] | None = None,
    ) -> None:
        """Belong to a server: share its draining event, tell it of the close.

        Args:
            on_close: called once, when the conn is closed and lingers no more.
            linger: how many seconds a close lingers that does not say it.
            take_over: asked by such a close: whether the server does it in its place.
        """
        self._draining = draining
        self._on_close = on_close
        self._linger = linger
        self._take_over = take_over

    def drain(self) -> None:
        """Tell the reads that were declared idle that the server stops."""
        self._stream.reading.drain()

    def begin_linger(self, writes_until: float | None) -> Lingering | None:
        """Close, but leave it to the caller to drop what still comes, and to end it.

        Args:
            writes_until: how long writes that are under way may take; None ends them,
                and waits for nothing.

        Returns:
            None where somebody else has closed it, or does.
        """
        kept = self._stream.keep()
        if kept is None:
            self._close(abort=False)
            return None
        lingering = Lingering(kept, self._tell_closed)
        try:
            if writes_until is not None:
                kept.writing.set_deadline(None)  # the handler's: its time is over
                with contextlib.suppress(Error), shield(), deadline(writes_until):
                    self.close_write()
        except BaseException:
            kept.end_writing()
            lingering.end()
            raise
        kept.end_writing()
        return lingering

    def _close(self, *, abort: bool) -> None:
        if self.closed:
            return
        self._stream.close(abort=abort)
        self._tell_closed()

    def _tell_closed(self) -> None:
        on_close, self._on_close, self._take_over = self._on_close, None, None
        if on_close is not None:
            on_close()

    def _check_open(self) -> None:
        if self.closed:
            raise self._at_ends(ClosedError(op="set"))

    @contextlib.contextmanager
    def _setting(self) -> Iterator[socket.socket]:
        self._check_open()
        sock = self._stream.socket
        if sock is None:
            raise self._at_ends(Error("a pipe has no socket and no options", op="set"))
        try:
            yield sock
        except OSError as error:
            located = self._at_ends(error)
            if located is error:
                raise
            raise located from error

    def _at_ends(self, error: OSError) -> Error:
        return located_as("set", self._stream.ends)(error)


class _Idle(contextlib.AbstractContextManager[None]):
    # A class, as a generator's block costs three times as much: each request has one.
    __slots__ = ("_gate",)

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def __enter__(self) -> None:
        self._gate.ends_when_draining = True

    def __exit__(self, *what: object) -> None:
        self._gate.ends_when_draining = False
