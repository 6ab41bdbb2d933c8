"""A server: endpoints with handlers, a model to run them, and one life.

In       handlers, endpoints, settings
Out      every client served; a report when it has stopped
Holds    the listeners; what this process does for it, or the process that does
Fails    HandlerError, AddressError, InUseError, DeniedError ...: at the start

::

    NEW --listen--> RUNNING --stop, a signal--> DRAINING --all ended, or cut--> CLOSED
"""

import contextlib
import gc
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import fields
from types import TracebackType
from typing import Any, Self

from portside.engine import (
    Event,
    Lock,
    now,
    shield,
    spawn_on_thread,
    timeout,
    unbounded,
)
from portside.engine.threads import pool
from portside.errors import DeadlineError, Error
from portside.models import Model, make_model
from portside.names import IPAddress
from portside.names.closest import did_you_mean
from portside.net import Listener
from portside.net.target import Target
from portside.server.capacity import default_max_connections, raise_descriptor_limit
from portside.server.doors import Doors
from portside.server.live import Report, State
from portside.server.process import Process
from portside.server.service import Handler, PacketHandler, Service, service_of
from portside.server.serving import Serving
from portside.server.settings import Settings
from portside.server.signals import UNWIND_SECONDS, Heard, heard_signals
from portside.server.tally import Tally

__all__ = ["Server"]

_log = logging.getLogger("portside.server")


