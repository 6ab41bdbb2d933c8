"""The twenty pages as a WSGI application, with a router of its own."""

from collections.abc import Callable
from typing import Any

from bench.routes import name_of

__all__ = ["app"]

Headers = list[tuple[str, str]]


def app(
    environ: dict[str, Any], start_response: Callable[[str, Headers], object]
) -> list[bytes]:
    """Say hello."""
    name = name_of(environ["PATH_INFO"])
    if name is None:
        status, body = "404 Not Found", b"404 Not Found\n"
    else:
        status, body = "200 OK", f"Hello, {name}!".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
    ]
    start_response(status, headers)
    return [body]
