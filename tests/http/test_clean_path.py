"""One spelling of a path."""

import pytest

from portside.http.clean_path import clean_path

CLEANED = {
    "root": ("/", "/"),
    "clean": ("/a/b", "/a/b"),
    "clean with slash": ("/a/b/", "/a/b/"),
    "dots in names": ("/a.b/..c/d../...", "/a.b/..c/d../..."),
    "encoded, but no dots": ("/a%20b/%2Fc/%7e", "/a%20b/%2Fc/%7e"),
    "two slashes": ("/a//b", "/a/b"),
    "slashes in front": ("///a", "/a"),
    "slashes at the end": ("/a//", "/a/"),
    "slashes only": ("///", "/"),
    "dot": ("/a/./b", "/a/b"),
    "dot at the end": ("/a/.", "/a/"),
    "dots": ("/a/b/../c", "/a/c"),
    "dots at the end": ("/a/b/..", "/a/"),
    "more dots than segments": ("/../../a", "/a"),
    "nothing but dots": ("/../.", "/"),
    "dots after two slashes": ("/a//../b", "/b"),
    "encoded dots": ("/a/%2e%2E/b", "/b"),
    "half encoded dots": ("/a/.%2e/b/%2e./c", "/c"),
    "encoded dot": ("/a/%2E/b", "/a/b"),
    "encoded dots at the end": ("/a/b/%2e%2e", "/a/"),
    "a slash inside a name": ("/a/..%2Fb", "/a/..%2Fb"),
    "dots encoded twice": ("/a/%252e%252e/b", "/a/%252e%252e/b"),
    "broken encoding": ("/a/%zz/%2", "/a/%zz/%2"),
    "another host, for a browser": ("//evil.com/..", "/"),
    "no slash in front": ("a/../b", "/b"),
    "empty": ("", "/"),
}


@pytest.mark.parametrize(("path", "clean"), CLEANED.values(), ids=CLEANED)
def test_a_path_has_one_spelling(path, clean):
    assert clean_path(path) == clean


@pytest.mark.parametrize(("path", "clean"), CLEANED.values(), ids=CLEANED)
def test_what_was_cleaned_is_clean(path, clean):
    assert clean_path(clean) is clean


def test_a_long_path_of_dots_is_cleaned_in_no_time():
    assert clean_path("/a" * 50_000 + "/.." * 50_000) == "/"
