"""Pages over HTTP: bjoern, and a WSGI application.

It sends no Date, which the others do: so the application adds one, made anew each
second.
"""

import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import bjoern

from bench.peers.hello_wsgi import Headers, app
from bench.peers.listening import listening


class Dated:
    """The application with a Date."""

    def __init__(self) -> None:
        self._second = 0
        self._date = ""

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[[str, Headers], object]
    ) -> list[bytes]:
        """Say hello, and when."""

        def start(status: str, headers: Headers) -> None:
            start_response(status, [*headers, ("Date", self._now())])

        return app(environ, start)

    def _now(self) -> str:
        second = int(time.clock_gettime(time.CLOCK_REALTIME))
        if second != self._second:
            self._second, self._date = second, formatdate(second, usegmt=True)
        return self._date


if __name__ == "__main__":
    bjoern.server_run(listening(), Dated())
