"""A task's turn at one direction of a conn, and the place where errors learn where.

In       a block of code that reads, or writes
Out      the block runs when it is its turn
Holds    nothing of its own: one object serves all turns of a direction
Fails    every OSError leaves the block as an `Error` with operation and addresses
"""

from types import TracebackType

from portside.engine import Gate
from portside.errors import Error, from_os_error
from portside.net.stream import ByteStream

__all__ = ["Turn"]


class Turn:
    """``with turn:`` waits for the turn and gives errors their place."""

    __slots__ = ("_gate", "_op", "_stream")

    def __init__(self, op: str, gate: Gate, stream: ByteStream) -> None:
        self._op = op
        self._gate = gate
        self._stream = stream

    def __enter__(self) -> None:
        try:
            self._gate.enter()
        except Error as error:
            raise self.located(error) from None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._gate.leave()
        if isinstance(error, OSError):
            located = self.located(error)
            if located is not error:
                raise located from error

    def located(self, error: OSError) -> Error:
        """Return the error as one that says what was done, and between which ends."""
        stream = self._stream
        return from_os_error(
            error,
            op=self._op,
            network=stream.network,
            local=stream.local_address,
            remote=stream.remote_address,
        )
