"""A program that runs beside us on its own core, and talks to us in lines.

In       a command
Out      its lines, and its process id
Holds    the process; a file with what it wrote to stderr
Fails    ProgramError: it ended, or said nothing for too long; with what it said
"""

import os
import select
import signal
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Self

from bench.cores import on_core, server_core
from bench.paths import ROOT
from bench.tree import process_tree

__all__ = ["Program", "ProgramError", "Server"]

START_SECONDS = 60.0
"""How long a server may take to listen: a guess, for valgrind on a busy machine."""

STOP_SECONDS = 15.0
"""How long it may take to end after SIGTERM: more than Portside's grace."""


class ProgramError(Exception):
    """A program failed; the message says how, and what it wrote."""


class Program:
    """A child process with a pipe each way; the end of the block ends it."""

    def __init__(self, name: str, command: list[str], core: int) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._unread = b""
        with on_core(core):
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
            )

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    def line(self, seconds: float) -> str:
        """Return the next line that it writes.

        Raises:
            ProgramError: none came, or it ended.
        """
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._unread:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._process.stdout], [], [], left)[0]:
                raise self.failed(f"said nothing for {seconds:.0f} s")
            more = self._process.stdout.read(4096)
            if not more:
                raise self.failed("ended")
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()

    def tell(self, line: str) -> None:
        """Write a line to it; one that has ended shows when its next line is read."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{line}\n".encode())
        except BrokenPipeError:
            pass

    def failed(self, how: str) -> ProgramError:
        """Return the error that says how it failed, and what it wrote."""
        return ProgramError(f"{self.name}: {how}: {self.errors()[-2000:].strip()}")

    def errors(self) -> str:
        """Return what it has written to stderr until now."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def finish(self, seconds: float = STOP_SECONDS) -> None:
        """End its stdin and wait until it has ended by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._wait(seconds)

    def terminate(self) -> None:
        """Ask it to end by SIGTERM, and wait until it and its children have."""
        family = process_tree(self.pid)
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._wait(STOP_SECONDS)
        for pid in family[1:]:
            _kill(pid)  # those that a plain SIGTERM to their parent leaves behind

    def _wait(self, seconds: float) -> None:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            for pid in process_tree(self.pid):
                _kill(pid)
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self.terminate()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            if pipe is not None:
                pipe.close()


class Server(Program):
    """A server that listens, on the servers' core.

    Attributes:
        port: where it listens.
    """

    def __init__(self, name: str, command: list[str]) -> None:
        super().__init__(name, command, server_core())
        try:
            word, _, number = self.line(START_SECONDS).partition(" ")
            if word != "port" or not number.isdecimal():
                raise self.failed(f"said {word!r} where it should tell its port")
        except ProgramError:
            self.__exit__(None, None, None)
            raise
        self.port = int(number)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
