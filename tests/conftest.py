"""What every test has: the models by name, and a guard against what is left behind."""

from collections.abc import Iterator

import hypothesis
import pytest

from portside.models import MODELS
from portside.testing.leaks import no_leaks

# How long an example takes says how busy the machine is; each test has its own limit.
hypothesis.settings.register_profile("portside", deadline=None)
hypothesis.settings.load_profile("portside")


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    """Run the test under every model."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    with no_leaks():
        yield
