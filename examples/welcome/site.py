"""A page that shows what runs here. Models: fork thread nonblocking hybrid.

portside serve echo=127.0.0.1:7007 examples/welcome/site.py:mux=127.0.0.1:8080
"""

import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template

from portside import Error, http, net, sleep, timeout

PAGE = Template(Path(__file__).with_name("page.html").read_text())
ROW = Template(
    '<tr class="$state"><td>$name<td>$address<td>$about<td><code>$command</code>'
)
SERVICES = {  # what `make serve` starts: port, what it does, what to send
    "echo": (7007, "sends back what comes", "printf 'hello\\n' | "),
    "discard": (7009, "reads, and says nothing", "printf 'hello\\n' | "),
    "daytime": (7013, "tells the time to people", ""),
    "qotd": (7017, "says something short", ""),
    "chargen": (7019, "sends and sends: stop it with Ctrl-C", ""),
    "time": (7037, "tells the time to programs, in 32 bits", ""),
}

# After `make serve` it is in .venv, which nobody looks through.
COMMAND = "portside" if shutil.which("portside") else sys.argv[0]

mux = http.Mux()


def is_there(port: int) -> bool:
    try:
        net.dial("tcp", f"127.0.0.1:{port}", timeout=0.5).abort()
    except Error:
        return False
    return True


def rows() -> Iterator[str]:
    for name, (port, about, sent) in SERVICES.items():
        yield ROW.substitute(
            name=name,
            address=f"127.0.0.1:{port}",
            about=about,
            command=escape(f"{sent}{COMMAND} dial 127.0.0.1:{port}"),
            state="up" if is_there(port) else "down",
        )


@mux.handle("GET /{$}")
def page(request: http.Request) -> http.Response:
    said = request.query.get("text", "")
    text = PAGE.substitute(
        rows="\n".join(rows()),
        portside=escape(COMMAND),
        said=escape(said),
        heard=escape(echoed(said)) if said else "",
        remote=escape(str(request.remote_address)),
        local=escape(str(request.local_address)),
        host=escape(request.host),
        head=escape("\n".join(f"{n}: {v}" for n, v in request.headers.items())),
        target=escape(f"{request.method} {request.target} HTTP/1.{request.version[1]}"),
    )
    response = http.Response.html(text)
    response.headers["Content-Security-Policy"] = (
        "default-src 'self'; img-src data:; "
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    )
    return response


def echoed(text: str) -> str:
    """Say it to the echo service, and return what comes back."""
    try:
        with timeout(1), net.dial("tcp", "127.0.0.1:7007") as conn:
            conn.write(text.encode())
            conn.close_write()
            return conn.read_all().decode(errors="replace")
    except Error as error:
        return f"nobody answered: {error}"


@mux.handle("GET /clock")
def clock(request: http.Request) -> http.Response:
    """A Server-Sent Event each second, while somebody looks."""

    def seconds() -> Iterator[str]:
        while not request.is_draining:
            yield datetime.now(UTC).strftime("%H:%M:%S UTC")
            sleep(1)

    return http.Response.events(seconds())


@mux.handle("/request")
def request_as_it_came(request: http.Request) -> http.Response:
    """What this server got: for curl, and for whoever learns HTTP."""
    lines = [f"{request.method} {request.target}", ""]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return http.Response.text("\n".join([*lines, "", request.text()]))
