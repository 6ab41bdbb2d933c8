"""What one process does for a server: each conversation, from the door to its end.

In       listeners and packet conns with their handlers, settings; what the model asks
Out      what `portside.models.Work` lists; a report when it has stopped
Holds    the conversations that are open, and the conns that linger
Fails    Error: accepting has failed in a way that waiting does not cure

There is one in each process that serves: in that of the server, in each forked child,
where it is left with one conversation, and in each worker, which makes its own.
"""

import contextlib
import logging
import signal

from portside.engine import abandon_all, current, may_block, now, park, unwatch, watch
from portside.engine.threads import pool
from portside.errors import DeadlineError
from portside.models import Model
from portside.net import Listener
from portside.server.accept import Acceptor
from portside.server.capacity import Capacity
from portside.server.conversation import Conversation
from portside.server.linger import LINGER_SECONDS, Lingerer
from portside.server.live import Live, Report
from portside.server.packets import PacketDoor, PacketStand
from portside.server.service import Handler
from portside.server.settings import Settings
from portside.server.signals import UNWIND_SECONDS, Heard, heard_signals
from portside.server.tally import Tally, WorkerCounts

__all__ = ["Serving"]

_log = logging.getLogger("portside.server")

Door = tuple[Listener, Handler]

FIRST_WAIT_SECONDS = 0.001


