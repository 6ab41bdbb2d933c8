"""Queries under any text at all, and beside the standard library's parser."""

from urllib.parse import parse_qsl, urlencode

from hypothesis import given
from hypothesis import strategies as st

from portside.http.message.query import Query

texts = st.text(st.characters(exclude_categories=["Cs"]))
# Mostly what matters to the parser.
raws = st.text(alphabet="ab=&;%+ 0c39aeé\ud800\n\0") | st.text()


@given(st.lists(st.tuples(texts, texts)))
def test_what_was_encoded_is_read_back(pairs):
    assert Query(urlencode(pairs)).items() == pairs


@given(raws)
def test_any_text_is_read_and_holds_nothing_that_cannot_be_written(raw):
    for name, value in Query(raw).items():
        assert name.encode() + value.encode() is not None


@given(st.binary())
def test_any_bytes_are_read(raw):
    assert len(Query(raw)) <= raw.count(b"&") + 1


@given(st.text(alphabet="ab=&;%+ 0C39AE"))
def test_ascii_is_read_as_the_standard_library_reads_it(raw):
    assert Query(raw).items() == parse_qsl(raw, keep_blank_values=True)
