"""Run a test on each engine: the body as it is, and as the first task of a hub."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from portside.engine.hub import Hub

__all__ = ["on_each_engine"]


def on_each_engine(test: Callable[..., None]) -> Callable[..., None]:
    """Run the body of a test function on the blocking engine and in a hub."""

    def run(engine: str, **given: Any) -> None:
        if engine == "hub":
            Hub().run(lambda: test(**given))
        else:
            test(**given)

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    run.__module__ = test.__module__
    shown = inspect.signature(test)
    first = inspect.Parameter("engine", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__signature__ = shown.replace(  # type: ignore[attr-defined]
        parameters=[first, *shown.parameters.values()]
    )
    run.pytestmark = list(getattr(test, "pytestmark", ()))  # type: ignore[attr-defined]
    each = pytest.mark.parametrize("engine", ["blocking", "hub"])
    marked: Callable[..., None] = each(run)
    return marked
