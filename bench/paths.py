"""Where things of the comparison are."""

from pathlib import Path

__all__ = ["BENCH", "BUILD", "PAGE", "RESULTS", "ROOT"]

BENCH = Path(__file__).parent
ROOT = BENCH.parent
BUILD = BENCH / "build"  # not in git
RESULTS = BENCH / "results"
PAGE = ROOT / "docs" / "reference" / "measures.md"
