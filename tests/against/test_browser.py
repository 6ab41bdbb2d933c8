"""A browser looks at what is served: pages, a directory, a form with a file, events.

Chromium is told what to do by its own protocol over a pipe (--remote-debugging-pipe):
so a test waits for what a page shows, and not for a time; and hears of whatever the
browser complains of.
"""

import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.against.complaints import complaints
from tests.cli.running import serving

HERE = Path(__file__).parent
WELCOME = HERE.parent.parent / "examples" / "welcome" / "site.py"

LONG = 40.0
"""Seconds that no test ever waits for."""

CHROMIUM = (
    "chromium",
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-extensions"),
    "--remote-debugging-pipe",
)

IS_THERE = "document.readyState == 'complete'"

pytestmark = pytest.mark.skipif(
    shutil.which("chromium") is None, reason="no chromium here"
)


class Pipe:
    """A browser, and calls of its protocol.

    Attributes:
        complaints: what stood in the consoles of pages: errors and warnings.
    """

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self.complaints: list[str] = []
        self._to, self._from = to_browser, from_browser
        self._numbers = itertools.count(1)
        self._unread = b""

    def call(self, method: str, session: str | None, **words: Any) -> Any:
        """Return its result; a session is one with a page."""
        number = next(self._numbers)
        call = {"id": number, "method": method, "params": words}
        if session is not None:
            call["sessionId"] = session
        os.write(self._to, json.dumps(call).encode() + b"\0")
        while (told := self._next()).get("id") != number:
            self._hear(told.get("method"), told.get("params"))
        assert "result" in told, told
        return told["result"]

    def _hear(self, method: str | None, told: Any) -> None:
        if method == "Log.entryAdded" and told["entry"]["level"] != "info":
            self.complaints.append(told["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(told["exceptionDetails"]["text"])

    def _next(self) -> Any:
        while b"\0" not in self._unread:
            assert select.select([self._from], [], [], LONG)[0], "it said nothing"
            more = os.read(self._from, 65536)
            assert more, "it ended"
            self._unread += more
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)


class Page:
    """A page of a browser, and what can be seen there."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._target = pipe.call("Target.createTarget", None, url="about:blank")
        session = pipe.call("Target.attachToTarget", None, flatten=True, **self._target)
        self._session = session["sessionId"]
        for domain in ("Page", "Log", "Runtime"):
            pipe.call(f"{domain}.enable", self._session)

    def open(self, url: str) -> None:
        """Go there."""
        gone = self._pipe.call("Page.navigate", self._session, url=url)
        assert "errorText" not in gone, gone

    def run(self, script: str) -> Any:
        """Return what a script in the page has for a result; None where it fails."""
        words = {"expression": script, "returnByValue": True}
        told = self._pipe.call("Runtime.evaluate", self._session, **words)
        return None if "exceptionDetails" in told else told["result"].get("value")

    def wait(self, script: str) -> Any:
        """Return what the script has for a result, as soon as that is not nothing."""
        end = time.monotonic() + LONG
        while not (value := self.run(script)):
            seen = self.run("document.documentElement.outerHTML")
            assert time.monotonic() < end, (self._pipe.complaints, seen)
            time.sleep(0.02)
        return value

    def close(self) -> None:
        """Close it; nothing was wrong with what it showed."""
        self._pipe.call("Target.closeTarget", None, **self._target)
        complaints, self._pipe.complaints = self._pipe.complaints, []
        assert complaints == []


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipe]:
    home = tmp_path_factory.mktemp("chromium")
    for_browser, to_browser = os.pipe()
    from_browser, of_browser = os.pipe()
    # It reads from descriptor 3 and writes to 4, whatever ours are.
    moved = f'exec "$@" 3<&{for_browser} 4>&{of_browser}'
    with contextlib.ExitStack() as stack:
        for number in (to_browser, from_browser):
            stack.callback(os.close, number)
        process = stack.enter_context(
            subprocess.Popen(
                ["bash", "-c", moved, "bash", *CHROMIUM, f"--user-data-dir={home}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(for_browser, of_browser),
                env={**os.environ, "HOME": str(home)},
            )
        )
        stack.callback(process.kill)
        os.close(for_browser)
        os.close(of_browser)
        pipe = Pipe(to_browser, from_browser)
        yield pipe
        pipe.call("Browser.close", None)
        assert process.wait(LONG) == 0


@pytest.fixture
def page(chromium: Pipe) -> Iterator[Page]:
    page = Page(chromium)
    yield page
    page.close()


@contextlib.contextmanager
def shown(page: Page, *args: object, **popen: Any) -> Iterator[str]:
    """Serve while the browser looks; the URL. The server has no complaints either."""
    with serving(*args, **popen) as server:
        yield f"http://{server.endpoint()}"
        page.open("about:blank")  # or it would complain of the end of the server
        server.stop()
        assert complaints(server) == []


MODELS = {
    "serial": ("--keep-alive-timeout", "200ms"),
    **dict.fromkeys(("fork", "thread", "nonblocking", "hybrid"), ()),
}
"""With what they need. A browser opens several connections and keeps them: under
serial, the second waits until the first was idle for too long."""


@pytest.mark.parametrize("model", ["thread", "hybrid"])
def test_the_welcome_page_shows_what_runs_and_a_clock_that_ticks(
    model: str, page: Page
) -> None:
    """Its ports are fixed, so here some may be taken and others not."""
    place = f"{WELCOME}:mux=tcp://127.0.0.1:0"
    with shown(page, place, "--model", model) as url:
        page.open(url)
        assert page.wait("document.title") == "Portside is running"
        clock = "document.querySelector('#clock').textContent"
        assert (first := page.wait(clock)).endswith(" UTC")
        assert page.wait(f"{clock} != '{first}' && {clock}").endswith(" UTC")
        names = "[...document.querySelectorAll('td:first-child')].map(e => e.innerText)"
        assert page.run(names) == [
            *("echo", "discard", "daytime", "qotd", "chargen", "time")
        ]
        assert "HTTP/1.1" in page.run("document.querySelectorAll('pre')[0].innerText")

        fill = "document.querySelector('input').value = '<b>Zoë & Co'"
        page.run(f"{fill}; document.querySelector('button').click()")
        page.wait(f"{IS_THERE} && location.search")
        assert page.run("document.querySelector('input').value") == "<b>Zoë & Co"
        assert page.run("document.querySelectorAll('b').length") == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    (folder / "below & beyond").mkdir(parents=True)
    (folder / "app.css").write_text("body { color: rgb(1, 2, 3) }")
    (folder / "below & beyond" / "ü #1?.html").write_text(
        '<!doctype html><meta charset="utf-8"><title>Found</title>'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="../app.css">'
        '<script src="../app.js"></script>'
    )
    (folder / "app.js").write_text("var ran = 1;")
    (folder / "zero & more.txt").write_text("")
    return folder


def test_a_directory_can_be_walked_by_its_links(page: Page, folder: Path) -> None:
    with shown(page, f"{folder}=tcp://127.0.0.1:0", "--listing") as url:
        page.open(url)
        assert page.wait(f"{IS_THERE} && document.title") == "Index of /"
        names = "[...document.querySelectorAll('td a')].map(each => each.innerText)"
        assert set(page.run(names)) == {
            *("app.css", "app.js", "below & beyond/", "zero & more.txt")
        }
        follow = "[...document.querySelectorAll('td a')].find(each => {}).click()"
        page.run(follow.format("each.innerText.startsWith('below')"))
        page.wait(f"{IS_THERE} && document.title == 'Index of /below & beyond/'")
        page.run(follow.format("each.innerText.endsWith('.html')"))
        page.wait(f"{IS_THERE} && document.title == 'Found'")
        # What it refers to came too, and as what it is: nosniff makes no guesses.
        assert page.run("getComputedStyle(document.body).color") == "rgb(1, 2, 3)"
        assert page.run("ran") == 1


@pytest.mark.parametrize("model", MODELS)
def test_a_page_sends_a_form_with_a_file_and_hears_events_again_where_they_end(
    model: str, page: Page, folder: Path
) -> None:
    app = f"{HERE / 'web_app.py'}:mux=tcp://127.0.0.1:0"
    with shown(page, app, "--model", model, *MODELS[model], cwd=folder) as url:
        page.open(f"{url}/page")
        sent = page.wait("document.querySelector('#sent').innerText")
        assert json.loads(sent)["fields"] == [["who", "Zoë & Co"]]
        (file,) = json.loads(sent)["files"]
        assert file[:2] == ["what", "ü.txt"]
        # Behind the third event the answer ends: the browser asks for those after it.
        heard = page.wait("document.querySelector('#heard').innerText")
        assert heard == ", ".join(f"number {n}" for n in range(1, 7))
        assert page.run("document.title") == "rgb(1, 2, 3)"
