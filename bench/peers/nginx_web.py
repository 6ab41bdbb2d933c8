"""Pages over HTTP: nginx, which says them out of its configuration."""

import re
import sys

from bench.peers.nginx import run
from bench.routes import ROUTES


def location(route: str) -> str:
    """Return what serves a route."""
    if "{" not in route:
        name = route.rpartition("/")[2]
        return f'location = {route} {{ return 200 "Hello, {name}!"; }}'
    pattern = re.escape(route).replace(r"\{name\}", "(?<name>[^/]+)")
    pattern = pattern.replace(r"\{name\.\.\.\}", "(?<name>.+)")
    return f'location ~ "^{pattern}$" {{ return 200 "Hello, $name!"; }}'


def configuration() -> str:
    """Return the block of configuration that serves all routes."""
    locations = "\n".join(map(location, ROUTES))
    return (
        f"server {{ listen 127.0.0.1:@PORT@; default_type text/plain;\n{locations} }}"
    )


if __name__ == "__main__":
    sys.exit(run(configuration()))
