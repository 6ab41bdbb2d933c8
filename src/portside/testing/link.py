"""A bad network between two ends, under the kernel's own TCP.

In       how bad it is to be
Out      two ends, each with addresses of its own; between them packets are late, lost,
         doubled, overtaken, cut, or do not pass at all
Source   `namespace` for the ends, `pump` for what lies between them
Holds    a namespace for each end, and a child that carries the packets
Fails    DeniedError, NotFoundError, Error: this machine cannot have one; see
         `why_no_link`

::

    near: namespace, link0 --- TUN --- the child --- TUN --- link0, namespace: far

Nothing is simulated above the packets: what retransmits, gives up or answers with a
reset is the TCP that will do it in earnest. Nothing of it has a name, so nothing is
left when a test is killed: the child sees its control socket end and leaves, with it go
the devices, and with the last descriptor the namespaces.
"""

import contextlib
import errno
import functools
import gc
import json
import os
import signal
import socket
import threading
import traceback
import warnings
from types import TracebackType
from typing import Any, NoReturn, Self

from portside.errors import ClosedError, Error
from portside.testing.conditions import Conditions
from portside.testing.namespace import Namespace, make_namespace
from portside.testing.pump import PacketCounts, run_pump

__all__ = ["BadLink", "LinkEnd", "why_no_link"]

NEAR_ADDRESSES = ("192.0.2.1", "2001:db8::1")
FAR_ADDRESSES = ("192.0.2.2", "2001:db8::2")
"""Those that are kept for documentation, RFC 5737 and RFC 3849: in a log they cannot be
taken for anybody's."""

ANSWER_SECONDS = 10.0
"""What the child gets to answer, which takes it a millisecond: a guess."""

_READY = b"ready"


class LinkEnd:
    """One end of a link, as a block: what is opened inside is at this end.

    See `Namespace`. A socket stays at its end when the block is left, so one process
    has both ends in its hands.

    Attributes:
        address: its IPv4 address.
        address6: its IPv6 address.
    """

    def __init__(
        self,
        link: "BadLink",
        index: int,
        namespace: Namespace,
        addresses: tuple[str, str],
    ) -> None:
        self.address, self.address6 = addresses
        self._link = link
        self._index = index
        self._namespace = namespace

    def __enter__(self) -> Self:
        self._namespace.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._namespace.__exit__(kind, error, trace)

    @property
    def counts(self) -> PacketCounts:
        """What became of the packets that were sent here."""
        return self._link.counts_by_end()[self._index]


