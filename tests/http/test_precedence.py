"""Which of two patterns is more specific, and how a conflict is told."""

import pytest

from portside.http.pattern import parse_pattern
from portside.http.precedence import (
    Relation,
    compare_methods,
    compare_paths,
    conflict,
)

TURNED = {Relation.NARROWER: Relation.WIDER}

METHODS = [
    ("/", "/", Relation.SAME),
    ("GET /", "GET /", Relation.SAME),
    ("HEAD /", "GET /", Relation.NARROWER),
    ("HEAD /", "/", Relation.NARROWER),
    ("GET /", "/", Relation.NARROWER),
    ("POST /", "/", Relation.NARROWER),
    ("POST /", "GET /", Relation.DISJOINT),
    ("POST /", "HEAD /", Relation.DISJOINT),
]

PATHS = [
    ("/a", "/a", Relation.SAME),
    ("/a", "/b", Relation.DISJOINT),
    ("/a", "/a/b", Relation.DISJOINT),
    ("/a", "/{x}", Relation.NARROWER),
    ("/a", "/a/", Relation.DISJOINT),
    ("/a", "/", Relation.NARROWER),
    ("/a", "/{x...}", Relation.NARROWER),
    ("/a", "/{$}", Relation.DISJOINT),
    ("/a/b", "/a/{x}", Relation.NARROWER),
    ("/a/b", "/{x}/b", Relation.NARROWER),
    ("/a/b", "/{x}/c", Relation.DISJOINT),
    ("/a/b", "/a/b/c", Relation.DISJOINT),
    ("/{x}", "/{y}", Relation.SAME),
    ("/{x}", "/", Relation.NARROWER),
    ("/{x}", "/{$}", Relation.DISJOINT),
    ("/{x}", "/{y}/", Relation.DISJOINT),
    ("/a/{x}", "/{y}/b", Relation.CROSSING),
    ("/a/{x}/c", "/a/b/{y}", Relation.CROSSING),
    ("/a/{x}/b", "/{y}/c/b/d", Relation.DISJOINT),
    ("/{x}/a/{y}", "/{z}/{w}/b", Relation.CROSSING),
    ("/{$}", "/{$}", Relation.SAME),
    ("/{$}", "/", Relation.NARROWER),
    ("/{$}", "/{x...}", Relation.NARROWER),
    ("/a/{$}", "/{x}/{$}", Relation.NARROWER),
    ("/a/{$}", "/a/", Relation.NARROWER),
    ("/a/{$}", "/b/", Relation.DISJOINT),
    ("/a/{$}", "/a/{x}/", Relation.DISJOINT),
    ("/a/{$}", "/a/b", Relation.DISJOINT),
    ("/a/", "/a/{x...}", Relation.SAME),
    ("/{x...}", "/{y...}", Relation.SAME),
    ("/a/", "/", Relation.NARROWER),
    ("/a/", "/b/", Relation.DISJOINT),
    ("/a/", "/{x}/", Relation.NARROWER),
    ("/a/b/", "/a/{x}", Relation.DISJOINT),
    ("/a/{x}/", "/a/", Relation.NARROWER),
    ("/{x}/b/", "/a/", Relation.CROSSING),
    ("/{x}/b", "/a/", Relation.CROSSING),
    ("/a/{x}/{y...}", "/a/b/{y...}", Relation.WIDER),
    ("/b/{x...}", "/{x}/c/{y...}", Relation.CROSSING),
    ("/%61", "/a", Relation.SAME),
    # Only CONNECT has empty segments, and one of them is a segment.
    ("//a", "/{x}/a", Relation.NARROWER),
    ("//{$}", "/{x}/{$}", Relation.NARROWER),
    ("//", "/{$}", Relation.DISJOINT),
]

