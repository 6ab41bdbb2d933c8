"""Packets both ways: what comes on stdin to the peer, what the peer sends to stdout.

In       a packet conn to one address; descriptors 0 and 1
Out      a packet for each read of stdin: a line, at a terminal; each answer as it comes
Source   udp(7); what users of netcats ask for: to end, though packets have no end
Holds    one task that sends, beside the caller, who receives
Fails    RefusedError: nobody is there; LimitError and its kind from sending

A peer that has gone and one that is silent look the same, so there is nothing to wait
for but time: when stdin has ended and nothing came for a while, that is the end. What
comes is written one packet after another, with nothing between them.
"""

from portside.cli.talk import read_in, write_out
from portside.engine import Event, cancel, now, spawn, timeout
from portside.errors import Cancelled, ClosedError, DeadlineError, Error
from portside.net import PacketConn

__all__ = ["exchange"]

PACKET_BYTES = 1472
"""The most of a read that becomes a packet: a frame of Ethernet (1500) without the
headers of IPv4 and UDP (28), so that it is not taken apart on its way."""

UNWIND_SECONDS = 1.0
"""What the sending task gets to end; a read that blocks all the same is left behind."""


def exchange(packets: PacketConn, quiet_seconds: float) -> int:
    """Exchange packets until stdin has ended and it is quiet; close the packet conn.

    Args:
        quiet_seconds: how long nothing came, after the end of stdin, for an end.

    Returns:
        How many packets came.

    Raises:
        Error: a packet could not be sent, or nobody is there.
        OSError: stdin or stdout cannot be read or written.
    """
    failures: list[OSError] = []
    ended = Event()
    sending = spawn(_send_all, packets, failures, ended, quiet_seconds, name="stdin")
    count = 0
    try:
        while True:
            if ended.is_set:
                packets.set_receive_deadline(now() + quiet_seconds)
            data = packets.receive().data
            count += 1
            if not write_out(data):
                break
    except (ClosedError, DeadlineError):
        pass  # the sending gave up, and says why below; or it is quiet
    finally:
        cancel(sending)
        packets.close()
        try:
            with timeout(UNWIND_SECONDS):
                ended.wait()
        except DeadlineError:
            pass
    if failures:
        raise failures[0]
    return count


def _send_all(
    packets: PacketConn, failures: list[OSError], ended: Event, quiet_seconds: float
) -> None:
    try:
        while data := read_in(PACKET_BYTES):
            packets.send(data)
    except (Cancelled, ClosedError):
        pass  # the receiving has ended
    except OSError as error:
        failures.append(error)
        packets.close()
    finally:
        ended.set()
        if not packets.closed:
            try:
                packets.set_receive_deadline(now() + quiet_seconds)
            except Error:
                pass  # it was closed just now
