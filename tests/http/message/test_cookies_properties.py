"""Cookies under any text at all."""

import re

from hypothesis import given
from hypothesis import strategies as st

from portside.http.message.cookies import cookie_line, parse_cookies

names = st.from_regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}", fullmatch=True)
values = st.text(
    st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='";\\')
)
headers = st.text(st.characters(max_codepoint=255)) | st.text(alphabet='a=; \t",é$1')


def bare(name, value):
    return cookie_line(name, value, path=None, http_only=False, same_site=None)


@given(st.dictionaries(names, values))
def test_what_is_written_is_read_back(cookies):
    written = {
        name: value
        for name, value in cookies.items()
        if not name.lower().startswith(("__host-", "__secure-"))
    }
    lines = [bare(name, value) for name, value in written.items()]
    assert parse_cookies("; ".join(lines)) == written


@given(st.text(), st.text())
def test_any_name_and_value_are_one_cookie_and_nothing_else_or_refused(name, value):
    try:
        line = bare(name, value)
    except ValueError:
        return
    assert re.fullmatch(r"[\x20-\x7e]*", line)
    assert ";" not in line
    assert parse_cookies(line) == {name: value}


@given(headers)
def test_any_field_is_read(header):
    for name in parse_cookies(header):
        assert re.fullmatch(r"[!-~]+", name)
