"""What a server that was started beside a test complains of.

In       a `Serving`
Out      the lines of its log that tell of a fault of its own
Holds    nothing

That its hub was held up is not among them: on a machine that is busy with something
else, that says nothing of the server.
"""

from tests.cli.running import Serving

__all__ = ["complaints"]


def complaints(server: Serving) -> list[str]:
    """Return the first lines of what it has logged, but for hubs that were held up."""
    return [
        line
        for line in server.errors().splitlines()
        if line.startswith(("portside", "Traceback"))
        and "has held up its hub" not in line
    ]
