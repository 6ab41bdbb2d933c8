"""The twenty routes that the web servers have, and what is asked of them.

In       nothing
Out      patterns, as Go's ServeMux writes them; a router of them that is as small as it
         can be; paths to ask for, with the name that each must be answered with
Holds    nothing
Fails    never: a path that no pattern matches has no name

Every page says hello: to the rest of its path where the pattern has a name, else to its
last word. So one client can tell for every page whether the answer is its own.
"""

from typing import Any

__all__ = ["ROUTES", "asked", "name_of"]

ROUTES = (
    "/about",
    "/contact",
    "/health",
    "/login",
    "/prices",
    "/search",
    "/hello/{name}",
    "/shops/{name}",
    "/shops/{name}/reviews",
    "/tags/{name}",
    "/users/{name}",
    "/users/{name}/orders",
    "/users/{name}/settings",
    "/api/v1/items/{name}",
    "/api/v1/items/{name}/history",
    "/api/v2/items/{name}",
    "/assets/{name...}",
    "/blog/{name...}",
    "/docs/{name...}",
    "/files/{name...}",
)

_NAME, _REST = "{name}", "{name...}"


def asked() -> list[str]:
    """Return what the load asks for, a path of each route: ``PATH=NAME``.

    It puts a name of its own where a * stands.
    """
    return [_asked(route) for route in ROUTES]


def _asked(route: str) -> str:
    if _REST in route:
        return f"{route.replace(_REST, '2030/*')}=2030/*"
    if _NAME in route:
        return f"{route.replace(_NAME, '*')}=*"
    return f"{route}={route.rpartition('/')[2]}"


def name_of(path: str) -> str | None:
    """Return the name of the page at this path; None: there is no such page.

    >>> name_of("/users/ann/orders"), name_of("/files/a/b"), name_of("/users")
    ('ann', 'a/b', None)
    """
    segments = path.split("/")[1:]
    node: dict[str, Any] = _TREE
    name = segments[-1]
    for at, segment in enumerate(segments):
        if segment in node:
            node = node[segment]
        elif _NAME in node:
            node, name = node[_NAME], segment
        elif _REST in node:
            return "/".join(segments[at:])
        else:
            return None
    return name if "" in node else None


def _tree() -> dict[str, Any]:
    """Return the routes as dicts in dicts, a segment each; "" is where one ends."""
    root: dict[str, Any] = {}
    for route in ROUTES:
        node = root
        for segment in route.split("/")[1:]:
            node = node.setdefault(segment, {})
        node[""] = {}
    return root


_TREE = _tree()
