"""Files over HTTP: Portside, under the model that is named.

In       "thread", "nonblocking" ...; the directory
"""

import sys

from portside import Server, http


def main() -> None:
    """Serve until told to stop."""
    files = http.files(sys.argv[2])
    server = Server(files, "tcp://127.0.0.1:0", model=sys.argv[1], backlog=4096)
    server.run(ready=lambda: print(f"port {server.address.port}", flush=True))


if __name__ == "__main__":
    main()
