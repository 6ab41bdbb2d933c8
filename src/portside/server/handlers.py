"""Whether an object can serve as a handler: asked before the first client comes.

In       anything
Out      a return if it is a function of a conn
Fails    HandlerError, in one sentence
"""

import inspect
from collections.abc import Callable
from typing import Any

from portside.errors import HandlerError
from portside.net import Conn

__all__ = ["Handler", "check_handler", "handler_name"]

Handler = Callable[[Conn], object]
"""Holds the conversation with one peer; its return ends the stream."""


def check_handler(handler: Any) -> None:
    """Return if handler can be called with a conn.

    Raises:
        HandlerError: it cannot, or calling it would only make a coroutine.
    """
    name = handler_name(handler)
    if not callable(handler):
        raise HandlerError(
            f"handler {name}: of type {type(handler).__name__}, not a function"
        )
    body = handler if inspect.isroutine(handler) else type(handler).__call__
    # A partial shows what it is made of, an instance what its class calls.
    if any(map(_is_async, (handler, body))):
        raise HandlerError(
            f"handler {name}: is an async def; write a plain def, its calls wait by "
            f"themselves under every model"
        )
    if inspect.isgeneratorfunction(body):
        raise HandlerError(
            f"handler {name}: is a generator, it has a yield; write to the conn"
        )
    try:
        signature = inspect.signature(handler)
    except ValueError:
        return  # a builtin that does not tell
    try:
        signature.bind(None)
    except TypeError:
        raise HandlerError(
            f"handler {name}{signature}: must take one argument, the conn"
        ) from None


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def handler_name(handler: Any) -> str:
    """Return what logs call it."""
    return getattr(handler, "__name__", None) or repr(handler)
