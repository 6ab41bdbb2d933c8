"""Directories, muxes and the settings of HTTP on the command line."""

import http.client
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from portside.cli.failure import USAGE, Failure
from portside.cli.web import WebOptions, as_web, directory_in, directory_service
from portside.http import Response, handler
from portside.server import Service
from tests.cli.running import (
    LONG,
    PORTSIDE,
    Serving,
    environment,
    portside,
    serving,
    until,
)

APP = """
from portside import http

mux = http.Mux()

@mux.handle("GET /hello/{name}")
def hello(request):
    return http.Response.text(f"Hello, {request.path_values['name']}!")

@mux.handle("POST /echo")
def echo(request):
    return http.Response(request.body.read_all())
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory with a page, a file, and a directory without an index."""
    directory = tmp_path / "site"
    (directory / "docs").mkdir(parents=True)
    (directory / "index.html").write_text("<h1>Home</h1>")
    (directory / "docs" / "a.txt").write_text("a" * 100_000)
    return directory


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text(APP)
    return path


def ask(
    server: Serving, target: str, method: str = "GET", index: int = 0, **how: Any
) -> tuple[int, dict[str, str], bytes]:
    """Return the status, the fields and the body of an answer."""
    client = http.client.HTTPConnection(*server.address(index), timeout=LONG)
    try:
        client.request(method, target, **how)
        answer = client.getresponse()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, fields, answer.read()
    finally:
        client.close()


# -- the real command


def test_a_directory_is_served(site: Path, model: str) -> None:
    with serving(f"{site}=127.0.0.1:0", "--model", model) as server:
        status, fields, body = ask(server, "/")
        assert (status, body) == (200, b"<h1>Home</h1>")
        assert fields["content-type"].startswith("text/html")
        assert ask(server, "/docs/a.txt")[2] == b"a" * 100_000
        part = ask(server, "/docs/a.txt", headers={"Range": "bytes=-3"})
        assert (part[0], part[2]) == (206, b"aaa")
        assert ask(server, "/nowhere")[0] == ask(server, "/docs/")[0] == 404
        assert ask(server, "/../app.py")[0] in (400, 404)
        assert server.stop()["event"] == "stopped"
        assert server.errors() == ""


def test_a_mux_is_served_beside_a_directory_and_a_service(
    app: Path, site: Path
) -> None:
    places = f"{app}:mux=127.0.0.1:0", f"{site}=127.0.0.1:0", "echo=tcp://127.0.0.1:0"
    with serving(*places) as server:
        names = [each["service"] for each in server.told["listening"]]
        assert names == [f"{app}:mux", str(site), "echo"]
        assert ask(server, "/hello/you")[2] == b"Hello, you!"
        assert ask(server, "/hello/you", "POST")[0] == 405
        assert ask(server, "/", index=1)[2] == b"<h1>Home</h1>"
        done = portside("dial", server.endpoint(2), stdin=b"hello\n")
        assert done.stdout == b"hello\n"
        server.stop()


def test_a_directory_is_listed_where_that_is_asked_for(site: Path) -> None:
    with serving(f"{site}=127.0.0.1:0", "--listing") as server:
        status, _, page = ask(server, "/docs/")
        assert (status, b"a.txt" in page) == (200, True)
        assert ask(server, "/")[2] == b"<h1>Home</h1>"
        server.stop()


def test_the_limits_that_were_typed_hold(app: Path) -> None:
    words = ("--max-body-bytes", "1k", "--max-target-bytes", "20")
    with serving(f"{app}:mux=127.0.0.1:0", *words) as server:
        assert ask(server, "/echo", "POST", body=bytes(1024))[0] == 200
        assert ask(server, "/echo", "POST", body=bytes(1025))[0] == 413
        assert ask(server, "/hello/" + "a" * 20)[0] == 414
        server.stop()


def test_the_limits_come_from_the_environment_too(app: Path) -> None:
    env = {"PORTSIDE_SERVE_MAX_BODY_BYTES": "1k", "PORTSIDE_SERVE_ACCESS_LOG": "json"}
    with serving(f"{app}:mux=127.0.0.1:0", env=env) as server:
        assert ask(server, "/echo", "POST", body=bytes(1025))[0] == 413
        until(lambda: '"status":413' in server.errors())
        server.stop()


def test_an_access_log_is_lines_for_other_programs(site: Path) -> None:
    """As they are, without "portside:" in front; beside them what else is told."""
    words = ("--access-log", "combined")
    with serving(f"{site}=127.0.0.1:0", *words) as server:
        ask(server, "/a%0ab", headers={"User-Agent": 'x"y'})
        until(lambda: "\n" in server.errors())
        server.stop()
        (line,) = server.errors().splitlines()
    assert re.fullmatch(
        r"127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "
        r'"GET /a%0ab HTTP/1\.1" 404 14 "-" "x\\x22y"',
        line,
    )


