"""The twenty pages as an ASGI application, with a router of its own."""

from collections.abc import Awaitable, Callable
from typing import Any

from bench.routes import name_of

__all__ = ["app"]

Scope = dict[str, Any]
Event = dict[str, Any]


async def app(
    scope: Scope,
    receive: Callable[[], Awaitable[Event]],
    send: Callable[[Event], Awaitable[None]],
) -> None:
    """Say hello."""
    assert scope["type"] == "http"
    name = name_of(scope["path"])
    if name is None:
        status, body = 404, b"404 Not Found\n"
    else:
        status, body = 200, f"Hello, {name}!".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
