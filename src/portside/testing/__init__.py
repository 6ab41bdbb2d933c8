"""For tests, ours and our users': the contract, a guard against leaks, a fixture.

What flows in is a maker of conns, or a handler; what flows out is a return, or an
`AssertionError` that says what did not hold.

In reading order: `contract` (what every conn must meet, run as checks),
`contract_claims` and `contract_peers` (what the checks are written with),
`contract_nettest`, `contract_reading`, `contract_writing`, `contract_deadlines` and
`contract_closing` (the checks), `leaks` (nothing is left behind), `conditions`, `pump`,
`namespace` and `link` (a bad network: what it does to a packet, who does it, where its
ends are, and all together), `plugin` (the fixture of pytest).

May import everything but `cli`.
"""

from portside.testing.contract import CHECKS, Check, MakePair, check_conn
from portside.testing.leaks import no_leaks
from portside.testing.link import BadLink, LinkEnd, why_no_link
from portside.testing.pump import PacketCounts

__all__ = [
    "CHECKS",
    "BadLink",
    "Check",
    "LinkEnd",
    "MakePair",
    "PacketCounts",
    "check_conn",
    "no_leaks",
    "why_no_link",
]
