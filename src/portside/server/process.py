"""Serve in a process beside this one, for the models that fork.

In       a server that listens
Out      the server runs elsewhere; stop brings its report back
Source   fork(2); the end of the socket pair is the parent's end (the lifeline)
Holds    the child's pid, and one end of a socket pair to it
Fails    never: a child that died is logged, and its report is empty

The child is the one that forks for each connection, and it has a single thread from its
birth on, however many this process has.
"""

import contextlib
import json
import logging
import os
import signal
import socket
from dataclasses import asdict
from typing import NoReturn, Protocol

from portside.engine import (
    Descriptor,
    abandon_all,
    closing,
    now,
    shield,
    unbounded,
    unwatch,
    wait_read,
    watch,
)
from portside.errors import DeadlineError
from portside.models.children import death_of, flush_streams, wait_for_exit
from portside.server.doors import Doors
from portside.server.live import Report

__all__ = ["Process", "Served"]

_log = logging.getLogger("portside.server")

_READY = b"ready"

START_SECONDS = 10.0
"""How long to wait for the child to begin: a guess for a busy machine."""

SPARE_SECONDS = 5.0
"""What the child gets over the grace, to kill its own children and report."""


class Served(Protocol):
    """What the process runs: a server."""

    @property
    def doors(self) -> Doors:
        """What it hears at."""

    def hearing_signals(self) -> contextlib.AbstractContextManager[None]:
        """Stop at SIGINT and SIGTERM inside."""

    def serve_all(self) -> Report:
        """Run the model until all has ended."""

    def begin_stop(self, grace: float | None = None) -> None:
        """Accept nobody any more and let the rest end within grace."""


class Process:
    """A child that runs a server until it is told to stop."""

    def __init__(self, server: Served) -> None:
        ours, theirs = socket.socketpair()
        self._ours = ours
        self._is_told = False
        self._doors = server.doors
        flush_streams()
        try:
            self._pid = os.fork()
            if self._pid == 0:
                _be_child(server, ours, theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.settimeout(START_SECONDS)
        # From then on it has let go of all that is this process's alone.
        if ours.recv(len(_READY)) != _READY:
            ours.close()
            wait_for_exit(self._pid)
            raise RuntimeError("the server's process did not start: see the log")
        ours.setblocking(False)
        server.doors.abandon()

    def begin_stop(self, grace: float) -> None:
        """Tell it to stop; again is silent."""
        if not self._is_told:
            self._is_told = True
            self._doors.remove_files()  # the child has no right to: it made none
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._ours.send(json.dumps({"grace": grace}).encode())

    def stop(self, grace: float) -> Report:
        """Tell it to stop, wait until it has, and return its report."""
        self.begin_stop(grace)
        told = b""
        try:
            with shield():
                told = self._hear(now() + grace + SPARE_SECONDS)
        except DeadlineError:
            os.kill(self._pid, signal.SIGKILL)
        closing(self._ours.fileno())  # a hub may have waited for it
        self._ours.close()
        code = wait_for_exit(self._pid)
        if not told:
            _log.error("the server's process %d %s", self._pid, death_of(code))
            return Report()
        return Report(**json.loads(told))

    def _hear(self, deadline: float) -> bytes:
        told = b""
        # To the end of the line: a grandchild may keep the other end open.
        while not told.endswith(b"\n"):
            try:
                part = self._ours.recv(4096)
            except BlockingIOError:
                wait_read(self._ours.fileno(), deadline)
                continue
            except ConnectionResetError:
                return told
            if not part:
                return told
            told += part
        return told


def _be_child(server: Served, ours: socket.socket, theirs: socket.socket) -> NoReturn:
    status = [1]
    try:
        _serve(server, ours, theirs, status)
    finally:
        os._exit(status[0])


def _serve(
    server: Served, ours: socket.socket, theirs: socket.socket, status: list[int]
) -> None:
    try:
        ours.close()
        control = Descriptor(theirs)  # so that the conversations' children drop it
        abandon_all(keep=server.doors.descriptors() | {control.number})
        control.socket.send(_READY)
        with unbounded(), server.hearing_signals():
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
            watch(control.number, lambda: _obey(server, control.socket))
            report = server.serve_all()
        with contextlib.suppress(OSError):
            told = json.dumps(asdict(report)) + "\n"
            control.socket.send(told.encode())
        status[0] = 0
    except Exception:  # told here: there is nobody above
        _log.exception("the server's process failed")
    finally:
        flush_streams()
        logging.shutdown()


def _obey(server: Served, control: socket.socket) -> None:
    told = b""
    with contextlib.suppress(OSError):
        told = control.recv(4096)
    unwatch(control.fileno())
    server.begin_stop(json.loads(told)["grace"] if told else None)
