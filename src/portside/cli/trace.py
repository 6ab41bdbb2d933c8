"""``--trace-calls``: every socket call on stderr, as it happens.

In       whether it was asked for
Out      a block in which each call is a line
"""

import contextlib

from portside.cli import _render

__all__ = ["trace_if"]


def trace_if(asked: bool) -> contextlib.AbstractContextManager[None]:
    """Trace the calls inside the block, if that was asked for."""
    if not asked:
        return contextlib.nullcontext()
    from portside.observe import traced

    return traced(_render.trace_line)
