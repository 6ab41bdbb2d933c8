import dataclasses

import pytest

from portside.server import Settings


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"workers": 99_999_999}, "workers must be at most 1024, not 99999999"),
        ({"max_connections": 0}, "max_connections must be at least 1, not 0"),
        ({"max_connections_per_ip": 0}, "max_connections_per_ip must be at least 1"),
        ({"backlog": -1}, "backlog must be at least 0, not -1"),
        ({"grace": -0.1}, "grace must be a number of seconds, not -0.1"),
        ({"grace": float("inf")}, "grace must be a number of seconds, not inf"),
        ({"grace": float("nan")}, "grace must be a number of seconds, not nan"),
        ({"grace": "5s"}, "grace must be a number of seconds, not '5s'"),
        ({"grace": None}, "grace must be a number of seconds, not None"),
        ({"workers": "2"}, "workers must be a whole number, not '2'"),
        ({"max_connections": 1.5}, "max_connections must be a whole number, not 1.5"),
        ({"over_capacity": "drop"}, "over_capacity must be wait or refuse, not 'drop'"),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_is_refused_by_name(
    setting: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Settings(**setting)  # type: ignore[arg-type]


def test_every_option_has_its_help() -> None:
    for option in dataclasses.fields(Settings):
        assert option.metadata["help"]
