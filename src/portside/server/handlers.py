"""Whether an object can serve as a handler: asked before the first client comes.

In       anything
Out      a return if it is a function of one argument, that waits by itself
Fails    HandlerError, in one sentence
"""

import inspect
from typing import Any

from portside.errors import HandlerError

__all__ = ["check_callable", "handler_name"]

_OTHERS = {
    "request": "is a function of a request, and a client is a conn: serve "
    "http.handler({name}), or give it to an http.Mux",
    "packet": "is a function of a packet: mark it with @packet_handler",
}
"""Names of what handlers of another kind take, and what to do with them."""


def check_callable(handler: Any, argument: str) -> None:
    """Return if handler can be called with one argument.

    Args:
        argument: what it will be given, in words: "the conn".

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
            f"handler {name}: is a generator, it has a yield; call what {argument} has"
        )
    try:
        signature = inspect.signature(handler)
    except ValueError:
        return  # a builtin that does not tell
    try:
        signature.bind(None)
    except TypeError:
        raise HandlerError(
            f"handler {name}{signature}: must take one argument, {argument}"
        ) from None
    if argument == "the conn":
        _check_takes_conn(handler, name)


def _check_takes_conn(handler: Any, name: str) -> None:
    """Return unless the argument's name says that it is something else.

    A guess, but each client would fail where it is right; an annotation overrules it. A
    function around another one is asked for its own names, not for those inside.
    """
    parameters = inspect.signature(handler, follow_wrapped=False).parameters.values()
    first = next(iter(parameters), None)
    if first is None or "Conn" in str(first.annotation):
        return
    if (hint := _OTHERS.get(first.name)) is not None:
        raise HandlerError(f"handler {name}({first.name}): {hint.format(name=name)}")


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def handler_name(handler: Any) -> str:
    """Return what logs call it."""
    return getattr(handler, "__name__", None) or repr(handler)
