"""Echo over TCP: asyncio's streams on uvloop, the very same program."""

import uvloop

from bench.peers.asyncio_streams import serve

if __name__ == "__main__":
    uvloop.run(serve())
