"""Send back what comes, as it comes. Models: serial fork thread nonblocking hybrid.

portside serve examples/echo.py:echo=127.0.0.1:7007
"""

from portside import serve
from portside.net import Conn


def echo(conn: Conn) -> None:
    for chunk in conn:  # bytes as they arrive, until the peer stops sending
        conn.write(chunk)  # all of them, or an error that says how many went


if __name__ == "__main__":
    serve(echo, "tcp://127.0.0.1:7007")
