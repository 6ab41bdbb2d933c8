"""No path leads out of a tree, whatever stands on the way."""

import os
import threading

import pytest

from portside.http.disk.opening import status_error
from portside.http.disk.tree import Tree

SECRET = b"secret"


@pytest.fixture
def root(tmp_path):
    """A tree, and beside it what must not be reached."""
    root = tmp_path / "root"
    (root / "inside" / "deep").mkdir(parents=True)
    (root / "top.txt").write_bytes(b"top")
    (root / "inside" / "file.txt").write_bytes(b"inside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(SECRET)
    links = {
        "link-inside": "inside/file.txt",
        "link-to-directory": "inside",
        "inside/link-up": "../top.txt",
        "inside/deep/link-up-and-down": "../../inside/file.txt",
        "link-out": "../outside/secret",
        "link-to-outside": "../outside",
        "inside/link-out": "../../outside/secret",
        "link-absolute": tmp_path / "outside" / "secret",
        "link-absolute-inside": root / "top.txt",
        "link-to-link-out": "link-to-outside/secret",
        "link-to-itself": "link-to-itself",
        "link-to-nothing": "nothing",
        "link-out-and-in": "../root/top.txt",
        "link-proc": "/proc/self/root/etc/passwd",
        "link-magic": f"/proc/self/cwd/{os.path.relpath(root / 'top.txt')}",
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    return root


@pytest.fixture(params=["openat2", "walk"])
def walk(request):
    return request.param == "walk"


@pytest.fixture
def tree(root, walk):
    tree = Tree(root, walk=walk)
    yield tree
    tree.close()


def read(tree: Tree, path: str, **how) -> bytes:
    segments = [os.fsencode(each) for each in path.split("/") if each]
    descriptor = tree.open(segments, **how)
    try:
        return os.read(descriptor, 100)
    finally:
        os.close(descriptor)


def is_refused(tree: Tree, path: str) -> bool:
    """Whether it is not opened, in a way that a client is told of by a 404."""
    try:
        read(tree, path)
    except OSError as error:
        return getattr(status_error(error), "status", 0) == 404
    return False


def test_what_is_inside_is_opened(tree):
    assert read(tree, "top.txt") == b"top"
    assert read(tree, "inside/file.txt") == b"inside"


def test_the_directory_itself_is_opened_by_no_name_at_all(tree):
    descriptor = tree.open([])
    assert "top.txt" in os.listdir(descriptor)
    os.close(descriptor)


def test_links_that_stay_inside_are_followed(root):
    tree = Tree(root)
    assert read(tree, "link-inside") == b"inside"
    assert read(tree, "link-to-directory/file.txt") == b"inside"
    assert read(tree, "inside/link-up") == b"top"
    assert read(tree, "inside/deep/link-up-and-down") == b"inside"
    tree.close()


OUT = [
    "link-out",
    "link-to-outside/secret",
    "inside/link-out",
    "link-absolute",
    "link-absolute-inside",
    "link-to-link-out",
    "link-to-itself",
    "link-to-nothing",
    "link-out-and-in",
    "link-proc",
    "link-magic",
    "../outside/secret",
    "inside/../../outside/secret",
    "..",
    "nothing",
    "top.txt/x",
    "inside/" + "x" * 5000,
    "x/" * 3000,
]


@pytest.mark.parametrize("path", OUT)
def test_what_leads_out_or_to_nothing_is_refused(tree, path):
    assert is_refused(tree, path)


@pytest.mark.parametrize(
    "segment", [b"../outside/secret", b"inside/../../outside/secret"]
)
def test_a_name_that_is_a_path_leads_out_no_more_than_a_path(tree, segment):
    with pytest.raises(OSError, match="cross-device"):
        tree.open([segment])


def test_where_the_path_is_walked_no_link_is_followed(root):
    tree = Tree(root, walk=True)
    for path in ("link-inside", "link-to-directory/file.txt", "inside/link-up"):
        assert is_refused(tree, path)
    tree.close()


def test_a_link_that_changes_all_the_time_never_leads_out(root, walk):
    """Neither between the looking and the opening, nor on the way."""
    tree = Tree(root, walk=walk)
    over = threading.Event()

    def change() -> None:
        other = root / "other"
        while not over.is_set():
            other.symlink_to("../outside")
            other.replace(root / "changing")
            other.mkdir()
            (other / "secret").write_bytes(b"harmless")
            (root / "changing").replace(root / "gone")
            other.replace(root / "changing")
            (root / "changing").replace(root / "dropped")
            (root / "dropped" / "secret").unlink()
            (root / "dropped").rmdir()

    changing = threading.Thread(target=change)
    changing.start()
    came = set()
    try:
        for _ in range(3000):
            try:
                came.add(read(tree, "changing/secret"))
            except OSError:
                came.add(b"")
    finally:
        over.set()
        changing.join()
        tree.close()
    assert SECRET not in came


def test_what_the_kernel_has_in_memory_is_opened_without_the_disk(root):
    tree = Tree(root)
    if not tree._can_ask_cached:
        pytest.skip("this kernel has no RESOLVE_CACHED")
    assert read(tree, "inside/file.txt") == b"inside"
    assert read(tree, "inside/file.txt", cached=True) == b"inside"
    with pytest.raises(FileNotFoundError):
        read(tree, "never-seen")
    with pytest.raises(FileNotFoundError):
        read(tree, "never-seen", cached=True)
    tree.close()


@pytest.mark.parametrize("walk", [False, True], ids=["openat2", "walk"])
def test_what_may_have_to_be_read_is_not_opened_where_nobody_may_wait(root, walk):
    tree = Tree(root, walk=walk)
    with pytest.raises(BlockingIOError):
        read(tree, "never-looked-for", cached=True)
    tree.close()


def test_what_is_opened_is_closed_at_exec(tree):
    descriptor = tree.open([b"top.txt"])
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


@pytest.mark.parametrize("kind", ["nothing", "file"])
def test_what_is_no_directory_is_refused_at_once(tmp_path, kind):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="directory"):
        Tree(tmp_path / kind)


def test_a_tree_goes_on_where_its_directory_is_moved_to(root):
    tree = Tree(root)
    root.rename(root.parent / "moved")
    assert read(tree, "top.txt") == b"top"
    tree.close()


def test_a_tree_that_is_forgotten_gives_its_descriptor_back(root):
    before = set(os.listdir("/proc/self/fd"))
    Tree(root)
    tree = Tree(root)
    tree.close()
    tree.close()
    assert set(os.listdir("/proc/self/fd")) == before


def test_no_descriptor_is_left_by_a_path_that_fails_on_the_way(tree):
    before = len(os.listdir("/proc/self/fd"))
    for path in ("inside/deep/nothing", "inside/nothing/x", "top.txt/x/y"):
        assert is_refused(tree, path)
    assert len(os.listdir("/proc/self/fd")) == before
