"""Between whom a conn is.

In       a network, two addresses: as such, or as the socket module calls them
Out      the same, as addresses
Holds    both
Fails    never

It knows no stream, so that what gives errors their place need not know one either: a
conn that has ended is then gone at once, and does not wait for the garbage collector.
"""

from typing import Any

from portside.names import Address
from portside.net.target import address_of

__all__ = ["Ends"]


class Ends:
    """The two ends of a conn.

    Args:
        network: tcp, tcp4, tcp6, unix, unixpacket, pipe.
        local: an address, or what the socket module calls one. That becomes an address
            when somebody asks for it: of most conns nobody does.
        remote: the same for the peer's end.
    """

    __slots__ = ("_local", "_remote", "network")

    def __init__(
        self, network: str, local: Address | Any, remote: Address | Any
    ) -> None:
        self.network = network
        self._local = local
        self._remote = remote

    @property
    def local_address(self) -> Address | None:
        """The address of our end."""
        local = self._local
        if local is not None and not isinstance(local, Address):
            self._local = local = address_of(self.network, local)
        return local

    @property
    def remote_address(self) -> Address | None:
        """The address of the peer's end."""
        remote = self._remote
        if remote is not None and not isinstance(remote, Address):
            self._remote = remote = address_of(self.network, remote)
        return remote
