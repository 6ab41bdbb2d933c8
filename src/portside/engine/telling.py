"""What the trace of socket calls says of bytes and of addresses.

In       what a call was given, or gave
Out      a few words
Fails    never
"""

from typing import Any

__all__ = ["bytes_text", "endpoint_text"]


def bytes_text(data: bytes | bytearray | memoryview) -> str:
    """Return how a trace shows what was received or is sent: its length and beginning.

    >>> bytes_text(b"hello")
    "5 bytes b'hello'"
    """
    shown = bytes(data[:24])
    more = " ..." if len(data) > len(shown) else ""
    return f"{len(data)} bytes {shown!r}{more}" if data else "0 bytes (the end)"


def endpoint_text(address: Any) -> str:
    """Return how a trace shows what the socket module calls an address."""
    if isinstance(address, tuple):
        host, port = address[0], address[1]
        quad = host.removeprefix("::ffff:")  # as in `IPAddress`, it never shows
        host = host if ":" in quad else quad
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return repr(address)
