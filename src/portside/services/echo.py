"""Echo: send back what comes. RFC 862, port 7."""

from portside.net import Conn

__all__ = ["echo"]


def echo(conn: Conn) -> None:
    """Send each byte back until the peer stops sending."""
    for chunk in conn:
        conn.write(chunk)
