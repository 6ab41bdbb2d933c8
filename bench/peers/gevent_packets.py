"""Echo over UDP: gevent's DatagramServer, a greenlet for each datagram."""

from gevent.server import DatagramServer


def main() -> None:
    """Serve for ever."""

    def echo(data: bytes, address: object) -> None:
        server.sendto(data, address)

    server = DatagramServer("127.0.0.1:0", echo)
    server.start()
    print(f"port {server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
