"""The fields of a message: found in any case, in order, and harmless on the wire."""

import pytest

from portside.http.message.headers import Headers


def test_a_field_is_found_in_any_case():
    headers = Headers({"Content-Type": "text/html"})
    assert headers["content-TYPE"] == headers.get("CONTENT-type") == "text/html"
    assert "content-type" in headers
    assert "content" not in headers
    assert 7 not in headers


def test_what_is_not_there_is_told_so():
    headers = Headers({"A": "1"})
    assert headers.get("b") is None
    assert headers.get("b", "none") == "none"
    assert headers.get_all("b") == []
    with pytest.raises(KeyError, match="B"):
        _ = headers["B"]
    with pytest.raises(KeyError, match="B"):
        del headers["B"]


def test_an_empty_value_is_a_value():
    headers = Headers({"A": ""})
    assert headers["a"] == ""
    assert headers.get("a", "none") == ""
    assert headers.setdefault("A", "1") == ""


def test_fields_keep_their_order_and_their_letters():
    items = [("b", "1"), ("A", "2"), ("B", "3"), ("a", "4")]
    headers = Headers(items)
    assert headers.items() == items
    assert list(headers) == ["b", "A", "B", "a"]
    assert len(headers) == 4


def test_a_repeated_field_is_a_list():
    """RFC 9110 section 5.3; Set-Cookie is none, and is asked for one by one."""
    headers = Headers([("A", "1"), ("B", "x"), ("a", "2, 3")])
    assert headers["A"] == "1, 2, 3"
    assert headers.get_all("A") == ["1", "2, 3"]
    headers.get_all("A").append("4")
    assert headers.get_all("A") == ["1", "2, 3"]


def test_setting_replaces_all_of_a_name_and_adding_none():
    headers = Headers([("A", "1"), ("B", "x"), ("a", "2")])
    headers["a"] = "3"
    assert headers.items() == [("B", "x"), ("a", "3")]
    headers.add("A", "4")
    assert headers["a"] == "3, 4"
    del headers["A"]
    assert headers.items() == [("B", "x")]


def test_what_was_asked_before_is_not_remembered_too_long():
    """There is an index behind it, made at the first question."""
    headers = Headers({"A": "1"})
    assert headers["a"] == "1"
    headers["a"] = "2"
    assert headers["a"] == "2"
    headers.add("a", "3")
    assert headers["a"] == "2, 3"
    headers.add("Content-Type", "application/json")
    assert headers["content-type"] == "application/json"
    del headers["a"]
    assert "a" not in headers
    assert headers.setdefault("a", "4") == headers["a"] == "4"


def test_a_copy_is_changed_apart():
    headers = Headers({"A": "1"})
    copy = headers.copy()
    copy["A"] = "2"
    copy.add("B", "3")
    assert headers.items() == [("A", "1")]
    assert copy.items() == [("A", "2"), ("B", "3")]


def test_headers_are_made_of_headers_pairs_and_mappings():
    pairs = [("A", "1"), ("a", "2")]
    assert Headers(Headers(pairs)).items() == pairs
    assert Headers(iter(pairs)).items() == pairs
    assert Headers({"A": "1"}).items() == pairs[:1]
    assert Headers().items() == Headers({}).items() == Headers([]).items() == []


def test_equal_is_who_has_the_same_fields_in_the_same_order():
    assert Headers([("A", "1"), ("B", "2")]) == Headers([("a", "1"), ("b", "2")])
    assert Headers([("A", "1"), ("B", "2")]) != Headers([("B", "2"), ("A", "1")])
    assert Headers({"A": "x"}) != Headers({"A": "X"})
    assert Headers({"A": "1"}) != {"A": "1"}
    with pytest.raises(TypeError):
        hash(Headers())


def test_space_around_a_value_is_none_of_it():
    headers = Headers({"A": " \t1 2\t "})
    headers["B"] = " "
    assert headers.items() == [("A", "1 2"), ("B", "")]


NAMES = ["", " ", "A ", " A", "A:", "A B", "A\r\nB", "A\n", "A\0", "(A)", '"A"', "Ä"]
NAMES += ["A/B", "A[]", "A{", "A,B", "A\t", "A\x7f", "\uff21"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_is_a_token(name):
    headers = Headers()
    for make in (
        lambda: Headers({name: "1"}),
        lambda: headers.add(name, "1"),
        lambda: headers.__setitem__(name, "1"),
        lambda: headers.setdefault(name, "1"),
    ):
        with pytest.raises(ValueError, match="not the name of a header field"):
            make()
    assert headers.items() == []


VALUES = [
    "a\r\nX-B: b",
    "a\rb",
    "a\nb",
    "a\n",
    "\n",
    "a\0",
    "a\x0b",
    "a\x0cb",
    "\x1b[0m",
]
VALUES += ["a\x7f", "\u20ac", "\u2028", "\ud800", "a\x01b"]


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_a_value_cannot_end_its_line(value):
    headers = Headers({"A": "1"})
    for change in (
        lambda: Headers({"A": value}),
        lambda: headers.add("A", value),
        lambda: headers.__setitem__("A", value),
        lambda: headers.add("Content-Type", f"text/plain{value}"),
    ):
        with pytest.raises(ValueError, match="which a header field cannot carry"):
            change()
    assert headers.items() == [("A", "1")], "a refused value leaves the old one"


@pytest.mark.parametrize("value", ["a\tb", "n\xe9e", "\x80\xff", "a  b", "!~"])
def test_a_value_may_hold_latin_1_and_a_tab(value):
    assert Headers({"A": value})["A"] == value


@pytest.mark.parametrize("value", [1, None, b"1", ["1"]], ids=ascii)
def test_a_value_is_text(value):
    with pytest.raises(TypeError):
        Headers({"A": value})


def test_what_came_over_the_wire_is_text_byte_for_byte():
    headers = Headers.from_wire([(b"X-A", b" n\xc3\xa9 \t"), (b"x-a", b"2")])
    assert headers.items() == [("X-A", "n\xc3\xa9"), ("x-a", "2")]
    assert headers["X-A"].encode("latin-1") == b"n\xc3\xa9, 2"


def test_headers_show_what_is_in_them():
    assert repr(Headers({"A": "1"})) == "Headers([('A', '1')])"


def test_a_value_that_is_no_text_is_told_with_its_field():
    with pytest.raises(TypeError, match="X-N: a field's value is text, not int"):
        Headers({"X-N": 5})  # type: ignore[arg-type]
