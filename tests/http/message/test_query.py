"""Queries: what the WHATWG's parser makes of them, row by row."""

import pytest

from portside.http.message.query import MAX_FIELDS, Query
from portside.http.message.status_error import StatusError

PARSED = {
    "nothing": ("", []),
    "a field": ("a=1", [("a", "1")]),
    "two": ("a=1&b=2", [("a", "1"), ("b", "2")]),
    "the same name twice": ("a=1&a=2", [("a", "1"), ("a", "2")]),
    "no equals sign": ("a", [("a", "")]),
    "no value": ("a=", [("a", "")]),
    "no name": ("=1", [("", "1")]),
    "an equals sign alone": ("=", [("", "")]),
    "equals signs in the value": ("a=b=c==", [("a", "b=c==")]),
    "empty fields": ("&&a=1&&&b=2&", [("a", "1"), ("b", "2")]),
    "a semicolon": ("a=1;b=2", [("a", "1;b=2")]),
    "plus": ("a+b=c+d", [("a b", "c d")]),
    "an encoded plus": ("a=1%2B1", [("a", "1+1")]),
    "encoded separators": ("a%3Db=c%26d", [("a=b", "c&d")]),
    "utf-8": ("n%C3%A9e=%E2%82%AC", [("née", "€")]),
    "utf-8 in small digits": ("a=%c3%a9", [("a", "é")]),
    "latin-1": ("a=%E9", [("a", "\ufffd")]),
    "half of a surrogate pair": ("a=%ED%A0%80", [("a", "\ufffd\ufffd\ufffd")]),
    "a percent sign alone": ("a=100%", [("a", "100%")]),
    "a percent sign and no digits": ("a=%zz", [("a", "%zz")]),
    "a percent sign and one digit": ("a=%4", [("a", "%4")]),
    "digits of another script": ("a=%\u0664\u0661", [("a", "%\u0664\u0661")]),
    "encoded twice": ("a=%2541", [("a", "%41")]),
    "nul": ("a=%00", [("a", "\0")]),
    "a question mark": ("?a=1", [("?a", "1")]),
}


@pytest.mark.parametrize(("raw", "items"), PARSED.values(), ids=PARSED)
def test_a_query_is_read(raw, items):
    assert Query(raw).items() == items


@pytest.mark.parametrize(("raw", "items"), PARSED.values(), ids=PARSED)
def test_the_bytes_of_a_form_are_read_alike(raw, items):
    assert Query(raw.encode()).items() == items


def test_one_value_is_the_first_and_all_keep_their_order():
    query = Query("a=1&b=2&a=3")
    assert query["a"] == query.get("a") == "1"
    assert query.get_all("a") == ["1", "3"]
    assert list(query) == ["a", "b", "a"]
    assert len(query) == 3


def test_a_name_that_is_not_there_is_told_as_a_dict_does():
    query = Query("a=1")
    assert query.get("b") is None
    assert query.get("b", "x") == "x"
    assert query.get_all("b") == []
    assert "b" not in query
    with pytest.raises(KeyError, match="'b'"):
        query["b"]


def test_a_field_without_a_value_is_there():
    query = Query("debug")
    assert "debug" in query
    assert query["debug"] == ""


def test_names_are_told_apart_by_case():
    assert "A" not in Query("a=1")


def test_what_was_given_out_is_a_copy():
    query = Query("a=1&a=2")
    query.items().clear()
    query.get_all("a").clear()
    assert query.get_all("a") == ["1", "2"]


def test_queries_compare_by_their_fields():
    query = Query("a=1&b=+")
    assert query == Query("a=1&b=%20") == Query.from_pairs([("a", "1"), ("b", " ")])
    assert hash(query) == hash(Query("a=1&b=%20"))
    assert query != Query("b=+&a=1")
    assert query != "a=1&b=+"
    assert repr(query) == "Query([('a', '1'), ('b', ' ')])"


def test_so_many_fields_are_taken_and_not_one_more():
    assert len(Query("&".join(["a=1"] * MAX_FIELDS))) == MAX_FIELDS
    with pytest.raises(StatusError, match="more than 1000 fields") as caught:
        Query("&".join(["a=1"] * (MAX_FIELDS + 1)))
    assert caught.value.status == 400


def test_fields_that_are_empty_count_as_they_cost():
    with pytest.raises(StatusError, match="more than 2 fields"):
        Query("a=1&&", max_fields=2)
