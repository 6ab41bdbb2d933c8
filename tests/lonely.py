"""An address of this machine that no other process uses: what is free there stays free.

A port that was found free, or was given back, may be given to anybody a moment later,
and many tests run at once. All of 127.0.0.0/8 is this machine's (RFC 6890), so each
process of the tests has an address of its own, and the ports of that one to itself.
"""

import os

__all__ = ["LONELY"]

LONELY = f"127.7.{os.getpid() // 250 % 250}.{1 + os.getpid() % 250}"
