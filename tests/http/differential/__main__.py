"""``python -m tests.http.differential``: send them all, and write the page.

Out      docs/reference/differences.md; a line for each difference that is not listed
Fails    exit 1, and no page: there is one that is not listed, or one that is listed and
         did not happen; go or nginx is not here
"""

import sys

from tests.http.differential.comparison import compared, kinds_of, unlisted, unseen
from tests.http.differential.generator import generate
from tests.http.differential.page import PAGE, page
from tests.http.differential.peers import missing, serving, versions

REQUESTS = 1000


def main() -> int:
    """Compare; return the exit status."""
    if missing():
        print(f"differential: {missing()} here")
        return 1
    with serving() as ports:
        found = kinds_of(compared(generate(REQUESTS), ports))
    wrong = unlisted(found)
    for kind in wrong:
        sent = found[kind][0].case.sent
        print(f"not listed: {kind.mutation} | {' | '.join(kind.outcomes)}")
        print(f"    {sent[:300]!r}")
    for kind in unseen(found):
        print(f"did not happen: {kind.mutation} | {' | '.join(kind.outcomes)}")
    if wrong or unseen(found):
        return 1
    PAGE.write_text(page(found, versions()))
    print(f"written: {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
