"""Files are served: over the wire, under every model, and never from outside."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from portside import Server
from portside.errors import Error, NotFoundError
from portside.http.directory import files
from portside.http.message.file_body import FileBody
from portside.http.message.request import Request
from portside.http.message.status_error import StatusError
from portside.http.mux import Mux
from portside.http.prefix import strip_prefix
from tests.http.answers import Answer
from tests.http.peer import Peer, peer

SECRET = b"secret"
BIG = os.urandom(3_000_000)
DATE = b"Fri, 14 Jul 2017 02:40:00 GMT"
CHANGED = 1_500_000_000


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top: Path = tmp_path_factory.mktemp("served")
    (top / "secret").write_bytes(SECRET)
    root = top / "root"
    for name in ("dir", "empty", "evil.com", ".git", ".well-known", "with index"):
        (root / name).mkdir(parents=True)
    contents = {
        "index.html": b"<h1>top</h1>",
        "plain.txt": b"0123456789",
        "zero": b"",
        "big.bin": BIG,
        "style.css": b"a { color: red }",
        "style.css.gz": b"as gzip",
        "style.css.br": b"as br",
        "old.css": b"new",
        "old.css.gz": b"old",
        "photo.png": b"png",
        "photo.png.gz": b"png.gz",
        "n\u00e9e.txt": b"utf-8",
        "a b%.txt": b"odd",
        ".env": SECRET,
        ".git/config": SECRET,
        ".well-known/security.txt": b"public",
        "dir/file.txt": b"inside",
        "with index/index.html": b"index",
        "evil.com/x": b"",
    }
    for name, data in contents.items():
        (root / name).write_bytes(data)
        os.utime(root / name, (CHANGED, CHANGED))
    os.utime(root / "old.css.gz", (CHANGED - 60, CHANGED - 60))
    os.mkfifo(root / "fifo")
    links = {
        "link-in": "dir/file.txt",
        "link-out": "../secret",
        "link-absolute": str(top / "secret"),
        "link-dir-out": "..",
        "link-device": "/dev/zero",
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    return root


@contextlib.contextmanager
def served(directory, model: str = "nonblocking", **options) -> Iterator[Peer]:
    """Serve a directory, and connect to it."""
    with contextlib.closing(files(directory, **options)) as handler:
        with Server(handler, "tcp://127.0.0.1:0", model=model) as server:
            with peer(server.address) as client:
                yield client


@pytest.fixture
def serve(root: Path):
    """Return a function that serves the directory and returns a client's connection."""
    with contextlib.ExitStack() as opened:
        yield lambda *model, **options: opened.enter_context(
            served(root, *model, **options)
        )


