"""The real command, run beside a test and ended with it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

__all__ = [
    "LONG",
    "PORTSIDE",
    "Serving",
    "environment",
    "is_refused",
    "portside",
    "serving",
    "until",
]

PORTSIDE = (sys.executable, "-m", "portside")

LONG = 20.0
"""Seconds that no test ever waits for."""


def environment(**more: str) -> dict[str, str]:
    """Return this environment without settings of ours but those given."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PORTSIDE_", "_PORTSIDE_"))
    }
    return kept | more


def portside(
    *args: object, stdin: bytes = b"", env: dict[str, str] | None = None, **popen: Any
) -> "subprocess.CompletedProcess[bytes]":
    """Run a command to its end."""
    return subprocess.run(
        [*PORTSIDE, *map(str, args)],
        input=stdin,
        capture_output=True,
        timeout=LONG,
        check=False,
        env=environment(**(env or {})),
        **popen,
    )


class Serving:
    """A ``portside serve`` that listens.

    Attributes:
        process: where it runs.
        told: what it wrote when it listened.
    """

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        errors: IO[bytes],
        told: dict[str, Any],
    ) -> None:
        self.process = process
        self.told = told
        self._errors = errors

    def endpoint(self, index: int = 0) -> str:
        """Return host:port."""
        return str(self.told["listening"][index]["endpoint"]).partition("://")[2]

    def address(self, index: int = 0) -> tuple[str, int]:
        """Return what the socket module wants."""
        place = self.told["listening"][index]
        return place["host"], place["port"]

    def connect(self, index: int = 0) -> socket.socket:
        """Return a client's socket."""
        return socket.create_connection(self.address(index), LONG)

    def errors(self) -> str:
        """Return what it has written to stderr until now."""
        self._errors.seek(0)
        return self._errors.read().decode()

    def stop(self, number: int = signal.SIGTERM) -> dict[str, Any]:
        """End it by a signal and return its report."""
        self.process.send_signal(number)
        return self.report()

    def report(self) -> dict[str, Any]:
        """Return its report when it has ended."""
        assert self.process.stdout is not None
        report = self.process.stdout.read()
        assert self.process.wait(LONG) == 0, self.errors()
        return dict(json.loads(report))


@contextlib.contextmanager
def serving(
    *args: object, env: dict[str, str] | None = None, **popen: Any
) -> Iterator[Serving]:
    """Serve while the block runs."""
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [*PORTSIDE, "serve", *map(str, args), "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment(**(env or {})),
            **popen,
        ) as process,
    ):
        line = b""
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            started = Serving(process, errors, json.loads(line) if line else {})
            assert started.told.get("event") == "listening", started.errors()
            yield started
        finally:
            if process.poll() is None:
                process.kill()
                if line:  # what runs under strace is not the process that we started
                    with contextlib.suppress(ProcessLookupError, KeyError):
                        os.kill(json.loads(line)["pid"], signal.SIGKILL)


def until(condition: Callable[[], object]) -> None:
    """Return when the condition is true."""
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


def is_refused(address: tuple[str, int]) -> bool:
    """Whether nobody listens there."""
    try:
        socket.create_connection(address, LONG).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # it was in the queue when the listener was closed
    return False