def test_an_access_log_in_json_has_an_object_in_each_line(site: Path) -> None:
    with serving(f"{site}=127.0.0.1:0", "--access-log", "json") as server:
        ask(server, "/")
        with server.connect() as client:
            client.sendall(b"nonsense\r\n\r\n")
            client.makefile("rb").read()
        until(lambda: server.errors().count("\n") == 2)
        server.stop()
        told = [json.loads(line) for line in server.errors().splitlines()]
        served, refused = sorted(told, key=lambda each: each["status"])  # two workers
    assert (served["target"], served["status"], served["sent_bytes"]) == ("/", 200, 13)
    assert (refused["method"], refused["status"]) == (None, 400)


def test_the_advice_is_something_that_can_be_typed(site: Path, tmp_path: Path) -> None:
    """Also where the path of the socket has a space."""
    for place in ("127.0.0.1:0", f"unix:{tmp_path}/a socket"):
        with subprocess.Popen(
            [*PORTSIDE, "serve", f"{site}={place}", "--model", "serial"],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        ) as process:
            try:
                assert process.stdout is not None
                advice = [process.stdout.readline() for _ in range(4)][-1]
                words = advice.partition("try it:")[2].strip()
                assert words.startswith("curl -i ")
                done = subprocess.run(
                    f"{words} --no-progress-meter",
                    shell=True,
                    capture_output=True,
                    timeout=LONG,
                    check=True,
                )
                assert done.stdout.startswith(b"HTTP/1.1 200 OK\r\n")
                assert done.stdout.endswith(b"<h1>Home</h1>")
            finally:
                process.kill()


def test_who_serves_no_web_pays_for_none() -> None:
    """Each of them would cost the start of every command some milliseconds."""
    code = (
        "import sys, portside.cli.main, portside.cli.serve; from portside.cli.what "
        "import parse_what; parse_what('echo'); print([name for name in sys.modules "
        "if name in ('httptools', 'json.tool', 'http.client', 'portside.http.web')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=LONG, check=True
    )
    assert done.stdout == b"[]\n"


# -- what was typed


def test_what_was_typed_is_about_something_that_is_served() -> None:
    typed = WebOptions.of({"max_headers": 5}, True)
    typed.check_used(web=True, directories=True)
    WebOptions({}).check_used(web=False, directories=False)
    with pytest.raises(Failure, match=r"^--listing: no directory here"):
        typed.check_used(web=True, directories=False)
    with pytest.raises(Failure, match=r"^--max-headers: nothing here speaks HTTP"):
        WebOptions({"max_headers": 5}).check_used(web=False, directories=False)


def test_a_flag_wins_over_the_file_also_with_the_usual_value(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "from portside import http\n"
        "mux = http.Mux(settings=http.HttpSettings(max_headers=1))\n"
        "@mux.handle('GET /')\n"
        "def hello(request):\n"
        "    return http.Response.text('hello')\n"
    )
    what = f"{tmp_path}/app.py:mux=127.0.0.1:0"
    for flags, status in ([], 431), (["--max-headers", "100"], 200):
        with serving(what, *flags) as server:
            assert ask(server, "/")[0] == status


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"max_header_bytes": 8}, "--max-header-bytes must be at least 64, not 8"),
        ({"max_headers": 0}, "--max-headers must be at least 1, not 0"),
        ({"write_timeout": 0.0}, "--write-timeout must be seconds over 0, not 0.0"),
    ],
)
def test_a_value_that_cannot_be_is_a_mistake_in_usage(
    changed: dict[str, Any], told: str
) -> None:
    with pytest.raises(Failure) as caught:
        WebOptions.of(changed, False)
    assert (str(caught.value), caught.value.status) == (told, USAGE)


@pytest.mark.parametrize(
    "text", ["echo", "echo=:7", "app.py:mux=:0", "a=b/", "a:b", ""]
)
def test_what_is_no_path_is_no_directory(text: str) -> None:
    assert directory_in(text) is None


def test_a_function_of_a_file_in_a_directory_is_no_directory(tmp_path: Path) -> None:
    assert directory_in(f"{tmp_path}/app.py:mux=:0") is None
    assert directory_in("./app.py:mux") is None


def test_a_directory_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"/nowhere: no such file or directory$"):
        directory_service(f"{tmp_path}/nowhere", WebOptions({}))


def test_only_what_answers_requests_is_web() -> None:
    web = handler(lambda request: Response.text(""))
    service = as_web(Service(stream=web), WebOptions({"max_headers": 5}))
    assert service is not None
    assert (service.stream, service.port, web.settings.max_headers) == (web, 80, 5)
    assert as_web(Service(stream=print), WebOptions({})) is None
    assert as_web(Service(packet=print), WebOptions({})) is None


def test_a_value_that_cannot_be_beside_those_of_the_file_is_told() -> None:
    web = handler(lambda request: Response.text(""))
    with pytest.raises(Failure) as caught:
        as_web(Service(stream=web), WebOptions({"max_headers": 0}))
    assert caught.value.status == USAGE
