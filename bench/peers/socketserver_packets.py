"""Echo over UDP: socketserver, a thread for each datagram."""

import socket
import socketserver


class Echo(socketserver.BaseRequestHandler):
    """Send back what comes."""

    request: tuple[bytes, socket.socket]

    def handle(self) -> None:
        """Answer one datagram."""
        data, sock = self.request
        sock.sendto(data, self.client_address)


class Server(socketserver.ThreadingUDPServer):
    """A thread for each datagram."""

    daemon_threads = True


def main() -> None:
    """Serve for ever."""
    server = Server(("127.0.0.1", 0), Echo)
    print(f"port {server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