def get(client: Peer, target: str, method: str = "GET", **fields: str) -> Answer:
    lines = [f"{method} {target} HTTP/1.1", "Host: x"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    request = "\r\n".join([*lines, "", ""]).encode()
    return client.ask(request, to_head=method == "HEAD")


def ask(directory, target: str, method: str = "GET", **fields: str):
    """Ask without a wire; return the status, the headers and the body that is sent."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    try:
        response = directory(Request.build(method, target, headers=named))
    except StatusError as error:
        return error.status, error.headers, b""
    body = response.body
    if isinstance(body, FileBody):
        data = os.pread(body.descriptor, body.length, 0)
        body.close()
        return response.status, response.headers, data
    return response.status, response.headers, body


# -- under every model


def test_a_file_is_served(serve, model):
    client = serve(model)
    answer = get(client, "/plain.txt")
    assert (answer.status, answer.body) == (200, b"0123456789")
    assert answer.one(b"content-type") == b"text/plain; charset=utf-8"
    assert answer.one(b"content-length") == b"10"
    assert answer.one(b"last-modified") == DATE
    assert answer.one(b"accept-ranges") == b"bytes"
    assert answer.one(b"x-content-type-options") == b"nosniff"
    assert get(client, "/zero").body == b""
    assert get(client, "/big.bin").body == BIG
    assert get(client, "/").body == b"<h1>top</h1>"


def test_head_says_the_same_and_sends_nothing(serve, model):
    client = serve(model)
    for target in ("/plain.txt", "/big.bin", "/zero", "/nothing", "/dir"):
        with_body, without = get(client, target), get(client, target, "HEAD")
        assert without.status == with_body.status
        assert without.fields.keys() == with_body.fields.keys()
        for name in (b"content-length", b"etag", b"content-type", b"location"):
            assert without.one(name) == with_body.one(name)


def test_a_part_of_a_file_is_served(serve, model):
    client = serve(model)
    answer = get(client, "/big.bin", Range="bytes=1000000-2500000")
    assert (answer.status, answer.body) == (206, BIG[1_000_000:2_500_001])
    assert answer.one(b"content-range") == b"bytes 1000000-2500000/3000000"
    answer = get(client, "/big.bin", Range="bytes=0-99,-100")
    assert answer.status == 206
    assert BIG[:100] in answer.body
    assert BIG[-100:] in answer.body
    answer = get(client, "/big.bin", Range="bytes=3000000-")
    assert (answer.status, answer.one(b"content-range")) == (416, b"bytes */3000000")
    assert get(client, "/plain.txt", Range="bytes=3-5").body == b"345"


def test_a_client_that_has_the_file_is_told_so(serve, model):
    client = serve(model)
    etag = (get(client, "/plain.txt").one(b"etag") or b"").decode()
    answer = get(client, "/plain.txt", If_None_Match=etag)
    assert (answer.status, answer.body) == (304, b"")
    assert get(client, "/plain.txt", If_Modified_Since=DATE.decode()).status == 304
    assert get(client, "/plain.txt", If_Match='"other"').status == 412
    assert get(client, "/plain.txt").status == 200


def test_what_is_not_there_is_not_found_and_the_connection_goes_on(serve, model):
    client = serve(model)
    for target in ("/nothing", "/fifo", "/.env", "/link-out", "/" + "x" * 5000):
        assert get(client, target).status == 404, target
    assert get(client, "/dir/file.txt").body == b"inside"


def test_a_directory_is_listed(serve, model):
    client = serve(model, listing=True, index=None)
    page = get(client, "/").body.decode()
    assert "plain.txt" in page
    assert "link-in" in page
    for hidden in (".env", ".git", "fifo", "link-out", "link-absolute", "link-dir-out"):
        assert hidden not in page
    assert get(client, "/dir/").body.count(b"<a ") == 2
    assert get(client, "/nothing/").status == 404


def wait_for_descriptors(count: int) -> None:
    """Return when as many are open: the last answer is read before its file is shut."""
    until = time.monotonic() + 10
    while len(os.listdir("/proc/self/fd")) != count:
        assert time.monotonic() < until, "descriptors are left open"


def test_no_descriptor_is_left_open_in_the_server(serve):
    client = serve()
    get(client, "/nothing")  # now the server's side of it is open, and no file is
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(30):
        get(client, "/plain.txt")
        get(client, "/plain.txt", "HEAD")
        get(client, "/plain.txt", If_None_Match="*")
        get(client, "/plain.txt", Range="bytes=99-")
        get(client, "/style.css", Accept_Encoding="gzip, br")
        get(client, "/dir")
        get(client, "/fifo")
    wait_for_descriptors(before)


def test_a_client_that_leaves_in_the_middle_leaves_no_descriptor_open(serve):
    client = serve()
    get(client, "/nothing")  # now the server's side of it is open, and no file is
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        name = client.socket.getpeername()
        with peer(SimpleNamespace(host=name[0], port=name[1])) as other:
            other.say_at_once(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            other.socket.recv(1)
    wait_for_descriptors(before)


# -- never from outside

TRAVERSALS = [
    "/../secret",
    "/%2e%2e/secret",
    "/%2e%2e%2fsecret",
    "/..%2fsecret",
    "/..%2Fsecret",
    "/.%2e/secret",
    "/..%5csecret",
    "/..\\secret",
    "/%5c..%5csecret",
    "/%252e%252e%252fsecret",
    "/%25%32%65%25%32%65/secret",
    "/%c0%ae%c0%ae/secret",
    "/%c0%ae%c0%ae%c0%afsecret",
    "/%e0%80%ae%e0%80%ae/secret",
    "/dir/../../secret",
    "/dir/%2e%2e/%2e%2e/secret",
    "/dir/..%2f..%2fsecret",
    "/static/../../secret",
    "/./../secret",
    "/.../secret",
    "/..;/secret",
    "/..%00/secret",
    "/..%0a/secret",
    "/plain.txt/../../secret",
    "/plain.txt%00",
    "/plain.txt%00.html",
    "/%00",
    "//etc/passwd",
    "///etc/passwd",
    "//../secret",
    "/%2fetc/passwd",
    "/%2f%2fetc/passwd",
    "/link-out",
    "/link-absolute",
    "/link-dir-out/secret",
    "/link-dir-out/root/plain.txt",
    "/link-dir-out/",
    "/link-device",
    "/fifo",
    "/.env",
    "/%2eenv",
    "/.git/config",
    "/.git/",
    "/.git",
    "/plain.txt/",
    "/plain.txt/x",
    "/zero/",
    "/dir/file.txt/",
    "/empty/",
    "/dir/",
    "/C:/secret",
    "/~root/x",
    "/" + "../" * 50 + "etc/passwd",
    "/" + "x" * 300,
    "/" + "x" * 5000,
    "/" + "x/" * 2000,
]


MALFORMED = ["/%uff0e%uff0e/secret", "/%zz", "/%", "/%2", "/%2/..", "/a%"]
"""What no request can ask for, as the wire refuses it; a handler may."""


@pytest.mark.parametrize("target", MALFORMED)
def test_what_is_no_path_at_all_is_not_found_either(root, target):
    assert ask(files(root, listing=True, hidden=True), target)[0] == 404


@pytest.mark.parametrize("listing", [False, True])
@pytest.mark.parametrize("model", ["nonblocking", "serial"])
def test_no_path_leads_out(serve, model, listing):
    client = serve(model, listing=listing)
    listed = {"/empty/", "/dir/"} if listing else set()
    for target in TRAVERSALS:
        answer = get(client, target)
        assert answer.status == (200 if target in listed else 404), target
        assert SECRET not in answer.body
        assert b"root:" not in answer.body
        if answer.status == 404:
            assert answer.body == b"404 Not Found\n"


def test_a_mux_around_it_changes_nothing(root):
    mux = Mux()
    mux.handle("/", files(root))
    for target in TRAVERSALS:
        status, headers, body = ask(mux, target)
        assert status in (301, 307, 404, 200), target
        if status in (301, 307):
            status, headers, body = ask(mux, headers["Location"])
        assert status in (404, 307, 200), target
        assert SECRET not in body
        assert b"root:" not in body


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
@pytest.mark.parametrize(
    "path", ["/../secret", "/dir/../../secret", "/..%2fsecret", "/link-out"]
)
def test_curl_is_not_led_out_either(root, path):
    with served(root, "thread") as client:
        host, port = client.socket.getpeername()
        url = f"http://{host}:{port}{path}"
        done = subprocess.run(
            ["curl", "-s", "-i", "--path-as-is", url], capture_output=True, check=True
        )
    assert done.stdout.startswith(b"HTTP/1.1 404 ")
    assert SECRET not in done.stdout


def test_hidden_files_are_sent_only_where_they_are_to_be(root):
    assert ask(files(root), "/.env")[0] == 404
    assert ask(files(root, hidden=True), "/.env")[2] == SECRET
    assert ask(files(root, hidden=True), "/.git/config")[2] == SECRET
    assert ask(files(root), "/.well-known/security.txt")[2] == b"public"


# -- directories


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/dir", "./dir/"),
        ("/dir?a=1&b=%2F", "./dir/?a=1&b=%2F"),
        ("/with%20index", "./with%20index/"),
        ("//evil.com", "./evil.com/"),
        ("/%65vil.com", "./evil.com/"),
        ("//dir", "./dir/"),
        ("/./dir", "./dir/"),
    ],
)
def test_a_directory_without_its_slash_is_redirected_and_to_nowhere_else(
    root, target, location
):
    status, headers, _ = ask(files(root), target)
    assert status == 301
    assert headers["Location"] == location


def test_a_name_like_a_scheme_is_redirected_to_here(root, tmp_path):
    (tmp_path / "javascript:alert(1)").mkdir()
    _, headers, _ = ask(files(tmp_path), "/javascript:alert(1)")
    assert headers["Location"] == "./javascript%3Aalert%281%29/"


def test_an_index_is_served_under_its_own_name_too(root):
    assert ask(files(root), "/index.html")[2] == b"<h1>top</h1>"
    assert ask(files(root), "/with%20index/")[2] == b"index"
    assert ask(files(root), "/with%20index/index.html")[2] == b"index"


def test_another_index_or_none_is_taken_as_asked(root):
    assert ask(files(root, index="plain.txt"), "/")[2] == b"0123456789"
    assert ask(files(root, index=None), "/")[0] == 404
    assert ask(files(root, index="dir"), "/")[0] == 404


@pytest.mark.parametrize("index", ["", "a/b", "../secret"])
def test_an_index_that_is_no_name_is_refused_at_once(root, index):
    with pytest.raises(ValueError, match="not the name of a file"):
        files(root, index=index)


def test_a_listing_has_no_script_and_asks_for_nothing(root):
    status, headers, page = ask(files(root, listing=True), "/dir/")
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert not re.search(rb"<script|src=|url\(|@import", page)


def test_an_index_goes_before_a_listing(root):
    assert ask(files(root, listing=True), "/")[2] == b"<h1>top</h1>"


# -- methods


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"]
)
def test_files_are_read_and_nothing_else(root, method):
    status, headers, _ = ask(files(root), "/plain.txt", method)
    assert status == 405
    assert headers["Allow"] == "GET, HEAD"


# -- compressed forms


@pytest.mark.parametrize(
    ("target", "accepted", "coding", "body"),
    [
        ("/style.css", None, None, b"a { color: red }"),
        ("/style.css", "gzip", "gzip", b"as gzip"),
        ("/style.css", "gzip, br, zstd", "br", b"as br"),
        ("/style.css", "gzip, br;q=0.5", "gzip", b"as gzip"),
        ("/style.css", "zstd", None, b"a { color: red }"),
        ("/style.css", "gzip;q=0", None, b"a { color: red }"),
        ("/old.css", "gzip", None, b"new"),
        ("/plain.txt", "gzip", None, b"0123456789"),
    ],
)
def test_a_compressed_form_is_sent_to_who_takes_it(
    root, target, accepted, coding, body
):
    fields = {} if accepted is None else {"Accept_Encoding": accepted}
    status, headers, sent = ask(files(root), target, **fields)
    assert (status, sent) == (200, body)
    assert headers.get("Content-Encoding") == coding
    assert headers["Vary"] == "Accept-Encoding"
    if target == "/style.css":
        assert headers["Content-Type"] == "text/css; charset=utf-8"


def test_what_is_compressed_already_does_not_vary(root):
    _, headers, body = ask(files(root), "/photo.png", Accept_Encoding="gzip")
    assert body == b"png"
    assert "Vary" not in headers


def test_without_compressed_forms_nothing_varies(root):
    plain = files(root, precompressed=False)
    _, headers, body = ask(plain, "/style.css", Accept_Encoding="gzip")
    assert body == b"a { color: red }"
    assert "Vary" not in headers


def test_each_form_has_a_version_and_ranges_of_its_own(serve):
    client = serve()
    plain = get(client, "/style.css")
    packed = get(client, "/style.css", Accept_Encoding="gzip")
    assert plain.one(b"etag") != packed.one(b"etag")
    etag = (packed.one(b"etag") or b"").decode()
    assert get(client, "/style.css", If_None_Match=etag).status == 200
    again = get(client, "/style.css", Accept_Encoding="gzip", If_None_Match=etag)
    assert again.status == 304
    assert again.one(b"vary") == b"Accept-Encoding"
    assert again.one(b"content-encoding") is None
    part = get(client, "/style.css", Accept_Encoding="gzip", Range="bytes=0-1")
    assert (part.status, part.body) == (206, b"as")
    assert part.one(b"content-encoding") == b"gzip"


# -- what is said around it


def test_clients_may_be_told_not_to_ask_again(serve):
    client = serve(max_age=3600)
    answer = get(client, "/plain.txt")
    assert answer.one(b"cache-control") == b"max-age=3600"
    etag = (answer.one(b"etag") or b"").decode()
    again = get(client, "/plain.txt", If_None_Match=etag)
    assert (again.status, again.one(b"cache-control")) == (304, b"max-age=3600")
    assert get(client, "/nothing").one(b"cache-control") is None
    assert (
        serve(max_age=0)
        .ask(b"GET /plain.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        .one(b"cache-control")
        == b"max-age=0"
    )


@pytest.mark.parametrize("age", [-1, 1.5])
def test_an_age_that_is_no_number_of_seconds_is_refused_at_once(root, age):
    with pytest.raises(ValueError, match="max_age"):
        files(root, max_age=age)


def test_names_that_are_not_ascii_are_found(root):
    assert ask(files(root), "/n%C3%A9e.txt")[2] == b"utf-8"
    assert ask(files(root), "/a%20b%25.txt")[2] == b"odd"


# -- the directory itself


def test_what_is_no_directory_is_refused_when_it_is_made(root):
    with pytest.raises(NotFoundError, match=r"open .*nothing: no such file"):
        files(root / "nothing")
    with pytest.raises(Error, match=r"open .*plain.txt: not a directory"):
        files(root / "plain.txt")


def test_it_is_served_where_the_working_directory_is_another(root, monkeypatch):
    monkeypatch.chdir(root.parent)
    directory = files("root")
    monkeypatch.chdir("/")
    assert ask(directory, "/plain.txt")[2] == b"0123456789"


def test_a_directory_that_is_forgotten_gives_its_descriptor_back(root):
    before = len(os.listdir("/proc/self/fd"))
    directory = files(root)
    assert len(os.listdir("/proc/self/fd")) == before + 1
    del directory
    assert len(os.listdir("/proc/self/fd")) == before


def test_below_a_prefix_all_is_right_too(root):
    mux = Mux()
    mux.handle("/static/", strip_prefix("/static", files(root, listing=True)))
    assert ask(mux, "/static/plain.txt")[2] == b"0123456789"
    assert ask(mux, "/static/")[2] == b"<h1>top</h1>"
    assert ask(mux, "/static/nothing")[0] == 404
    assert ask(mux, "/static/..%2f..%2fsecret")[0] == 404
    status, headers, _ = ask(mux, "/static/dir")
    assert (status, headers["Location"]) == (301, "./dir/")
    assert b"file.txt" in ask(mux, "/static/dir/")[2]


# -- a slow disk, a changing disk


def test_a_fifo_in_the_directory_holds_up_nobody(serve):
    client = serve("serial")
    began = time.monotonic()
    assert get(client, "/fifo").status == 404
    assert time.monotonic() - began < 1


def test_what_the_disk_must_be_read_for_is_found_all_the_same(serve, root):
    """A name that was never asked for is in no cache: another thread looks for it."""
    client = serve()
    for i in range(20):
        assert get(client, f"/never-asked-for-{i}").status == 404
    (root / "new").write_bytes(b"new")
    try:
        assert get(client, "/new").body == b"new"
    finally:
        (root / "new").unlink()
    assert get(client, "/new").status == 404


def test_files_that_are_replaced_meanwhile_are_sent_whole(tmp_path):
    """Old or new, and never a mixture: what was opened stays what it is."""
    path = tmp_path / "file"
    path.write_bytes(b"0" * 200_000)
    over = threading.Event()

    def replace() -> None:
        i = 0
        while not over.is_set():
            i += 1
            (tmp_path / "new").write_bytes(b"%d" % (i % 10) * 200_000)
            (tmp_path / "new").replace(path)

    replacing = threading.Thread(target=replace)
    with served(tmp_path) as client:
        replacing.start()
        try:
            for _ in range(100):
                answer = get(client, "/file")
                assert answer.status == 200
                assert len(set(answer.body)) == 1
        finally:
            over.set()
            replacing.join()


# -- from outside

SERVER = """
import sys
from portside import Server
from portside.http.directory import files
with Server(files(sys.argv[1]), "tcp://127.0.0.1:0", model=sys.argv[2]) as server:
    print(server.address, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")
@pytest.mark.parametrize("model", ["nonblocking", "thread"])
def test_strace_sees_sendfile_and_no_copy_of_a_big_file(root, model, tmp_path):
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-o", str(trace)]
    command += ["-e", "trace=sendfile,pread64,preadv2,read"]
    command += [sys.executable, "-c", SERVER, str(root), model]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        host, _, port = process.stdout.readline().strip().partition(":")
        with peer(SimpleNamespace(host=host, port=int(port))) as client:
            assert get(client, "/big.bin").body == BIG
        process.stdin.close()
    copied = 0
    for line in trace.read_text().splitlines():
        if "/big.bin" in line and "sendfile" not in line:
            copied += int(line.rpartition("= ")[2].split()[0])
    assert "sendfile(" in trace.read_text()
    assert copied <= 16  # the probes: is it in memory?
