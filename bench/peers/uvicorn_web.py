"""Pages over HTTP: uvicorn with httptools and uvloop, and an ASGI application."""

import uvicorn

from bench.peers.hello_asgi import app
from bench.peers.listening import listening


def main() -> None:
    """Serve until told to stop."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        backlog=4096,
        access_log=False,
        log_level="warning",
    )
    uvicorn.Server(config).run(sockets=[listening()])


if __name__ == "__main__":
    main()
