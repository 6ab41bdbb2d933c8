"""Pages over HTTP: Portside, under the model that is named.

In       "fork", "thread", "nonblocking" ...
"""

import os
import sys

from bench.handlers.web import mux
from portside import Server


def main() -> None:
    """Serve until told to stop."""
    server = Server(mux, "tcp://127.0.0.1:0", model=sys.argv[1], backlog=4096)
    server.run(ready=lambda: print(f"port {server.address.port}", flush=True))
    os._exit(0)  # as in `portside_model`


if __name__ == "__main__":
    main()
