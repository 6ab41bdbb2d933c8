"""The limits of HTTP: each once, and none that cannot be."""

import dataclasses
import math
from typing import Any

import pytest

from portside.http.settings import ACCESS_LOGS, HttpSettings


def test_the_defaults_are_those_that_are_promised():
    assert dataclasses.asdict(HttpSettings()) == {
        "max_target_bytes": 8192,
        "max_header_bytes": 65536,
        "max_headers": 100,
        "max_body_bytes": 1048576,
        "header_timeout": 10.0,
        "body_timeout": 30.0,
        "write_timeout": 30.0,
        "keep_alive_timeout": 60.0,
        "access_log": "none",
    }


def test_every_setting_says_what_it_is_and_in_which_unit():
    for each in dataclasses.fields(HttpSettings):
        assert each.metadata["help"], each.name
        if each.name.endswith("_timeout"):
            assert each.metadata["unit"] == "seconds"
        if each.name.endswith("_bytes"):
            assert each.metadata["unit"] == "bytes"


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"header_timeout": "5s"}, "header_timeout must be seconds over 0, not '5s'"),
        ({"max_body_bytes": "1M"}, "max_body_bytes must be a whole number, not '1M'"),
        ({"max_headers": None}, "max_headers must be a whole number, not None"),
    ],
    ids=str,
)
def test_a_value_of_another_kind_is_refused_by_name(setting, told):
    with pytest.raises(ValueError, match=told):
        HttpSettings(**setting)


def test_settings_do_not_change_and_are_given_by_name():
    with pytest.raises(dataclasses.FrozenInstanceError):
        HttpSettings().max_headers = 5  # type: ignore[misc]
    with pytest.raises(TypeError):
        HttpSettings(8192)  # type: ignore[call-arg]


def made(**values: Any) -> HttpSettings:
    return HttpSettings(**values)


LEAST = {
    "max_target_bytes": 1,
    "max_header_bytes": 64,
    "max_headers": 1,
    "max_body_bytes": 0,
}


@pytest.mark.parametrize("name", LEAST)
def test_a_limit_has_a_least(name):
    least = LEAST[name]
    assert getattr(made(**{name: least}), name) == least
    with pytest.raises(ValueError, match=f"^{name} must be at least {least}, not"):
        made(**{name: least - 1})


def test_a_body_may_have_no_limit():
    assert HttpSettings(max_body_bytes=None).max_body_bytes is None


@pytest.mark.parametrize("seconds", [0, 0.0, -1, math.inf, math.nan, -math.inf])
@pytest.mark.parametrize(
    "name", ["header_timeout", "body_timeout", "write_timeout", "keep_alive_timeout"]
)
def test_a_wait_takes_some_time_and_ends(name, seconds):
    with pytest.raises(ValueError, match=f"^{name} must be seconds over 0, not"):
        made(**{name: seconds})


def test_an_access_log_has_one_of_the_forms():
    for form in ACCESS_LOGS:
        assert HttpSettings(access_log=form).access_log == form
    with pytest.raises(ValueError, match=r"^access_log must be none, combined, json"):
        HttpSettings(access_log="common")
