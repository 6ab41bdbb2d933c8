"""Hold the five values that tell one conversation from all others.

In       the protocol and the two addresses
Out      one value that compares, hashes and prints
Source   RFC 6146 section 2, "5-Tuple"
Holds    nothing
Fails    never

The host is found by its address and the socket on it by the port; but a server has one
address and port for all its clients. What keeps their packets apart is the other end:
the kernel looks up all five, and where one differs it is another conversation.
"""

from dataclasses import dataclass

from portside.names.address import IPAddress

__all__ = ["FiveTuple"]


@dataclass(frozen=True, slots=True)
class FiveTuple:
    """A conversation, as the host at its local end sees it.

    >>> near = IPAddress("tcp", "127.0.0.1", 4242)
    >>> far = IPAddress("tcp", "127.0.0.1", 7)
    >>> print(FiveTuple("tcp", near, far))
    tcp 127.0.0.1:4242 -> 127.0.0.1:7

    Attributes:
        protocol: tcp or udp.
        local: our end.
        remote: the other end.
    """

    protocol: str
    local: IPAddress
    remote: IPAddress

    @property
    def local_ip(self) -> str:
        """The address of our host, with its zone."""
        return self.local.host

    @property
    def local_port(self) -> int:
        """The port on our host."""
        return self.local.port

    @property
    def remote_ip(self) -> str:
        """The address of the other host, with its zone."""
        return self.remote.host

    @property
    def remote_port(self) -> int:
        """The port on the other host."""
        return self.remote.port

    def reversed(self) -> "FiveTuple":
        """Return the same conversation as the peer sees it."""
        return FiveTuple(self.protocol, self.remote, self.local)

    def __str__(self) -> str:
        return f"{self.protocol} {self.local} -> {self.remote}"
