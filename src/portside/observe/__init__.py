"""Looking on: what happens, seen from outside.

What flows in are events and the kernel's tables; what flows out is text and facts, for
whoever shows them. Nothing here prints, and nothing that is looked at knows of it.

In reading order: `calls` (each socket call as a line), `holder` (which process has a
port), `ports` (what this machine does with one).

May import everything but `cli`.
"""

from portside.observe.calls import Calls, traced
from portside.observe.holder import Holder, find_holder

__all__ = ["Calls", "Holder", "find_holder", "traced"]
