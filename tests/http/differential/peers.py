"""The servers that are compared: Portside, Go's net/http, nginx; one handler in each.

Out      a port for each, while the block runs
Holds    the servers
Fails    MissingError: go or nginx is not here; ProgramError: a server does not start
"""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.process import Server

__all__ = ["NAMES", "MissingError", "missing", "serving", "versions"]

NAMES = ("portside", "go", "nginx")

_HERE = Path(__file__).parent


class MissingError(Exception):
    """A program that is compared with is not here."""


def missing() -> str:
    """Return what is not here, in words; "" if all is."""
    return ", ".join(f"no {each}" for each in NAMES[1:] if shutil.which(each) is None)


def versions() -> dict[str, str]:
    """Return the versions of those that are compared with."""
    go = _told("go", "version").stdout.split()[2].removeprefix("go")
    nginx = _told("nginx", "-v").stderr.strip().rpartition("/")[2]
    return {"Go": go, "nginx": nginx}


def _told(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True)


@contextlib.contextmanager
def serving() -> Iterator[dict[str, int]]:
    """Run the servers; return their ports, by name."""
    if missing():
        raise MissingError(missing())
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        go = Path(folder, "server")
        source = str(_HERE / "server.go")
        subprocess.run(["go", "build", "-o", str(go), source], check=True)
        commands = {
            "portside": [sys.executable, "-m", f"{__package__}.portside_server"],
            "go": [str(go)],
            "nginx": [sys.executable, "-m", f"{__package__}.nginx_server"],
        }
        yield {
            name: stack.enter_context(Server(name, commands[name])).port
            for name in NAMES
        }
