"""A web site that can be used slowly: a page, an upload, a long answer."""

from portside import http
from portside.http import Request, Response

__all__ = ["LONG_BYTES", "mux"]

LONG_BYTES = 4 * 1024 * 1024
"""More than the kernel takes for a client that does not read."""

LONG = bytes(LONG_BYTES)

mux = http.Mux()


@mux.handle("GET /hello/{name}")
def hello(request: Request) -> Response:
    """Say hello to whom the path names."""
    return Response.text(f"Hello, {request.path_values['name']}!")


@mux.handle("POST /upload")
def upload(request: Request) -> Response:
    """Read the body as it comes, and tell how long it was."""
    request.body.max_bytes = None
    return Response.text(f"{sum(map(len, request.body))} bytes")


@mux.handle("GET /long")
def long(request: Request) -> Response:
    """Send what takes a while to be read."""
    return Response(LONG)
