"""Every kind of conn meets the contract."""

import pytest

from portside.testing.contract import CHECKS, check_conn


@pytest.mark.parametrize("check", CHECKS)
def test_conn(make_pair, check):
    check_conn(make_pair, only=check)
