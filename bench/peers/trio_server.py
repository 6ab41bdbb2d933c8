"""Echo over TCP: trio. Its streams set TCP_NODELAY by themselves."""

import functools

import trio


async def echo(stream: trio.SocketStream) -> None:
    """Send back what comes until the peer stops sending."""
    while data := await stream.receive_some(65536):
        await stream.send_all(data)


async def main() -> None:
    """Serve for ever."""
    serve = functools.partial(trio.serve_tcp, echo, 0, host="127.0.0.1", backlog=4096)
    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(serve)
        print(f"port {listeners[0].socket.getsockname()[1]}", flush=True)


if __name__ == "__main__":
    trio.run(main)