class BadLink:
    """A link as bad as is asked, from the first packet in this block to the last.

    ::

        with BadLink(delay=0.1, jitter=0.02, loss=0.05, seed=7) as link:
            with link.far:
                listener = net.listen("tcp", ":0")
            with link.near:
                conn = net.dial(f"tcp://{link.far.address}:{listener.address.port}")

    Once the block is left, the ends cannot be entered any more and the counts stay.

    Args:
        conditions: the fields of `Conditions` (delay, jitter, loss, duplicate, reorder,
            cut, rate, seed).

    Raises:
        ValueError: conditions that cannot be.
        DeniedError: at the start of the block: no right to namespaces or devices.
        NotFoundError: likewise: no /dev/net/tun.
        Error: likewise: no Linux, no IPv6.
    """

    near: LinkEnd
    far: LinkEnd

    def __init__(self, **conditions: Any) -> None:
        self.conditions = Conditions(**conditions)
        self._mutex = threading.Lock()  # one question to the child at a time
        self._control: socket.socket | None = None
        self._pid = 0
        self._last_counts = (PacketCounts(), PacketCounts())
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if self._pid:
            raise RuntimeError("a link is used once: make another")
        with contextlib.ExitStack() as stack:
            near = make_namespace()
            stack.callback(near.close)
            far = make_namespace()
            stack.callback(far.close)
            self.near = LinkEnd(self, 0, near, NEAR_ADDRESSES)
            self.far = LinkEnd(self, 1, far, FAR_ADDRESSES)
            with contextlib.ExitStack() as devices:  # the child's, from its start on
                numbers = []
                for namespace in (near, far):
                    numbers.append(namespace.open_tun())
                    devices.callback(os.close, numbers[-1])
                near.set_addresses(*NEAR_ADDRESSES, peer=FAR_ADDRESSES[0])
                far.set_addresses(*FAR_ADDRESSES, peer=NEAR_ADDRESSES[0])
                self._start(*numbers)
            stack.callback(self._end)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def down(self) -> None:
        """Lose every packet from now on, and those on their way: a cable that is cut.

        Neither end is told; their devices stay up.
        """
        self._ask(b"down")

    def up(self) -> None:
        """Let packets pass again."""
        self._ask(b"up")

    @property
    def counts(self) -> PacketCounts:
        """What became of the packets of both ends."""
        near, far = self.counts_by_end()
        return near + far

    def counts_by_end(self) -> tuple[PacketCounts, PacketCounts]:
        """Return what became of the packets of near, and of those of far."""
        if self._control is None:
            return self._last_counts
        return self._ask(b"counts")

    # -- the child

    def _start(self, near: int, far: int) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(ANSWER_SECONDS)
        with theirs:
            try:
                self._pid = _fork()
            except BaseException:
                ours.close()
                raise
            if self._pid == 0:
                _be_pump(near, far, theirs, self.conditions)
        self._control = ours
        try:
            # From then on it has let go of all that is this process's alone.
            _hear(ours)
        except BaseException:
            self._end()
            raise

    def _ask(self, word: bytes) -> tuple[PacketCounts, PacketCounts]:
        with self._mutex:
            if self._control is None:
                raise ClosedError(
                    "the link is closed", op=word.decode(), network="link"
                )
            try:
                self._control.send(word)
            except OSError as error:
                raise _lost(error) from error
            told = _hear(self._control)
        near, far = (PacketCounts(**counts) for counts in json.loads(told))
        return near, far

    def _end(self) -> None:
        with contextlib.suppress(Error):  # it is about to be ended in any case
            self._last_counts = self._ask(b"counts")
        with self._mutex:
            control, self._control = self._control, None
        if control is not None:
            control.close()
            # Its program may have reaped it already: SIGCHLD ignored, a waitpid(-1).
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(self._pid, os.WNOHANG) == (0, 0):
                    os.kill(self._pid, signal.SIGKILL)  # it has nothing to tidy up
                    os.waitpid(self._pid, 0)


def _hear(control: socket.socket) -> bytes:
    try:
        told = control.recv(4096)
    except OSError as error:
        raise _lost(error) from error
    if not told:
        raise _lost(None)
    return told


def _lost(error: OSError | None) -> Error:
    told = "the process that carries the packets is gone or does not answer"
    number = errno.EPIPE if error is None else error.errno
    return Error(told, op="ask", network="link", errno=number)


def _fork() -> int:
    # Python 3.12 warns of a fork beside threads; the child takes no lock of theirs.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _be_pump(
    near: int, far: int, control: socket.socket, conditions: Conditions
) -> NoReturn:
    status = 1
    try:
        gc.disable()  # or the end of the parent's garbage would be felt here
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
        _close_all_but({2, near, far, control.fileno()})
        control.send(_READY)
        run_pump(near, far, control, conditions)
        status = 0
    except BaseException:  # noqa: BLE001  told here: there is nobody above
        traceback.print_exc()
    finally:
        os._exit(status)


def _close_all_but(kept: set[int]) -> None:
    begin = 0
    for number in sorted(kept):
        os.closerange(begin, number)
        begin = number + 1
    os.closerange(begin, os.sysconf("SC_OPEN_MAX"))


@functools.cache
def why_no_link() -> str | None:
    """Return why there can be no `BadLink` here, or None if there can be.

    For a test's mark: ``pytest.mark.skipif(why_no_link() is not None, ...)``. To know
    takes making one, some milliseconds, once in a process.
    """
    try:
        with BadLink():
            return None
    except Error as error:
        return str(error)
