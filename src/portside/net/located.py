"""Where an error happened.

In       an OSError from a byte stream, and what was being done
Out      an `Error` that says so, and between which ends
Fails    never
"""

from collections.abc import Callable

from portside.errors import Error, from_os_error
from portside.net.stream import ByteStream

__all__ = ["located_as"]


def located_as(op: str, stream: ByteStream) -> Callable[[OSError], Error]:
    """Return what gives the errors of one direction of a stream their place."""

    def located(error: OSError) -> Error:
        return from_os_error(
            error,
            op=op,
            network=stream.network,
            local=stream.local_address,
            remote=stream.remote_address,
        )

    return located
