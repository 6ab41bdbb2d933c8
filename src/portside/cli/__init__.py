"""The command line: from argv to calls.

What flows in are words that a person typed; what flows out are calls of the rooms
below, text on a terminal, and an exit status.

In reading order: `main` (the program, and what becomes of every failure), `failure`
(the exit statuses), `units` (durations), `serve`, with `what` (``WHAT=ENDPOINT``),
`load` (a handler in a file of yours) and `starting` (why a server could not start);
`dial`, with `talk` (both directions at once); `lookup`, with `answers` (what is told);
`trace`, `logs`, `completion`; and `_render`, the only file that prints.

May import everything. It is the only room that knows of exit statuses.
"""

__all__: list[str] = []
