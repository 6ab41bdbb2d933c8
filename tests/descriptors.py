"""What tests ask about a descriptor."""

import os

__all__ = ["is_open"]


def is_open(fd: int) -> bool:
    """Whether this process has a descriptor of this number."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
