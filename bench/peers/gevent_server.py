"""Echo over TCP: gevent's StreamServer, a greenlet for each connection."""

from gevent import socket
from gevent.server import StreamServer


def echo(conn: socket.socket, address: object) -> None:
    """Send back what comes until the peer stops sending."""
    while data := conn.recv(65536):
        conn.sendall(data)
    conn.close()


def main() -> None:
    """Serve for ever."""
    listener = socket.socket()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    print(f"port {listener.getsockname()[1]}", flush=True)
    StreamServer(listener, echo).serve_forever()


if __name__ == "__main__":
    main()
