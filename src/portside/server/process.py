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
    abandon_all,
    now,
    shield,
    unbounded,
    unwatch,
    wait_read,
    watch,
)
from portside.errors import DeadlineError
from portside.models import Model
from portside.net import Listener
from portside.server.live import Report
from portside.server.signals import Heard, heard_signals

__all__ = ["Process", "Served"]

_log = logging.getLogger("portside.server")

_READY = b"ready"

SPARE_SECONDS = 5.0
"""What the child gets over the grace, to kill its own children and report."""


class Served(Protocol):
    """What the process runs: a server."""

    model: Model

    @property
    def listeners(self) -> list[Listener]:
        """What it listens with."""

    def serve_all(self) -> Report:
        """Run the model until all has ended."""

    def begin_stop(self, grace: float | None = None) -> None:
        """Accept nobody any more and let the rest end within grace."""


class Process:
    """A child that runs a server until it is told to stop."""

    def __init__(self, server: Served) -> None:
        ours, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            ours.close()
            _be_child(server, theirs)
        theirs.close()
        ours.recv(len(_READY))  # it has let go of all that is ours alone
        ours.setblocking(False)
        self._ours = ours
        for listener in server.listeners:
            listener.abandon()

    def stop(self, grace: float) -> Report:
        """Tell it to stop, wait until it has, and return its report."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._ours.send(json.dumps({"grace": grace}).encode())
        told = b""
        try:
            with shield():
                told = self._hear(now() + grace + SPARE_SECONDS)
        except DeadlineError:
            os.kill(self._pid, signal.SIGKILL)
        self._ours.close()
        _, status = os.waitpid(self._pid, 0)
        if not told:
            code = os.waitstatus_to_exitcode(status)
            _log.error("the server's process %d ended with %d", self._pid, code)
            return Report()
        return Report(**json.loads(told))

    def _hear(self, deadline: float) -> bytes:
        told = b""
        while True:
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


def _be_child(server: Served, control: socket.socket) -> NoReturn:
    status = 1
    try:
        control.setblocking(False)
        numbers = {n for listener in server.listeners for n in listener.filenos()}
        abandon_all(keep=numbers)
        heard = Heard(
            server.begin_stop, server.model.kill, grace=0.0, is_inline=lambda: False
        )
        control.send(_READY)
        with unbounded(), heard_signals(heard):
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
            watch(control.fileno(), lambda: _obey(server, control))
            report = server.serve_all()
        with contextlib.suppress(OSError):
            control.send(json.dumps(asdict(report)).encode())
        status = 0
    except Exception:  # told here: there is nobody above
        _log.exception("the server's process failed")
    finally:
        logging.shutdown()
        os._exit(status)


def _obey(server: Served, control: socket.socket) -> None:
    told = b""
    with contextlib.suppress(OSError):
        told = control.recv(4096)
    unwatch(control.fileno())
    server.begin_stop(json.loads(told)["grace"] if told else None)
