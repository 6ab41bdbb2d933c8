"""Which file a path stands for."""

import os

import pytest

from portside.http.disk.lookup import find, is_hidden, wanted
from portside.http.disk.tree import Tree
from portside.http.message.status_error import StatusError

FOUND = {
    "/": ((), True),
    "/a": ((b"a",), False),
    "/a/": ((b"a",), True),
    "/a/b.txt": ((b"a", b"b.txt"), False),
    "/a%20b": ((b"a b",), False),
    "/%61": ((b"a",), False),
    "/n%C3%A9e": (("n\u00e9e".encode(),), False),
    "/n%e9e": ((b"n\xe9e",), False),
    "/%252e%252e": ((b"%2e%2e",), False),
    "/a+b": ((b"a+b",), False),
    "/a:b": ((b"a:b",), False),
    "/~a": ((b"~a",), False),
    "/a;b": ((b"a;b",), False),
    "//": ((), True),
    "//a//b": ((b"a", b"b"), False),
    "/./a/.": ((b"a",), True),
    "/%2e/a/%2E": ((b"a",), True),
    "/.well-known/x": ((b".well-known", b"x"), False),
}

NOT_FOUND = [
    "",
    "*",
    "a",
    "/..",
    "/../x",
    "/a/../b",
    "/a/..",
    "/%2e%2e/x",
    "/%2e%2e%2fetc%2fpasswd",
    "/..%2fetc/passwd",
    "/..%5c..%5cetc",
    "/..\\etc",
    "/a%2fb",
    "/a%2Fb",
    "/%2f",
    "/a%00",
    "/a%00.txt",
    "/a%0ab",
    "/a%0d%0ab",
    "/a%1b",
    "/a%7f",
    "/%5c",
    "/%",
    "/%2",
    "/%zz",
    "/%u002e",
    "/a%+2",
]

HIDDEN = [
    "/.git/config",
    "/.env",
    "/a/.env",
    "/.a/b",
    "/%2eenv",
    "/..a",
    "/a/.well-known",
]


@pytest.mark.parametrize(("path", "names"), FOUND.items(), ids=FOUND)
def test_a_path_is_split_and_then_decoded_once(path, names):
    came = wanted(path, hidden=False)
    assert (came.segments, came.is_directory) == names


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("path", NOT_FOUND)
def test_what_no_file_is_called_is_not_looked_for(path, hidden):
    with pytest.raises(StatusError) as caught:
        wanted(path, hidden=hidden)
    assert caught.value.status == 404


@pytest.mark.parametrize("path", HIDDEN)
def test_hidden_files_are_kept_back_unless_they_are_to_be_shown(path):
    with pytest.raises(StatusError) as caught:
        wanted(path, hidden=False)
    assert caught.value.status == 404
    assert wanted(path, hidden=True).segments


def test_well_known_is_public_at_the_top_alone():
    assert not is_hidden(b".well-known", at_the_top=True)
    assert is_hidden(b".well-known", at_the_top=False)
    assert is_hidden(b".well-known2", at_the_top=True)


# -- what is there


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "dir").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name in (
        "a.css",
        "a.css.gz",
        "a.css.br",
        "b.css",
        "c.css",
        "d.css",
        "d.css.gz",
    ):
        (tmp_path / name).write_bytes(name.encode())
        os.utime(tmp_path / name, (1_500_000_000, 1_500_000_000))
    (tmp_path / "c.css.gz").mkdir()
    os.utime(tmp_path / "d.css.gz", (1_499_999_999, 1_499_999_999))
    tree = Tree(tmp_path)
    yield tree
    tree.close()


def name_of(tree: Tree, name: bytes, codings: list[str]) -> tuple[bytes, str]:
    found = find(tree, [name], codings, cached=False)
    assert found is not None
    body, coding = found
    try:
        return os.pread(body.descriptor, 100, 0), coding
    finally:
        body.close()


@pytest.mark.parametrize(
    ("name", "codings", "wanted"),
    [
        (b"a.css", [], (b"a.css", "")),
        (b"a.css", ["gzip"], (b"a.css.gz", "gzip")),
        (b"a.css", ["br", "gzip"], (b"a.css.br", "br")),
        (b"a.css", ["gzip", "br"], (b"a.css.gz", "gzip")),
        (b"a.css", ["zstd", "gzip"], (b"a.css.gz", "gzip")),
        (b"a.css", ["zstd"], (b"a.css", "")),
        (b"b.css", ["br", "zstd", "gzip"], (b"b.css", "")),
        (b"c.css", ["gzip"], (b"c.css", "")),
        (b"d.css", ["gzip"], (b"d.css", "")),
        (b"a.css.gz", ["gzip"], (b"a.css.gz", "")),
    ],
)
def test_the_best_compressed_form_that_is_not_older_is_taken(
    tree, name, codings, wanted
):
    before = len(os.listdir("/proc/self/fd"))
    assert name_of(tree, name, codings) == wanted
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_form_that_is_older_by_less_than_a_second_is_taken(tree, tmp_path):
    os.utime(tmp_path / "a.css", ns=(0, 1_500_000_000_999_000_000))
    assert name_of(tree, b"a.css", ["gzip"]) == (b"a.css.gz", "gzip")


def test_forms_of_one_file_are_versions_of_their_own(tree, tmp_path):
    for name in ("a.css.gz", "a.css.br"):
        (tmp_path / name).write_bytes(b"a.css")
        os.utime(tmp_path / name, (1_500_000_000, 1_500_000_000))
    tags = set()
    for codings in ([], ["gzip"], ["br"]):
        found = find(tree, [b"a.css"], codings, cached=False)
        assert found is not None
        tags.add(found[0].etag)
        found[0].close()
    assert len(tags) == 3


def test_a_directory_is_told_apart(tree):
    assert find(tree, [b"dir"], ["gzip"], cached=False) is None


@pytest.mark.parametrize("name", [b"nothing", b"fifo", b"x" * 300])
def test_what_is_not_there_or_is_no_file_is_not_found(tree, name):
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(StatusError) as caught:
        find(tree, [name], ["gzip"], cached=False)
    assert caught.value.status == 404
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_disk_that_would_have_to_be_read_leaves_nothing_open(tree):
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(BlockingIOError):
        find(tree, [b"a.css"], ["zstd", "br"], cached=True)  # .zst is not known of yet
    assert len(os.listdir("/proc/self/fd")) == before
