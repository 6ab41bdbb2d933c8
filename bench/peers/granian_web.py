"""Pages over HTTP: granian with one worker of one thread.

In       the kind of application: "asgi" or "wsgi"

It listens by itself, with SO_REUSEPORT. So a socket that is bound so too, but does not
listen, keeps the port for it.
"""

import socket
import sys
import threading
import time

from granian import Granian
from granian.constants import HTTPModes, Interfaces


def main() -> None:
    """Serve until told to stop."""
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    keeper.bind(("127.0.0.1", 0))
    port = keeper.getsockname()[1]
    threading.Thread(target=_say_when_it_listens, args=[port], daemon=True).start()
    interface = sys.argv[1]
    Granian(
        f"bench.peers.hello_{interface}:app",
        port=port,
        interface=Interfaces(interface),
        http=HTTPModes.http1,
        websockets=False,
        workers=1,
        runtime_threads=1,
        backlog=4096,
        log_enabled=False,
    ).serve()


def _say_when_it_listens(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            print(f"port {port}", flush=True)
            return


if __name__ == "__main__":
    main()
