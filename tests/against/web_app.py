"""What other people's clients and browsers are served: a mux, as a user writes one.

In       requests; the files of the directory that it is started in
Out      answers that tell what was understood
Holds    nothing
"""

import hashlib
from collections.abc import Iterator

from portside import http, sleep
from portside.http import Event, Request, Response, StatusError

__all__ = ["mux"]

LINES_AT_A_TIME = 20

mux = http.Mux()
mux.handle("/files/", http.strip_prefix("/files", http.files(".", listing=True)))


@mux.handle("GET /hello/{name}")
def hello(request: Request) -> Response:
    return Response.text(f"Hello, {request.path_values['name']}!")


@mux.handle("/told")
def told(request: Request) -> Response:
    """Tell what was understood, and read all of the body, as it comes."""
    request.body.max_bytes = 64 * 1024 * 1024
    digest, n_bytes = hashlib.sha256(), 0
    for piece in request.body:
        digest.update(piece)
        n_bytes += len(piece)
    return Response.json(
        {
            "method": request.method,
            "version": request.version,
            "query": request.query.items(),
            "fields": request.headers.items(),
            "announced": request.body.length,
            "bytes": n_bytes,
            "sha256": digest.hexdigest(),
            "trailers": request.body.trailers.items(),
        }
    )


@mux.handle("POST /form")
def form(request: Request) -> Response:
    form = request.form()
    files = [
        [each.name, each.filename, hashlib.sha256(each.file.read()).hexdigest()]
        for each in form.files
    ]
    return Response.json({"fields": form.fields.items(), "files": files})


@mux.handle("POST /small")
def small(request: Request) -> Response:
    """Take no more than is usual."""
    return Response.json({"bytes": len(request.body.read_all())})


@mux.handle("POST /nobody")
def nobody(request: Request) -> Response:
    raise StatusError(401, "not you", headers={"WWW-Authenticate": "Basic"})


@mux.handle("POST /back")
def back(request: Request) -> Response:
    """Send the body back while it comes."""
    request.body.max_bytes = None
    return Response.stream(request.body)


@mux.handle("GET /stream/{count}")
def stream(request: Request) -> Response:
    """Send so many lines, some of them together, so that chunks differ."""
    count = int(request.path_values["count"])

    def lines() -> Iterator[bytes]:
        for first in range(0, count, LINES_AT_A_TIME):
            some = range(first, min(first + LINES_AT_A_TIME, count))
            yield b"".join(b"line %d\n" % number for number in some)

    return Response.stream(lines(), "text/plain")


@mux.handle("GET /events")
def events(request: Request) -> Response:
    """Count on from the event that the client saw last; end behind the third."""
    first = int(http.last_event_id(request) or "0") + 1

    def counted() -> Iterator[Event]:
        for number in range(first, first + 3):
            yield Event(f"number {number}", event="count", id=str(number), retry=50)
            sleep(0.01)

    return Response.events(counted())


@mux.handle("GET /hints")
def hints(request: Request) -> Response:
    request.early_hints("</files/app.css>; rel=preload; as=style")
    return Response.text("Hello behind hints!")


@mux.handle("GET /moved/{where...}")
def moved(request: Request) -> Response:
    return Response.redirect(f"/{request.path_values['where']}")


@mux.handle("GET /cookies")
def cookies(request: Request) -> Response:
    """Tell the cookies that came, and add one."""
    response = Response.json(request.cookies)
    name = f"c{len(request.cookies)}"
    response.set_cookie(name, f"value of {name}", max_age=60, http_only=True)
    return response


@mux.handle("GET /page")
def page(request: Request) -> Response:
    """Look at it with a browser: a script sends a form, and hears events."""
    return Response.html(PAGE)


PAGE = """<!doctype html>
<title>not yet</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/files/app.css">
<p id="sent"></p>
<p id="heard"></p>
<script>
  const show = (id, text) => { document.getElementById(id).textContent = text; };
  const form = new FormData();
  form.append("who", "Zoë & Co");
  form.append("what", new File(["a\\r\\n".repeat(100000)], "ü.txt"));
  fetch("/form", {method: "POST", body: form})
    .then(answer => answer.text()).then(text => show("sent", text));
  const heard = [];
  const source = new EventSource("/events");
  source.addEventListener("count", event => {
    heard.push(event.data);
    if (heard.length == 6) {
      source.close();
      show("heard", heard.join(", "));
      document.title = getComputedStyle(document.body).color;
    }
  });
</script>
"""
