"""A web site of twenty pages, as a user writes it: each says hello."""

from portside import http
from portside.http import Request, Response

__all__ = ["mux"]

mux = http.Mux()


@mux.handle("GET /about")
def about(request: Request) -> Response:
    """Say hello to the page itself."""
    return Response.text("Hello, about!")


@mux.handle("GET /contact")
def contact(request: Request) -> Response:
    """Say hello to the page itself."""
    return Response.text("Hello, contact!")


@mux.handle("GET /health")
def health(request: Request) -> Response:
    """Say hello to the page itself."""
    return Response.text("Hello, health!")


@mux.handle("GET /login")
def login(request: Request) -> Response:
    """Say hello to the page itself."""
    return Response.text("Hello, login!")


@mux.handle("GET /prices")
def prices(request: Request) -> Response:
    """Say hello to the page itself."""
    return Response.text("Hello, prices!")


@mux.handle("GET /search")
def search(request: Request) -> Response:
    """Say hello to the page itself."""
    return Response.text("Hello, search!")


@mux.handle("GET /hello/{name}")
@mux.handle("GET /shops/{name}")
@mux.handle("GET /shops/{name}/reviews")
@mux.handle("GET /tags/{name}")
@mux.handle("GET /users/{name}")
@mux.handle("GET /users/{name}/orders")
@mux.handle("GET /users/{name}/settings")
@mux.handle("GET /api/v1/items/{name}")
@mux.handle("GET /api/v1/items/{name}/history")
@mux.handle("GET /api/v2/items/{name}")
@mux.handle("GET /assets/{name...}")
@mux.handle("GET /blog/{name...}")
@mux.handle("GET /docs/{name...}")
@mux.handle("GET /files/{name...}")
def hello(request: Request) -> Response:
    """Say hello to whom the path names."""
    return Response.text(f"Hello, {request.path_values['name']}!")
