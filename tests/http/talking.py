"""A handler of requests, and a client that talks to it over a pipe in memory.

In       a function of a request, the settings of HTTP
Out      a client that sends bytes and reads answers, and forgives nothing
Holds    a task that serves, as long as the block lasts
Fails    AssertionError: what comes is no answer; what the serving itself has raised
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from portside import net
from portside.engine import TaskGroup, timeout
from portside.http.settings import HttpSettings
from portside.http.web import handler
from portside.net import Conn
from tests.http.answers import Answer, AnswerReader

__all__ = ["Client", "get", "talking"]

PATIENCE = 10.0
"""Seconds that no answer of these tests takes."""


def get(target: str = "/", *lines: str, method: str = "GET", minor: int = 1) -> bytes:
    """Return a request without a body."""
    fields = "".join(f"{line}\r\n" for line in ("Host: x", *lines))
    return f"{method} {target} HTTP/1.{minor}\r\n{fields}\r\n".encode("latin-1")


class Client:
    """The client's end.

    Attributes:
        conn: its conn.
        served: the server's conn.
    """

    def __init__(self, conn: Conn, served: Conn) -> None:
        self.conn = conn
        self.served = served
        self._reader = AnswerReader(self._more)

    def ask(self, request: bytes, *, to_head: bool = False) -> Answer:
        """Send a request and return its answer."""
        self.conn.write(request)
        return self.answer(to_head=to_head)

    def answer(self, *, to_head: bool = False) -> Answer:
        """Return the next answer."""
        answer = self._reader.next(to_head=to_head)
        assert answer is not None, "the end, and no answer"
        return answer

    def assert_end(self) -> None:
        """Nothing more comes."""
        assert self._reader.at_end() == b""

    def assert_goes_on(self) -> None:
        """The connection is good for another request."""
        assert not self.ask(get("/again")).closes

    def _more(self) -> bytes:
        with timeout(PATIENCE):
            return self.conn.read()


@contextlib.contextmanager
def talking(function: Callable[[Any], Any], **settings: Any) -> Iterator[Client]:
    """Serve a function of a request while the block runs; then the client goes."""
    web = handler(function, settings=HttpSettings(**settings))
    served, conn = net.pipe()

    def serve() -> None:
        with served:
            web(served)

    with TaskGroup() as group:
        group.start_soon(serve)
        with conn:
            yield Client(conn, served)
