"""Echo over TCP: socketserver, a thread or a process for each connection.

In       "threading" or "forking"
"""

import socket
import socketserver
import sys


class Echo(socketserver.BaseRequestHandler):
    """Send back what comes until the peer stops sending."""

    request: socket.socket

    def handle(self) -> None:
        """Serve one connection."""
        while data := self.request.recv(65536):
            self.request.sendall(data)


class ThreadingServer(socketserver.ThreadingTCPServer):
    """A thread for each connection."""

    request_queue_size = 4096
    daemon_threads = True


class ForkingServer(socketserver.ForkingTCPServer):
    """A process for each connection."""

    request_queue_size = 4096
    max_children = 4096  # or the 41st connection would wait for another to end


def main() -> None:
    """Serve for ever."""
    kinds = {"threading": ThreadingServer, "forking": ForkingServer}
    server = kinds[sys.argv[1]](("127.0.0.1", 0), Echo)
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited
    print(f"port {server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
