"""Every kind of conn meets the contract."""

import pytest

from portside.testing.contract import CHECKS, check_conn
from tests.contract.conftest import CANNOT


@pytest.mark.parametrize("check", CHECKS)
def test_conn(transport, make_pair, check):
    if check not in CANNOT.get(transport, {}):
        check_conn(make_pair, only=check)
        return
    with pytest.raises(AssertionError):
        check_conn(make_pair, only=check)
