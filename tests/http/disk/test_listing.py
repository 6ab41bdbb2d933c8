"""A page in place of a directory."""

import html.parser
import os
import re
from urllib.parse import urljoin

import pytest

from portside.http.disk import listing
from portside.http.disk.listing import Entry, entries, make_page, page_of
from portside.http.disk.lookup import wanted
from portside.http.disk.tree import Tree
from portside.http.message.status_error import StatusError

NAMES = [
    "plain.txt",
    "with space",
    "<script>alert(1)<b>",
    "a'b\"c&d",
    "javascript:alert(1)",
    "100%",
    "%41",
    "what?",
    "#hash",
    "n\u00e9e",
    "\u202eexe.txt",
    "..more",
    "a;b=c",
    "http:",
]


class Links(html.parser.HTMLParser):
    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: dict[str, str] = {}
        self._link = ""
        self.feed(page.decode())

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self._link = dict(attributes).get("href", "")

    def handle_data(self, data):
        if self._link:
            self.links[self._link] = data

    def handle_endtag(self, tag):
        self._link = ""


@pytest.fixture
def tree(tmp_path):
    tree = Tree(tmp_path)
    yield tree
    tree.close()


def names(tree: Tree, *segments: bytes, hidden: bool = False) -> list[bytes]:
    return [entry.name for entry in entries(tree, segments, hidden=hidden)]


def test_files_and_directories_are_sorted_and_told_apart(tree, tmp_path):
    for name in ("b", "B", "a10", "a9"):
        (tmp_path / name).write_bytes(b"12345")
    (tmp_path / "aa").mkdir()
    found = entries(tree, (), hidden=False)
    assert [each.name for each in found] == [b"B", b"a10", b"a9", b"aa/", b"b"]
    assert [each.size for each in found] == [5, 5, 5, None, 5]


def test_only_what_could_be_asked_for_is_listed(tree, tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for name in (".hidden", ".well-known", "inside/.well-known"):
        (tmp_path / name).mkdir()
    for name in ("new\nline", "back\\slash", "esc\x1b"):
        (tmp_path / name).write_bytes(b"")
    os.mkfifo(tmp_path / "fifo")
    for name, target in {
        "link-in": "file",
        "link-dir": "inside",
        "link-out": "/etc/passwd",
        "link-up": "../",
        "link-dead": "nothing",
    }.items():
        (tmp_path / name).symlink_to(target)
    assert names(tree) == [
        b".well-known/",
        b"file",
        b"inside/",
        b"link-dir/",
        b"link-in",
    ]
    assert names(tree, b"inside") == []
    assert b".hidden/" in names(tree, hidden=True)
    assert names(tree, b"inside", hidden=True) == [b".well-known/"]


def test_names_come_back_as_paths_that_lead_to_them(tree, tmp_path):
    for name in NAMES:
        (tmp_path / name).write_bytes(name.encode())
    raw = os.fsdecode(b"not-\xff-utf-8")
    (tmp_path / raw).write_bytes(b"raw")
    links = Links(make_page(tree, (), "/", hidden=True))
    found = set()
    for link in links.links:
        joined = urljoin("http://host/files/", link)
        assert joined.startswith("http://host/files/"), link
        path = joined.removeprefix("http://host/files")
        (segment,) = wanted(path, hidden=True).segments
        found.add(segment)
    assert found == {os.fsencode(name) for name in [*NAMES, raw]}


def test_names_are_shown_and_make_no_markup(tree, tmp_path):
    for name in NAMES:
        (tmp_path / name).write_bytes(b"")
    page = make_page(tree, (), "/<b>&amp;", hidden=True)
    links = Links(page)
    assert set(links.links.values()) == set(NAMES)
    assert not links.tags & {"script", "b"}
    assert b"<title>Index of /&lt;b&gt;&amp;amp;</title>" in page


def test_below_the_top_there_is_a_way_back(tree, tmp_path):
    (tmp_path / "dir").mkdir()
    assert "../" in Links(make_page(tree, (b"dir",), "/dir/", hidden=False)).links
    assert "../" not in Links(make_page(tree, (), "/", hidden=False)).links


def test_sizes_and_dates_are_shown(tree, tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 1_234_567)
    os.utime(tmp_path / "file", (1_500_000_000, 1_500_000_000))
    page = make_page(tree, (), "/", hidden=False).decode()
    assert re.search(r"<td>1,234,567</td><td>2017-07-14 02:40</td>", page)


def test_a_file_of_another_age_is_listed_too(tree, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    os.utime(tmp_path / "file", (-(2**31), -(2**31)))
    assert b"1901-12-13" in make_page(tree, (), "/", hidden=False)


def test_a_moment_that_no_calendar_has_is_not_shown():
    page = page_of([Entry(b"file", 1, 1e15)], "/", is_top=True)
    assert b"<td>1</td><td></td>" in page


def test_a_huge_directory_is_cut_and_says_so(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "MAX_ENTRIES", 10)
    for i in range(12):
        (tmp_path / f"{i}").write_bytes(b"")
        page = make_page(tree, (), "/", hidden=False)
        assert len(Links(page).links) == min(i + 1, 10)
        assert (b"There are more than these 10." in page) == (i + 1 > 10)


def test_an_empty_directory_is_a_page_too():
    assert page_of([], "/", is_top=True).startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("name", [b"nothing", b"file", b"link-out"])
def test_what_is_no_directory_inside_is_not_found(tree, tmp_path, name):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link-out").symlink_to("/etc")
    with pytest.raises(StatusError) as caught:
        entries(tree, [name], hidden=False)
    assert caught.value.status == 404


def test_no_descriptor_is_left_open(tree, tmp_path):
    (tmp_path / "dir").mkdir()
    (tmp_path / "link").symlink_to("dir")
    before = len(os.listdir("/proc/self/fd"))
    make_page(tree, (), "/", hidden=False)
    assert len(os.listdir("/proc/self/fd")) == before
