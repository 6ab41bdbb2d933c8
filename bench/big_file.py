"""A file of 100 MiB that servers send, made once.

Out      where it is, in `build/`; it is in the page cache
Fails    OSError: no room for it
"""

import os
import random
from pathlib import Path

from bench.paths import BUILD

__all__ = ["BIG_FILE", "BIG_FILE_BYTES", "big_file"]

BIG_FILE = BUILD / "files" / "big.bin"
BIG_FILE_BYTES = 100 * 1024 * 1024

_BLOCK_BYTES = 1_048_573  # a prime: no offset that a server might confuse is a multiple


def big_file() -> Path:
    """Make the file unless it is there; return where it is."""
    if not BIG_FILE.exists() or BIG_FILE.stat().st_size != BIG_FILE_BYTES:
        BIG_FILE.parent.mkdir(parents=True, exist_ok=True)
        block = random.Random(7).randbytes(_BLOCK_BYTES)
        unfinished = BIG_FILE.with_suffix(f".{os.getpid()}")
        with unfinished.open("wb") as file:
            for start in range(0, BIG_FILE_BYTES, _BLOCK_BYTES):
                file.write(block[: BIG_FILE_BYTES - start])
        unfinished.rename(BIG_FILE)
    return BIG_FILE
