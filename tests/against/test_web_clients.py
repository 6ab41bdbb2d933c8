"""The web, as clients that others wrote see it, under each model.

Every model serves `web_app.py` from the command line, once for all tests. A server of
one connection at a time (serial) makes a second one wait until the first has ended; so
what keeps its connections is told to keep one there, and that is all that differs.
"""

import contextlib
import gzip
import hashlib
import json
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from portside.models import MODELS
from tests.against.complaints import complaints
from tests.cli.running import Serving, serving

HERE = Path(__file__).parent

LONG = 40.0
"""Seconds that no test ever waits for."""

COMPILE_SECONDS = 180.0
"""Go compiles its library first, where it has not yet."""

BIG = random.Random(5).randbytes(5_000_000)
CSS = b"body { color: rgb(1, 2, 3) }\n" * 100
TOO_LONG = b"413 Content Too Large: the body is over 1048576 bytes\n"


@dataclass(frozen=True)
class Site:
    """What one model serves, and the directory that it serves."""

    model: str
    server: Serving
    folder: Path

    @property
    def url(self) -> str:
        return f"http://{self.server.endpoint()}"

    @property
    def together(self) -> int:
        """How many connections a client may keep at the same time."""
        return 1 if self.model == "serial" else 10


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    folder = tmp_path_factory.mktemp("web")
    (folder / "big.bin").write_bytes(BIG)
    (folder / "app.css").write_bytes(CSS)
    (folder / "app.css.gz").write_bytes(gzip.compress(CSS))
    app = f"{HERE / 'web_app.py'}:mux=tcp://127.0.0.1:0"
    with contextlib.ExitStack() as servers:
        sites = {}
        for model in MODELS:
            server = serving(app, "--model", model, cwd=folder)
            sites[model] = Site(model, servers.enter_context(server), folder)
        yield sites
        for site in sites.values():
            assert site.server.stop()["cut"] == 0


@pytest.fixture
def site(model: str, sites: dict[str, Site]) -> Iterator[Site]:
    """Return what this model serves; it has nothing to complain of afterwards."""
    yield sites[model]
    assert complaints(sites[model].server) == []


