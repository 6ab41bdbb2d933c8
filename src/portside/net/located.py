"""Where an error happened.

In       an OSError from a stream or a packet conn, and what was being done
Out      an `Error` that says so, and between which ends
Fails    never
"""

from collections.abc import Callable
from typing import Protocol

from portside.errors import Error, from_os_error
from portside.names import Address

__all__ = ["located_as"]


class _Ends(Protocol):
    network: str

    @property
    def local_address(self) -> Address | None:
        """Our end."""

    @property
    def remote_address(self) -> Address | None:
        """The other end."""


def located_as(op: str, ends: _Ends) -> Callable[[OSError], Error]:
    """Return what gives the errors of one direction of a stream their place."""

    def located(error: OSError) -> Error:
        return from_os_error(
            error,
            op=op,
            network=ends.network,
            local=ends.local_address,
            remote=ends.remote_address,
        )

    return located
