"""Status codes: their names, and which end with their head."""

import pytest

from portside.http.message.status import BODILESS, reason_of


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (100, "Continue"),
        (200, "OK"),
        (302, "Found"),
        (413, "Content Too Large"),  # as RFC 9110 has it, whatever this Python says
        (414, "URI Too Long"),
        (416, "Range Not Satisfiable"),
        (422, "Unprocessable Content"),
        (431, "Request Header Fields Too Large"),
        (505, "HTTP Version Not Supported"),
        (299, "Unknown"),
    ],
)
def test_a_status_is_called_what_the_registry_calls_it(status, reason):
    assert reason_of(status) == reason


@pytest.mark.parametrize("status", [100, 101, 103, 204, 304])
def test_these_end_with_their_head(status):
    """RFC 9112 section 6.3: whatever their fields say."""
    assert status in BODILESS


@pytest.mark.parametrize("status", [200, 201, 205, 206, 301, 305, 400, 404, 500])
def test_the_others_have_a_body_if_only_an_empty_one(status):
    assert status not in BODILESS
