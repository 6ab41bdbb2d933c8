"""The pytest plugin: a fixture that serves a handler on a port of its own.

In       a handler, and the settings of a server
Out      a server that runs, and has stopped when the test ends
Fails    as `portside.Server` does

::

    def test_echo(portside_serve):
        server = portside_serve(echo, model="thread")
        with portside.net.dial(server.address) as conn:
            ...

The kernel chooses the port and the listener keeps it, so that no other test can take it
in between.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from portside.server import Server

__all__ = ["portside_serve"]


@pytest.fixture
def portside_serve() -> Iterator[Callable[..., "Server"]]:
    """Serve handlers while the test runs: ``portside_serve(handler, model=...)``."""
    # Not at the top: every run of pytest imports this file, whatever it tests.
    from portside.server import Server  # noqa: PLC0415

    with contextlib.ExitStack() as stack:

        def start(handler: Any, **settings: Any) -> Server:
            server = Server(handler, "tcp://127.0.0.1:0", **settings)
            return stack.enter_context(server)

        yield start