class Server:
    """Serve handlers at endpoints.

    >>> from portside import net
    >>> def hello(conn):
    ...     conn.write(b"hello")
    >>> with Server(hello, "tcp://127.0.0.1:0") as server:
    ...     net.dial(server.address).read_all()
    b'hello'

    Args:
        handler: a function of a conn; one of a packet, marked with `packet_handler`; or
            a `Service` of both.
        endpoints: where to serve it: ``"tcp://:7007"``; without a network, by every
            transport that the service speaks.
        settings: the fields of `Settings` (model, max_connections, grace ...).

    Raises:
        HandlerError: the handler is no function of one argument, or is an async def; or
            it answers packets, and the endpoint carries conns, or the other way round.
        ValueError: a setting that cannot be.
        TypeError: there is no setting of this name.
    """

    def __init__(
        self,
        handler: Handler | PacketHandler | Service | None = None,
        *endpoints: Target,
        **settings: Any,
    ) -> None:
        _check_names(settings, handler)
        self.settings = Settings(**settings)
        self.model: Model = make_model(
            self.settings.model,
            workers=self.settings.workers,
            worker_model=self.settings.worker_model,
        )
        self.state = State.NEW
        self._mutex = threading.Lock()  # guards state
        self.doors = Doors()
        self._serving: Serving | None = None
        self._process: Process | None = None
        self._closed = Event()
        self._stopping = Lock()  # one stop at a time; the others get its report
        self._is_started = False  # in the background
        self._is_served = False
        self._report = Report()
        if handler is not None:
            self.add(handler, *endpoints)

    def add(
        self, handler: Handler | PacketHandler | Service, *endpoints: Target
    ) -> None:
        """Serve one more handler, at its own endpoints; before the server listens.

        Raises:
            HandlerError: as above.
            ValueError: without an endpoint.
        """
        service = service_of(handler)
        if not endpoints:
            raise ValueError("no endpoint to serve at: give one, as tcp://:7007")
        self.doors.add(service, endpoints)

    # -- where

    @property
    def addresses(self) -> tuple[IPAddress | Any, ...]:
        """Every address it hears at."""
        return self.doors.addresses

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """What it listens with."""
        return tuple(listener for listener, _ in self.doors.conns)

    @property
    def address(self) -> IPAddress | Any:
        """The address it listens at, where there is one.

        Raises:
            Error: it does not listen yet, or at several addresses.
        """
        addresses = self.addresses
        if len(addresses) != 1:
            raise Error(f"listens at {len(addresses)} addresses: see addresses")
        return addresses[0]

    @property
    def max_connections(self) -> int:
        """How many connections it serves at once; known once it listens."""
        return self._serving.max_connections if self._serving is not None else 0

    # -- its life

    def listen(self) -> None:
        """Listen at every endpoint; clients wait in the queue until it runs.

        Raises:
            Error: an endpoint that cannot be listened to; then none is.
            RuntimeError: it listens, or has done so, already.
        """
        if self.state is not State.NEW:
            raise RuntimeError(f"the server is {self.state.value} already")
        self.doors.open(
            self.settings.backlog,
            guard_packets=not self.settings.unguarded,
            processes=self.model.workers or 1,
        )
        try:
            self._serving = self._make_serving()
        except BaseException:
            self.doors.close()
            raise
        self.state = State.RUNNING
        if _log.isEnabledFor(logging.INFO):
            places = ", ".join(each.endpoint_text for each in self.addresses)
            _log.info("listening at %s under model %s", places, self.model.name)

    def _make_serving(self) -> Serving:
        raise_descriptor_limit()
        settings, workers = self.settings, self.model.workers
        own_most = default_max_connections(
            self.model, len(self.doors.packets), self.doors.conns_each
        )
        most = settings.max_connections
        if most is None:
            most = own_most * (workers or 1)
        else:
            own_most = most
        tally = None
        if workers is not None:
            each = own_most if settings.max_connections_per_ip is not None else 0
            tally = Tally(workers, most, each)
        return Serving(
            self.doors.conns,
            self.doors.packets,
            settings,
            self.model.packet_lines,
            most,
            own_most,
            tally,
        )

    def run(self, ready: Callable[[], object] = lambda: None) -> Report:
        """Serve on this thread until told to stop; return how that went.

        On the main thread SIGINT and SIGTERM tell it: the first lets the conversations
        go on within the grace, the second ends the process.

        Args:
            ready: called once it listens and hears signals, before it accepts.

        Raises:
            RuntimeError: it is served already, or has been.
        """
        if self.state is State.NEW:
            self.listen()
        try:
            with unbounded():
                self.model.call(lambda: self._serve_hearing_signals(ready))
        finally:
            self._closed.set()
        return self._report

    def _serve_hearing_signals(self, ready: Callable[[], object]) -> None:
        with self.hearing_signals():
            ready()
            gc.freeze()  # what is here now stays: no collection need look at it again
            try:
                self.serve_all()
            finally:
                gc.unfreeze()

    def hearing_signals(self) -> contextlib.AbstractContextManager[None]:
        """Stop at SIGINT and SIGTERM inside, if this is the main thread."""
        serving = self._serving
        assert serving is not None
        serving.heard = Heard(
            self.begin_stop,
            self.model.kill,
            cut_at=lambda: now() + self.settings.grace,
            cut=serving.cut_inline if self.model.runs_inline else None,
            leave=serving.live.leave,
        )
        return heard_signals(serving.heard)

    def start(self) -> Self:
        """Serve in the background: a thread, or a process where the model needs one."""
        self.listen()
        assert self._serving is not None
        try:
            if self.model.needs_process:
                self._process = Process(self)
                self._serving.close()  # the child stands at the door
            else:
                with unbounded():
                    spawn_on_thread(self._serve_in_background, name="server")
                self._is_started = True
        except BaseException:
            self.stop(0.0)
            raise
        return self

    def stop(self, grace: float | None = None) -> Report:
        """Stop, and return when it has; from any thread, but not from a handler.

        Args:
            grace: seconds for what still runs; None is that of the settings.

        Returns:
            How it went; the same report when it had stopped before.
        """
        grace = self.settings.grace if grace is None else grace
        with shield(), self._stopping:  # it is bounded, and must be done to the end
            if self._process is not None:
                self._report = self._process.stop(grace)
                self._process = None
                self.state = State.CLOSED
            elif self.state in (State.RUNNING, State.DRAINING):
                self.begin_stop(grace)
                self._wait_until_closed(grace + 2 * UNWIND_SECONDS)
                pool.trim()
            return self._report

    def begin_stop(self, grace: float | None = None) -> None:
        """Accept nobody any more and let the rest end within grace; returns at once."""
        with self._mutex:
            if self.state is not State.RUNNING:
                return
            self.state = State.DRAINING
        grace = self.settings.grace if grace is None else grace
        _log.info("draining: no new clients, and %g s for those that are here", grace)
        if self._process is not None:
            self._process.begin_stop(grace)
            return
        assert self._serving is not None
        self._serving.begin_stop(now() + grace)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop(None if error is None else 0.0)

    def serve_all(self) -> Report:
        """Run the model until all has ended: for `run` and what serves elsewhere."""
        assert self._serving is not None
        with self._mutex:
            if self._is_served:
                raise RuntimeError("the server is served already, or has been")
            self._is_served = True
        try:
            self._report = self._serving.serve(self.model)
        finally:
            self.state = State.CLOSED
        return self._report

    def _wait_until_closed(self, seconds: float) -> None:
        assert self._serving is not None
        if not (self._is_served or self._is_started):  # it only listened
            self._serving.close()
            self.doors.close()
            self.state = State.CLOSED
            return
        try:
            with timeout(seconds):
                self._closed.wait()
        except DeadlineError:
            # A handler that computes on the thread that serves.
            self._serving.live.abandon()
            self._report = self._serving.live.report()

    def _serve_in_background(self) -> None:
        try:
            self.model.call(self.serve_all)
        except Exception:
            _log.exception(
                "the server at %s failed", ", ".join(map(str, self.addresses))
            )
        finally:
            self._closed.set()  # not before the loop of a hub has ended too


def _check_names(given: Iterable[str], handler: object) -> None:
    """Return if a server has each of these settings.

    Raises:
        TypeError: it has not; the error says whose it is, or what may be meant.
    """
    known = [each.name for each in fields(Settings)]
    for name in given:
        if name in known:
            continue
        own = getattr(handler, "settings", None)
        if hasattr(own, name):
            theirs = type(own).__name__
            raise TypeError(
                f"{name} is a setting of the handler, not of the server: make it with "
                f"settings={theirs}({name}=...)"
            )
        raise TypeError(f"Server has no setting {name!r}{did_you_mean(name, known)}")
