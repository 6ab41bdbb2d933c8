"""The twenty pages, and the small router of those peers that have none."""

import pytest

from bench.routes import ROUTES, asked, name_of


def test_there_are_twenty_routes_of_each_kind():
    rest = {route for route in ROUTES if route.endswith("{name...}")}
    named = {route for route in ROUTES if "{name}" in route}
    assert len(set(ROUTES)) == 20
    assert (len(rest), len(named), len(set(ROUTES) - named - rest)) == (4, 10, 6)


@pytest.mark.parametrize("path_and_name", asked(), ids=ROUTES)
def test_the_small_router_finds_what_the_load_asks_for(path_and_name):
    path, name = path_and_name.replace("*", "00c0ffee").split("=")
    assert name_of(path) == name


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/about/", "/users", "/users/a/b", "/api/v3/items/a"]
)
def test_the_small_router_knows_no_other_page(path):
    assert name_of(path) is None


def test_the_users_file_has_the_same_pages():
    http = pytest.importorskip("portside.http")
    from bench.handlers.web import mux

    for path_and_name in asked():
        path, name = path_and_name.replace("*", "00c0ffee").split("=")
        answer = mux(http.Request.build("GET", path))
        assert (answer.status, answer.body) == (200, f"Hello, {name}!".encode())
