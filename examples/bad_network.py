"""Put a bad network before a server. Models: serial fork thread nonblocking hybrid.

portside serve echo=127.0.0.1:7007 examples/bad_network.py:far_away=127.0.0.1:7008
"""

from portside import Service, serve
from portside.services import forward


def across_the_sea(upstream: str) -> Service:
    """Return what forwards to upstream, as badly as a long way does."""
    return forward(upstream, delay=0.075, jitter=0.01, loss=0.001, rate=2_000_000)


far_away = across_the_sea("127.0.0.1:7007")  # conns and packets

if __name__ == "__main__":
    serve(far_away, "127.0.0.1:7008")
