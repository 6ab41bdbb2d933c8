"""Echo over UDP: a datagram protocol on asyncio."""

import asyncio
from typing import cast

__all__ = ["serve"]


class Echo(asyncio.DatagramProtocol):
    """Send back what comes."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to send."""
        # uvloop's own is no DatagramTransport, though it has the methods of one
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Send it back."""
        self.transport.sendto(data, address)


async def serve() -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, ("127.0.0.1", 0))
    print(f"port {transport.get_extra_info('sockname')[1]}", flush=True)
    await loop.create_future()


if __name__ == "__main__":
    asyncio.run(serve())
