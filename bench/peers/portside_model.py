"""Echo over TCP: Portside, under the model that is named.

In       "serial", "fork", "thread" ...
"""

import os
import sys

from bench.handlers.echo import echo
from portside import Server


def main() -> None:
    """Serve until told to stop."""
    server = Server(echo, "tcp://127.0.0.1:0", model=sys.argv[1], backlog=4096)
    server.run(ready=lambda: print(f"port {server.address.port}", flush=True))
    os._exit(0)  # what the interpreter takes down differs by millions of instructions


if __name__ == "__main__":
    main()
