"""An answer as an exception."""

import pickle

import pytest

from portside.errors import Error
from portside.http.message.status_error import RequestError, StatusError


def test_an_error_says_its_status_and_a_sentence():
    error = StatusError(404, "no such user")
    assert (error.status, error.message) == (404, "no such user")
    assert error.headers.items() == []
    assert str(error) == "404 no such user"
    assert isinstance(error, Error)


def test_without_a_sentence_the_status_is_named():
    assert str(StatusError(404)) == "404 Not Found"
    assert StatusError(404).message == ""


def test_the_fields_of_an_error_are_its_own():
    headers = {"Retry-After": "9"}
    error = StatusError(503, headers=headers)
    headers["Retry-After"] = "10"
    assert error.headers.items() == [("Retry-After", "9")]


@pytest.mark.parametrize("status", [-1, 0, 100, 101, 200, 304, 399, 600, 1000])
def test_only_an_error_is_raised(status):
    with pytest.raises(ValueError, match="from 400 to 599"):
        StatusError(status)


@pytest.mark.parametrize("status", [400, 418, 499, 500, 599])
def test_every_error_can_be_raised(status):
    assert StatusError(status).status == status


@pytest.mark.parametrize(
    ("message", "headers"),
    [("\ud800", {}), ("", {"A": "b\r\nC: d"}), ("", {"A B": "c"})],
    ids=["text", "value", "name"],
)
def test_what_no_answer_can_carry_is_refused_where_it_is_said(message, headers):
    with pytest.raises(ValueError, match=r"carry|surrogates|not the name"):
        StatusError(404, message, headers=headers)


def test_a_refusal_of_the_wire_is_told_apart_and_caught_alike():
    with pytest.raises(StatusError):
        raise RequestError(400, "malformed")
    assert not isinstance(StatusError(400), RequestError)


@pytest.mark.parametrize("kind", [StatusError, RequestError])
def test_an_error_can_be_pickled(kind):
    """As every error of ours: it may have to leave a process or a thread."""
    error = kind(429, "slowly", headers={"Retry-After": "9"})
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (copy.status, copy.message) == (429, "slowly")
    assert copy.headers.items() == [("Retry-After", "9")]
    assert str(copy) == str(error)
