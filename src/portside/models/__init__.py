"""Where a handler runs: one page for each model.

What flows in are conversations, as the server accepts them; each flows through
`Work.converse` on a line of execution that the model chooses. A model knows no socket,
no limit and no signal: it gets callables, and a new model is one file more here.

In reading order: `model` (what each is given and must do), `serial`, `thread`,
`nonblocking`, `children` (what those that fork have in common), `fork`, `hybrid`.

May import `engine` and what lies below.
"""

from collections.abc import Callable

from portside.models.fork import Fork
from portside.models.hybrid import Hybrid, cores
from portside.models.model import Model, Work
from portside.models.nonblocking import Nonblocking
from portside.models.serial import Serial
from portside.models.thread import Thread

__all__ = [
    "MODELS",
    "WORKER_MODELS",
    "Fork",
    "Hybrid",
    "Model",
    "Nonblocking",
    "Serial",
    "Thread",
    "Work",
    "make_model",
]

_ALONE: dict[str, Callable[[], Model]] = {
    each.name: each for each in (Serial, Fork, Thread, Nonblocking)
}

WORKER_MODELS: dict[str, Callable[[], Model]] = {
    Nonblocking.name: Nonblocking,
    Thread.name: Thread,
}
"""What a worker of `hybrid` can run."""

MODELS = (Serial.name, Fork.name, Thread.name, Nonblocking.name, Hybrid.name)
"""Every model, by name."""


def make_model(
    name: str, *, workers: int | None = None, worker_model: str | None = None
) -> Model:
    """Return a model.

    Args:
        name: which one.
        workers: of `hybrid`: how many processes; None for one per core.
        worker_model: of `hybrid`: what each of them runs; None for `nonblocking`.

    Raises:
        ValueError: there is none of this name, or it has no workers; the error lists
            those there are.
    """
    if name == Hybrid.name:
        inner = Nonblocking.name if worker_model is None else worker_model
        if inner not in WORKER_MODELS:
            known = ", ".join(WORKER_MODELS)
            raise ValueError(f"worker_model {inner!r}: unknown (known: {known})")
        return Hybrid(WORKER_MODELS[inner](), cores() if workers is None else workers)
    if name not in _ALONE:
        known = ", ".join(MODELS)
        raise ValueError(f"model {name!r}: unknown model (known: {known})")
    for option, value in (("workers", workers), ("worker_model", worker_model)):
        if value is not None:
            raise ValueError(
                f"{option} is for model 'hybrid', and model {name!r} has no workers"
            )
    return _ALONE[name]()
