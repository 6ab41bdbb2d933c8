from dataclasses import fields
from typing import Any

import pytest

from portside.services.forward_settings import ForwardSettings

CANNOT_BE = [
    {"dial_timeout": -1},
    {"idle_timeout": float("inf")},
    {"session_timeout": float("nan")},
    {"max_sessions": 0},
    {"delay": -0.1},
    {"jitter": float("inf")},
    {"loss": 1.5},
    {"rate": 0},
    {"reset_after": -1},
]


@pytest.mark.parametrize("settings", CANNOT_BE, ids=str)
def test_a_number_that_cannot_be_is_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        ForwardSettings(**settings)


def test_a_network_is_bad_when_anything_comes_late_or_not_at_all() -> None:
    assert not ForwardSettings(idle_timeout=1, reset_after=1, seed=7).is_bad
    assert ForwardSettings(delay=0.5).is_bad
    assert ForwardSettings(jitter=0.5).is_bad
    assert ForwardSettings(loss=0.5).is_bad
    assert ForwardSettings(rate=0.5).is_bad


def test_every_option_has_words() -> None:
    for each in fields(ForwardSettings):
        assert each.metadata["help"]
