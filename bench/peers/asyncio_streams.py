"""Echo over TCP: asyncio's streams. They set TCP_NODELAY by themselves."""

import asyncio

__all__ = ["serve"]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes until the peer stops sending."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve() -> None:
    """Serve for ever."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=4096)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
