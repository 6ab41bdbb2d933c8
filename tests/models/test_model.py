"""What the models say of themselves; what they do is in tests/contract."""

import os
from typing import Any

import pytest

from portside.models import MODELS, Fork, Hybrid, make_model


def test_each_is_found_by_the_name_it_has_everywhere() -> None:
    assert {name: make_model(name).name for name in MODELS} == {
        "serial": "serial",
        "fork": "fork",
        "thread": "thread",
        "nonblocking": "nonblocking",
        "hybrid": "hybrid",
    }


def test_an_unknown_one_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(ValueError, match="'prefork': unknown model"):
        make_model("prefork")


def test_those_that_fork_need_a_process_without_a_second_thread() -> None:
    needs = [name for name in MODELS if make_model(name).needs_process]
    assert needs == [Fork.name, Hybrid.name]


def test_hybrid_has_a_worker_for_each_core_unless_told_otherwise() -> None:
    assert make_model("hybrid").workers == len(os.sched_getaffinity(0))
    assert make_model("hybrid", workers=3).workers == 3


@pytest.mark.parametrize(
    ("name", "option", "words"),
    [
        ("thread", {"workers": 2}, "workers is for model 'hybrid'"),
        ("thread", {"worker_model": "thread"}, "worker_model is for model 'hybrid'"),
        ("hybrid", {"worker_model": "fork"}, "known: nonblocking, thread"),
    ],
)
def test_what_a_model_cannot_be_told_is_an_error(
    name: str, option: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        make_model(name, **option)