BOTH = "both match {}, and neither is more specific: the first alone matches {}, the second alone {}"  # noqa: E501
CONFLICTS = {
    ("/a", "/a"): "they match the same requests, like GET /a",
    ("GET /{x}", "GET /{y}"): "they match the same requests, like GET /x",
    ("/a/", "/a/{rest...}"): "they match the same requests, like GET /a/",
    ("b.com/{$}", "B.com/{$}"): "they match the same requests, like GET b.com/",
    ("/{x}/b", "/a/{y}"): BOTH.format("GET /a/b", "GET /x/b", "GET /a/y"),
    ("/a/{a}", "/{a}/a"): BOTH.format("GET /a/a", "GET /a/aa", "GET /aa/a"),
    ("GET /{x}", "/a"): BOTH.format("GET /a", "GET /x", "POST /a"),
    ("POST /{x}", "/a"): BOTH.format("POST /a", "POST /x", "GET /a"),
    ("GET /a", "HEAD /{x}"): BOTH.format("HEAD /a", "GET /a", "HEAD /x"),
    ("/{$}", "GET /"): BOTH.format("GET /", "POST /", "GET /rest"),
    ("/{x}/b/", "/a/"): BOTH.format("GET /a/b/", "GET /x/b/", "GET /a/"),
    ("/{x}/{y}", "/a/"): BOTH.format("GET /a/y", "GET /x/y", "GET /a/"),
    ("PUT b.com/{x}/b", "PUT b.com/a/{x}"): BOTH.format(
        "PUT b.com/a/b", "PUT b.com/x/b", "PUT b.com/a/x"
    ),
    ("/{x}/b%20c", "/%7Ba/{y}"): BOTH.format(
        "GET /%7Ba/b%20c", "GET /x/b%20c", "GET /%7Ba/y"
    ),
}

SIDE_BY_SIDE = [
    ("/a", "/b"),
    ("/a", "/{x}"),
    ("/posts/latest", "/posts/{id}"),
    ("GET /a", "/a"),
    ("GET /a", "POST /a"),
    ("GET /a", "HEAD /a"),
    ("GET /a/{x}", "POST /{y}/b"),
    ("GET /a", "GET /a/"),
    ("/a/{$}", "/a/"),
    ("/a/{$}", "/a/{x}"),
    # Where only one has a host it wins, also where the paths cross.
    ("example.com/{x}/b", "/a/{y}"),
    ("example.com/", "/"),
    ("example.com/", "GET /"),
    ("a.com/{x}/b", "b.com/a/{y}"),
]


@pytest.mark.parametrize(("one", "other", "relation"), METHODS)
def test_methods_are_the_same_or_one_has_the_other_in_it(one, other, relation):
    first, second = parse_pattern(one), parse_pattern(other)
    assert compare_methods(first, second) is relation
    assert compare_methods(second, first) is TURNED.get(relation, relation)


@pytest.mark.parametrize(("one", "other", "relation"), PATHS)
def test_paths_are_compared_segment_by_segment(one, other, relation):
    first, second = parse_pattern(one), parse_pattern(other)
    turned = {**TURNED, Relation.WIDER: Relation.NARROWER}
    assert compare_paths(first, second) is relation
    assert compare_paths(second, first) is turned.get(relation, relation)


@pytest.mark.parametrize(("new", "old"), CONFLICTS)
def test_a_conflict_is_shown_by_requests(new, old):
    said = conflict(parse_pattern(new), parse_pattern(old))
    assert said == f"pattern {new!r}: conflicts with {old!r}: {CONFLICTS[new, old]}"


@pytest.mark.parametrize(("one", "other"), SIDE_BY_SIDE)
def test_patterns_stand_side_by_side_where_one_is_more_specific(one, other):
    assert conflict(parse_pattern(one), parse_pattern(other)) is None
    assert conflict(parse_pattern(other), parse_pattern(one)) is None


def test_a_conflict_names_both_places():
    said = conflict(parse_pattern("/{x}", "b.py:2"), parse_pattern("/{y}", "a.py:1"))
    assert said is not None
    assert said.startswith("pattern '/{x}' (b.py:2): conflicts with '/{y}' (a.py:1): ")
