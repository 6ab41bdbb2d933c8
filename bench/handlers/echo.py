"""Echo, as the README shows it."""

from portside.net import Conn

__all__ = ["echo"]


def echo(conn: Conn) -> None:
    """Send back what comes until the peer stops sending."""
    for chunk in conn:
        conn.write(chunk)
