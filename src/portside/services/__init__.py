"""Ready handlers: the well-known services.

What flows in is a conn, what flows out the bytes of the service. Each is a function of
a conn, like those that users write; `SERVICES` names them, with the port that they are
known by.

May import `net`, `server` and what lies below.
"""

from portside.server import Handler
from portside.services.discard import discard
from portside.services.echo import echo

__all__ = ["SERVICES", "discard", "echo"]

SERVICES: dict[str, Handler] = {"echo": echo, "discard": discard}
"""Every service by its name, under which `portside.names` knows its port."""
