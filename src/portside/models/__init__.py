"""Where a handler runs: one page for each model.

What flows in are conversations, as the server accepts them; each flows through
`Work.converse` on a line of execution that the model chooses. A model knows no socket,
no limit and no signal: it gets callables, and a new model is one file more here.

In reading order: `model` (what each is given and must do), `serial`, `thread`, `fork`,
`nonblocking`.

May import `engine` and what lies below.
"""

from collections.abc import Callable

from portside.models.fork import Fork
from portside.models.model import Model, Work
from portside.models.nonblocking import Nonblocking
from portside.models.serial import Serial
from portside.models.thread import Thread

__all__ = [
    "MODELS",
    "Fork",
    "Model",
    "Nonblocking",
    "Serial",
    "Thread",
    "Work",
    "make_model",
]

MODELS: dict[str, Callable[[], Model]] = {
    Serial.name: Serial,
    Fork.name: Fork,
    Thread.name: Thread,
    Nonblocking.name: Nonblocking,
}
"""Every model by its name."""


def make_model(name: str) -> Model:
    """Return the model of this name.

    Raises:
        ValueError: there is none; the error lists those there are.
    """
    if name not in MODELS:
        known = ", ".join(MODELS)
        raise ValueError(f"model {name!r}: unknown model (known: {known})")
    return MODELS[name]()
