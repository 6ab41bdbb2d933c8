"""What the models say of themselves; what they do is in tests/contract."""

import pytest

from portside.models import MODELS, Fork, make_model


def test_each_is_found_by_the_name_it_has_everywhere() -> None:
    assert {name: make_model(name).name for name in MODELS} == {
        "serial": "serial",
        "fork": "fork",
        "thread": "thread",
        "nonblocking": "nonblocking",
    }


def test_an_unknown_one_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(ValueError, match="'prefork': unknown model"):
        make_model("prefork")


def test_fork_alone_needs_a_process_without_a_second_thread() -> None:
    needs = [name for name in MODELS if make_model(name).needs_process]
    assert needs == [Fork.name]