def run(*words: object, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """Run a client to its end, which must be a good one."""
    if shutil.which(str(words[0])) is None:
        pytest.skip(f"no {words[0]} here")
    command = [str(word) for word in words]
    done = subprocess.run(
        command, input=stdin, capture_output=True, timeout=LONG, check=False
    )
    assert done.returncode == 0, (done.stderr, done.stdout[-1000:])
    return done


# -- curl


@dataclass(frozen=True)
class Curled:
    """What curl got.

    Attributes:
        body: of all answers, one after the other.
        told: of each transfer, what curl knows of it (--write-out).
        fields: of each answer.
    """

    body: bytes
    told: list[dict[str, Any]]
    fields: list[dict[str, list[str]]]

    @property
    def status(self) -> int:
        (told,) = self.told
        return int(told["http_code"])

    def field(self, name: str) -> str | None:
        (fields,) = self.fields
        values = fields.get(name.lower(), [None])
        return values[0]

    def json(self) -> Any:
        return json.loads(self.body)


def curl(*words: object, stdin: bytes = b"") -> Curled:
    shown = "%{stderr}%{json}%{header_json}"
    done = run("curl", "-sS", "-w", shown, *words, stdin=stdin)
    text, values = done.stderr.decode().strip(), []
    while text:
        value, end = json.JSONDecoder().raw_decode(text)
        values.append(value)
        text = text[end:].strip()
    return Curled(done.stdout, values[::2], values[1::2])


def assert_got(told: Any, data: bytes, announced: int | None) -> None:
    """The server has understood the whole body, and as what it was sent."""
    assert told["bytes"] == len(data)
    assert told["sha256"] == hashlib.sha256(data).hexdigest()
    assert told["announced"] == announced


def test_curl_gets_a_page(site: Site) -> None:
    answer = curl(f"{site.url}/hello/A%20da?x=1")
    assert (answer.status, answer.body) == (200, b"Hello, A da!")
    assert answer.told[0]["http_version"] == "1.1"
    assert answer.field("Content-Type") == "text/plain; charset=utf-8"
    assert answer.field("Content-Length") == "12"
    assert answer.field("Date")


def test_curl_posts_data(site: Site) -> None:
    answer = curl("--data", "a=b c&d", f"{site.url}/told?x=1&y")
    told = answer.json()
    assert_got(told, b"a=b c&d", 7)
    assert told["method"] == "POST"
    assert told["query"] == [["x", "1"], ["y", ""]]
    assert ["Content-Type", "application/x-www-form-urlencoded"] in told["fields"]


def test_curl_uploads_in_chunks_what_it_does_not_know_the_length_of(site: Site) -> None:
    answer = curl("-T", "-", f"{site.url}/told", stdin=BIG)
    assert_got(answer.json(), BIG, None)
    assert answer.json()["method"] == "PUT"


def test_curl_waits_for_100_continue_and_then_sends(site: Site) -> None:
    data = site.folder / "big.bin"
    heard = run("curl", "-sSi", "-T", data, f"{site.url}/told").stdout
    first, second, body = heard.split(b"\r\n\r\n", 2)
    assert first == b"HTTP/1.1 100 Continue"
    assert second.startswith(b"HTTP/1.1 200 OK\r\n")
    assert_got(json.loads(body), BIG, len(BIG))


def test_curl_sends_nothing_where_it_is_refused_before(site: Site) -> None:
    answer = curl(
        *("--data-binary", f"@{site.folder / 'big.bin'}", "-H", "Expect: 100-continue"),
        f"{site.url}/nobody",
    )
    assert (answer.status, answer.body) == (401, b"401 Unauthorized: not you\n")
    assert answer.field("WWW-Authenticate") == "Basic"
    assert answer.told[0]["size_upload"] == 0


@pytest.mark.parametrize("expect", ["Expect: 100-continue", "Expect:"])
def test_curl_prints_the_refusal_of_what_is_too_long(site: Site, expect: str) -> None:
    """Also while it sends, and more than fits on the way: the answer is not lost."""
    data = site.folder / "twice.bin"
    data.write_bytes(BIG + BIG)
    for _ in range(5):
        answer = curl("-X", "POST", "-T", data, "-H", expect, f"{site.url}/small")
        assert (answer.status, answer.body) == (413, TOO_LONG)
        # It stops there, and does not send all of it to somebody who drops it.
        assert answer.told[0]["size_upload"] < len(BIG + BIG)


def test_curl_asks_for_a_head_alone(site: Site) -> None:
    answer = curl("-I", f"{site.url}/files/big.bin", f"{site.url}/stream/9")
    assert [told["http_code"] for told in answer.told] == [200, 200]
    assert answer.fields[0]["content-length"] == [str(len(BIG))]
    assert answer.fields[0]["accept-ranges"] == ["bytes"]
    assert [told["size_download"] for told in answer.told] == [0, 0]
    assert answer.told[1]["num_connects"] == 0, "a body came behind a head"


def test_curl_gets_a_range(site: Site) -> None:
    url = f"{site.url}/files/big.bin"
    answer = curl("-r", "1000-1999", url)
    assert (answer.status, answer.body) == (206, BIG[1000:2000])
    assert answer.field("Content-Range") == f"bytes 1000-1999/{len(BIG)}"
    assert curl("-r", "-7", url).body == BIG[-7:]
    assert curl("-r", f"{len(BIG)}-", url).status == 416


def test_curl_gets_two_ranges_as_parts(site: Site) -> None:
    answer = curl("-r", "0-9,4000000-4000004", f"{site.url}/files/big.bin")
    assert answer.status == 206
    assert str(answer.field("Content-Type")).startswith("multipart/byteranges")
    assert BIG[:10] in answer.body
    assert BIG[4000000:4000005] in answer.body


def test_curl_goes_on_with_a_download_that_broke_off(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "big").write_bytes(BIG[:4321])
    answer = curl("-C", "-", "-o", tmp_path / "big", f"{site.url}/files/big.bin")
    assert answer.status == 206
    assert (tmp_path / "big").read_bytes() == BIG


def test_curl_gets_a_compressed_file_if_it_takes_it(site: Site) -> None:
    url = f"{site.url}/files/app.css"
    packed, plain = curl("--compressed", url), curl(url)
    assert packed.field("Content-Encoding") == "gzip"
    assert plain.field("Content-Encoding") is None
    assert packed.body == plain.body == CSS
    assert packed.told[0]["size_download"] < len(CSS)
    for answer in (packed, plain):
        assert answer.field("Content-Type") == "text/css; charset=utf-8"
        assert answer.field("Vary") == "Accept-Encoding"


def test_curl_asks_whether_a_file_has_changed(site: Site, tmp_path: Path) -> None:
    tag, url = tmp_path / "tag", f"{site.url}/files/app.css"
    assert curl("--etag-save", tag, url).status == 200
    again = curl("--etag-compare", tag, url)
    assert (again.status, again.body) == (304, b"")
    assert curl("-z", site.folder / "app.css", url).status == 304


def test_curl_keeps_its_connection(site: Site) -> None:
    urls = [f"{site.url}/{path}" for path in ("hello/a", "stream/2", "hello/b")]
    answer = curl(*urls)
    assert answer.body == b"Hello, a!line 0\nline 1\nHello, b!"
    assert [told["num_connects"] for told in answer.told] == [1, 0, 0]


def test_curl_as_a_client_of_http_1_0_gets_all_of_a_stream(site: Site) -> None:
    answer = curl("-0", f"{site.url}/stream/1003")
    assert answer.body == b"".join(b"line %d\n" % n for n in range(1003))
    assert answer.field("Transfer-Encoding") is None
    assert answer.field("Connection") == "close"
    told = curl("-0", "--data", "abc", f"{site.url}/told").json()
    assert_got(told, b"abc", 3)
    assert told["version"] == [1, 0]


def test_curl_sends_a_form_with_files(site: Site, tmp_path: Path) -> None:
    (tmp_path / "ü.txt").write_bytes(b"a\r\n--b\r\n")
    answer = curl(
        *("-F", "who=Zoë & Co", "-F", f"what=@{tmp_path / 'ü.txt'}"),
        *("-F", f"big=@{site.folder / 'app.css'};filename=x.css"),
        f"{site.url}/form",
    )
    assert answer.json() == {
        "fields": [["who", "Zoë & Co"]],
        "files": [
            ["what", "ü.txt", hashlib.sha256(b"a\r\n--b\r\n").hexdigest()],
            ["big", "x.css", hashlib.sha256(CSS).hexdigest()],
        ],
    }


def test_curl_follows_a_redirect_and_keeps_cookies(site: Site, tmp_path: Path) -> None:
    jar = tmp_path / "jar"
    for known in ({}, {"c0": "value of c0"}):
        answer = curl("-L", "-c", jar, "-b", jar, f"{site.url}/moved/cookies")
        assert answer.json() == known
        assert answer.told[0]["num_redirects"] == 1


def test_curl_hears_events_and_hints(site: Site) -> None:
    events = curl("-N", "-H", "Last-Event-ID: 6", f"{site.url}/events")
    assert events.field("Content-Type") == "text/event-stream"
    assert re.findall(rb"data: (.*)", events.body) == [
        b"number 7",
        b"number 8",
        b"number 9",
    ]
    hints = run("curl", "-sSi", f"{site.url}/hints").stdout
    assert hints.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </files/app.css>")
    assert hints.endswith(b"Hello behind hints!")


def test_curl_that_would_rather_speak_http_2_gets_http_1_1(site: Site) -> None:
    answer = curl("--http2", f"{site.url}/hello/you")
    assert (answer.status, answer.body) == (200, b"Hello, you!")
    assert answer.told[0]["http_version"] == "1.1"


# -- who puts load on servers

LOOK_AT_EACH = """
local bad, threads = 0, {}
function setup(thread) table.insert(threads, thread) end
function init() wrong = 0; answers = 0 end
function response(status, fields, body)
  answers = answers + 1
  if status ~= 200 or body ~= "Hello, wrk!" or not fields["Date"] then
    wrong = wrong + 1
  end
end
function done(summary)
  local wrong, answers = 0, 0
  for _, each in ipairs(threads) do
    wrong, answers = wrong + each:get("wrong"), answers + each:get("answers")
  end
  local e = summary.errors
  print(string.format("answers %d wrong %d errors %d", answers, wrong,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def test_each_answer_that_wrk_gets_is_the_right_one(site: Site, tmp_path: Path) -> None:
    script = tmp_path / "look.lua"
    script.write_text(LOOK_AT_EACH)
    told = run(
        *("wrk", "-t1", f"-c{site.together}", "-d1s", "-s", script),
        f"{site.url}/hello/wrk",
    ).stdout.decode()
    counted = re.search(r"answers (\d+) wrong (\d+) errors (\d+)", told)
    assert counted is not None, told
    assert int(counted[1]) >= 100
    assert (counted[2], counted[3]) == ("0", "0"), told


@pytest.mark.parametrize("words", [(), ("-k",), ("-k", "-p", "BODY")], ids=" ".join)
def test_ab_counts_no_failure(
    site: Site, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """It speaks HTTP/1.0, and asks for its connections to be kept (-k) or does not."""
    (tmp_path / "body").write_bytes(b"x" * 1000)
    filled = [str(tmp_path / "body") if word == "BODY" else word for word in words]
    path, body = "hello/ab", "Hello, ab!"
    if "-p" in words:
        path, body = "small", '{"bytes":1000}'
    url = f"{site.url}/{path}"
    told = run("ab", "-n200", f"-c{site.together}", *filled, url).stdout.decode()
    figures = dict(re.findall(r"^([A-Z][\w -]+): +(\S+)", told, re.MULTILINE))
    assert figures["Complete requests"] == "200"
    assert figures["Failed requests"] == "0"
    assert figures.get("Keep-Alive requests") == ("200" if "-k" in words else None)
    assert "Non-2xx responses" not in figures
    assert figures["HTML transferred"] == str(200 * len(body))


@pytest.mark.parametrize("ahead", [1, 8])
def test_h2load_counts_no_failure(site: Site, ahead: int) -> None:
    """Also where it sends the next requests before it has the answers."""
    n = 400
    told = run(
        *("h2load", "--h1", "-n", n, "-c", site.together, "-m", ahead),
        *(f"{site.url}/hello/h2load", f"{site.url}/stream/30"),
    ).stdout.decode()
    assert (
        f"requests: {n} total, {n} started, {n} done, {n} succeeded, 0 failed" in told
    )
    assert f"status codes: {n} 2xx, 0 3xx, 0 4xx, 0 5xx" in told
    data = re.search(r"\((\d+)\) data", told)
    assert data is not None
    stream = sum(len(b"line %d\n" % number) for number in range(30))
    assert int(data[1]) == n // 2 * (len("Hello, h2load!") + stream)


# -- Go's net/http


@pytest.fixture(scope="module")
def go_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("go") is None:
        pytest.skip("no go here")
    binary = tmp_path_factory.mktemp("go") / "web_client"
    made = ["go", "build", "-o", str(binary), str(HERE / "web_client.go")]
    subprocess.run(made, check=True, timeout=COMPILE_SECONDS)
    return binary


@pytest.mark.timeout(COMPILE_SECONDS + 60)
def test_clients_in_go_find_everything_right(site: Site, go_client: Path) -> None:
    together = 1 if site.model == "serial" else 4
    done = run(go_client, site.url, hashlib.sha256(BIG).hexdigest(), together)
    assert done.stderr == b""


# -- httpx2


@pytest.fixture
def client(site: Site) -> Iterator[httpx2.Client]:
    limits = httpx2.Limits(max_connections=1)  # for serial, and the others do as well
    with httpx2.Client(base_url=site.url, limits=limits, timeout=LONG) as client:
        yield client


def test_httpx_streams_both_ways(client: httpx2.Client) -> None:
    pieces = [BIG[at : at + 50_000] for at in range(0, 500_000, 50_000)]
    told = client.post("/told", content=iter(pieces)).raise_for_status().json()
    assert_got(told, b"".join(pieces), None)
    with client.stream("POST", "/back", content=iter(pieces[:1])) as answer:
        assert b"".join(answer.iter_bytes()) == pieces[0]
    with client.stream("GET", "/stream/1003") as answer:
        assert list(answer.iter_lines()) == [f"line {n}" for n in range(1003)]
    with client.stream("GET", "/files/big.bin") as answer:
        assert b"".join(answer.iter_raw()) == BIG


def test_httpx_sends_forms_and_keeps_cookies(client: httpx2.Client) -> None:
    plain = client.post("/form", data={"who": "Zoë & Co", "many": ["1", "2"]})
    assert plain.json() == {
        "fields": [["who", "Zoë & Co"], ["many", "1"], ["many", "2"]],
        "files": [],
    }
    filled = client.post("/form", data={"a": "b"}, files={"f": ("ü.txt", b"\r\n--")})
    assert filled.json() == {
        "fields": [["a", "b"]],
        "files": [["f", "ü.txt", hashlib.sha256(b"\r\n--").hexdigest()]],
    }
    assert client.get("/cookies").json() == {}
    assert client.get("/cookies").json() == {"c0": "value of c0"}
    assert client.get("/moved/cookies", follow_redirects=True).json() == {
        "c0": "value of c0",
        "c1": "value of c1",
    }


def test_httpx_hears_events(client: httpx2.Client) -> None:
    with client.sse("/events", headers={"Last-Event-ID": "3"}) as events:
        heard = [(each.event, each.id, each.data, each.retry) for each in events]
    assert heard == [("count", str(n), f"number {n}", 50) for n in (4, 5, 6)]


def test_httpx_is_answered_behind_a_body_that_nobody_read(
    client: httpx2.Client,
) -> None:
    for _ in range(3):
        assert client.post("/nobody", content=b"x" * 100_000).status_code == 401
        assert client.get("/hello/you").text == "Hello, you!"
