"""Echo over UDP: Portside, under the model that is named.

In       "serial", "fork", "thread" ...
"""

import sys

from bench.handlers.echo_packet import echo
from portside import Server


def main() -> None:
    """Serve until told to stop."""
    server = Server(echo, "udp://127.0.0.1:0", model=sys.argv[1])
    server.run(ready=lambda: print(f"port {server.address.port}", flush=True))


if __name__ == "__main__":
    main()
