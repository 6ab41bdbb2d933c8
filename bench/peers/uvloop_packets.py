"""Echo over UDP: a datagram protocol on uvloop, the very same program as asyncio's."""

import uvloop

from bench.peers.asyncio_packets import serve

if __name__ == "__main__":
    uvloop.run(serve())