class Serving:
    """One process's part of a server; what its model asks for.

    Args:
        packet_lines: how many lines of execution answer the packets of each door; 0
            where who accepts does it.
        max_connections: at once, in all processes together.
        own_most: how many of them this process can bear.
        tally: what the workers share, if there are any.
        worker: which of them this is; None for the process that accepts alone, and for
            the supervisor.

    Attributes:
        grace: how long conversations may go on when the server stops, in seconds.
        heard: what hears the signals of this process, if anything does.
        live: the conversations that are open.
        max_connections: as given.
    """

    def __init__(
        self,
        doors: list[Door],
        packet_doors: list[PacketDoor],
        settings: Settings,
        packet_lines: int,
        max_connections: int,
        own_most: int,
        tally: Tally | None = None,
        worker: int | None = None,
    ) -> None:
        self.grace = settings.grace
        self.heard: Heard | None = None
        self.live = Live()
        self.max_connections = max_connections
        self._doors = doors
        self._packet_doors = packet_doors
        self._packet_lines = packet_lines
        self._settings = settings
        self._own_most = own_most
        self._tally = tally
        self._worker = worker
        self._capacity = Capacity(
            max_connections,
            settings.max_connections_per_ip,
            self._place_is_free,
            None if tally is None or worker is None else WorkerCounts(tally, worker),
            own_most,
        )
        self._acceptor = Acceptor(
            list(doors),
            self._capacity,
            packet_doors if packet_lines == 0 else (),
            refuse=settings.over_capacity == "refuse",
            is_alone=worker is None,
        )
        for door in packet_doors:
            door.lines = 0
            for _ in range(packet_lines):
                self._call_at(door)
        self._lingerer: Lingerer
        self._is_child = False

    # -- its life

    def serve(self, model: Model) -> Report:
        """Run the model until the stop, and until all has ended or is abandoned."""
        self._lingerer = Lingerer()
        if may_block():
            # A first wait, while there is a descriptor for what wakes this thread:
            # later, clients may have all of them.
            with contextlib.suppress(DeadlineError):
                park(now() + FIRST_WAIT_SECONDS)
        try:
            model.run(self)
        finally:
            self.begin_stop(now() + self.grace)
            self.close()
            report = self._finish()
            for door in self._packet_doors:
                door.packets.close()  # not before: the answers leave by it
        return report

    def begin_stop(self, cut_at: float) -> None:
        """Accept nobody any more, and cut what still runs at that moment.

        Returns at once. Again is silent.
        """
        if self.live.cut_at is None:
            if self._tally is not None and self._worker is None:
                self._tally.begin_stop(cut_at)
            self.live.drain(cut_at)
            self._acceptor.stop()
            for door in self._packet_doors:
                door.packets.remove_file()  # as a listener does

    def close(self) -> None:
        """Leave the door; somebody else may stand there."""
        self._acceptor.close()
        if self._tally is not None and self._worker is None:
            self._tally.close()

    def _finish(self) -> Report:
        assert self.live.cut_at is not None
        self.live.wait(self.live.cut_at)
        self.live.cut_detached()
        self.live.wait(now() + UNWIND_SECONDS)
        self.live.abandon()
        pool.trim()
        report = self.live.report()
        if report.abandoned:
            _log.warning("stopped; %d never waited: abandoned", report.abandoned)
        return report

    # -- a conversation

    def accept(self) -> Conversation | PacketStand | None:
        """Wait for the next conversation; None when the server stops."""
        accepted = self._acceptor.accept()
        if accepted is None:
            return None
        conversation: Conversation | PacketStand
        if isinstance(accepted, PacketDoor):
            conversation = PacketStand(accepted, self._left_stand, self._call_at)
        else:
            conversation = Conversation(*accepted, self._over, self._lingerer.close_now)
        self.live.add(conversation)
        return conversation

    def converse(self, conversation: Conversation | PacketStand) -> None:
        """Run the handler and close the conn, so that what it wrote arrives."""
        if isinstance(conversation, PacketStand):
            try:
                if self._packet_lines:
                    conversation.converse()
                else:
                    conversation.answer_some()
            finally:
                conversation.end()
            return
        conn = conversation.conn
        conversation.converse()
        if not conn.detached:
            if self._is_child:
                conn.close(linger=LINGER_SECONDS)
            else:
                self._lingerer.close(conn)
        # Who closes the conn, be it somebody else, ends the conversation.
        if self._is_child:
            self.live.wait(None)  # the process lives as long as its conn

    def cut_at(self) -> float | None:
        """Return when those that still run are cut; None while nothing stops."""
        return self.live.cut_at

    def refused(
        self, conversation: Conversation | PacketStand, error: Exception
    ) -> None:
        """Turn the client away, and accept nobody for a moment."""
        conversation.refuse()
        conversation.end()
        reason = getattr(error, "strerror", None) or error
        self._acceptor.pause(f"{conversation}: not served: {reason}")

    def cut_inline(self) -> bool:
        """Whether this thread is in a handler, which the caller cuts: for signals."""
        self.live.is_cutting = self.live.running_on(current())
        return self.live.is_cutting

    # -- a child for each conversation

    def enter_child(self, conversation: Conversation | PacketStand) -> None:
        """Close what is the parent's: listeners, other conns, the spare descriptor."""
        self._is_child = True
        self._leave_parent(keep=conversation.descriptors())
        self.live = Live()
        self.live.add(conversation)

    def drain_child(self, conversation: Conversation | PacketStand) -> None:
        """Begin to stop in a child: its conversation may end by itself, or is cut."""
        self.live.drain(now() + self.grace)

    def was_cut(self, conversation: Conversation | PacketStand) -> bool:
        """Whether it was cut before its handler had ended."""
        return conversation.was_cut

    def hand_over(self, conversation: Conversation | PacketStand) -> None:
        """Close the parent's copy of the conn, which a child serves now."""
        conversation.hand_over()

    def ended(self, conversation: Conversation | PacketStand, *, cut: bool) -> None:
        """Count a conversation that a child has served."""
        conversation.was_cut = cut
        conversation.end()

    def failed(self, conversation: Conversation | PacketStand, reason: str) -> None:
        """Log what a child died of; `ended` follows."""
        _log.error("%s: %s", conversation, reason)

    # -- workers

    def wait_for_stop(self, until: float | None) -> None:
        """Return when the server stops, at a moment, or early: for the supervisor."""
        self._acceptor.wait_for_stop(until)

    def serve_as_worker(self, number: int, model: Model, lifeline: int) -> None:
        """Serve, in a forked child, until it is told to stop, with a part of its own.

        It is told by SIGTERM (its supervisor, whoever signals the group, the kernel
        when the supervisor has died) or by the end of the lifeline. It stops once,
        however often it is told: only the supervisor ends it before its time.
        """
        assert self._tally is not None
        tally = self._tally
        heard_at = {door.packets.fileno() for door in self._packet_doors}
        self._leave_parent(
            keep={n for door, _ in self._doors for n in door.filenos()} | heard_at
        )
        own = Serving(
            self._doors,
            self._packet_doors,
            self._settings,
            model.packet_lines,
            self.max_connections,
            self._own_most,
            tally,
            number,
        )

        def cut_at() -> float:
            return tally.cut_at or now() + own.grace

        def stop() -> None:
            unwatch(lifeline)
            own.begin_stop(cut_at())

        def look_again() -> None:
            bell.silence()
            own._acceptor.look_again()

        bell = tally.bells[number]
        own.heard = Heard(
            stop,
            None,
            cut_at=cut_at,
            cut=own.cut_inline if model.runs_inline else None,
            leave=own.live.leave,
            numbers=(signal.SIGTERM,),
        )
        with heard_signals(own.heard):
            watch(lifeline, stop)
            watch(bell.fd, look_again)
            tally.begin(number)
            tally.end(number, own.serve(model))

    def has_begun(self, number: int) -> bool:
        """Whether a worker has come so far as to accept."""
        assert self._tally is not None
        return self._tally.has_begun(number)

    def worker_ended(self, number: int) -> int:
        """Give the places of a worker that has died back.

        Returns:
            How many connections it had when it died.
        """
        assert self._tally is not None
        report, lost = self._tally.take_out(number)
        if self.live.cut_at is not None:
            self.live.count(report)
            self.live.count(Report(cut=max(lost, 0)))
        return lost

    def _leave_parent(self, keep: set[int]) -> None:
        self._acceptor.close()
        if self.heard is not None:
            self.heard.abandon()
        abandon_all(keep=keep)

    def _place_is_free(self) -> None:
        self._acceptor.place_is_free()

    def _left_stand(self, stand: PacketStand) -> None:
        """Say that a line has come to its end; if that was no stop, begin another."""
        self.live.remove(stand)
        if not self._packet_lines:
            return  # who accepts comes back by itself
        door = stand.door
        door.lines -= 1
        is_stopping = self.live.cut_at is not None or self._is_child
        is_over = is_stopping or door.packets.closed
        if door.lines < self._packet_lines and not is_over:
            self._call_at(door, door.return_at())

    def _call_at(self, door: PacketDoor, moment: float = 0.0) -> None:
        door.lines += 1
        self._acceptor.call_at(door, moment)

    def _over(self, conversation: Conversation) -> None:
        self.live.remove(conversation)
        self._capacity.give_back(self._capacity.counted(conversation.conn))
