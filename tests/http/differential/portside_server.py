"""Portside, which tells what it understood of each request."""

from portside import Server, http


def answer(request: http.Request) -> http.Response:
    """Tell what was understood."""
    body = request.body.read_all()
    seen = f"{request.method} {len(body)} {request.raw_path}"
    return http.Response("seen\n", headers={"Seen": seen})


def main() -> None:
    """Serve until told to stop."""
    server = Server(http.handler(answer), "tcp://127.0.0.1:0", model="nonblocking")
    server.run(ready=lambda: print(f"port {server.address.port}", flush=True))


if __name__ == "__main__":
    main()
