"""One file of the program's own, opened to be sent."""

import contextlib
import os
import resource
import socket
from collections.abc import Iterator

import pytest

from portside.engine import TaskGroup
from portside.engine.hub import Hub
from portside.http.disk.opening import opened
from portside.http.message.file_body import FileBody
from portside.http.message.status_error import StatusError
from tests.engine.waiting import until
from tests.net.engines import on_each_engine


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """Give up for a while what root may do, if we are root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def refusal(path) -> StatusError:
    with pytest.raises(StatusError) as caught:
        opened(FileBody(str(path)))
    assert str(path) not in str(caught.value)
    return caught.value


@on_each_engine
def test_a_file_is_opened_and_its_type_is_known(tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(b"hello")
    body = FileBody(str(path))
    assert opened(body) is body
    assert (body.length, body.content_type) == (5, "text/html; charset=utf-8")
    assert not os.get_inheritable(body.descriptor)
    descriptor = body.descriptor
    assert opened(body).descriptor == descriptor
    body.close()


def test_a_type_that_was_given_stays(tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(b"hello")
    body = opened(FileBody(str(path), content_type="text/plain"))
    assert body.content_type == "text/plain"
    body.close()


@on_each_engine
def test_what_is_not_there_is_not_found(tmp_path):
    assert refusal(tmp_path / "nothing").status == 404
    assert refusal(tmp_path / ("x" * 5000)).status == 404
    assert refusal(tmp_path / "nothing" / "x").status == 404
    assert refusal(f"{tmp_path}/a\0b").status == 404


@on_each_engine
def test_what_is_no_regular_file_is_not_found_at_once(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "directory").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "socket"))
    before = len(os.listdir("/proc/self/fd"))
    for name in ("fifo", "directory", "loop", "socket"):
        assert refusal(tmp_path / name).status == 404, name
    assert refusal("/dev/null").status == 404
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_we_may_not_read_is_forbidden(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    path.chmod(0)
    with nobody():
        assert refusal(path).status == 403


def test_too_many_open_files_are_the_servers_fault(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        error = refusal(path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert error.status == 503


def test_a_task_that_is_cancelled_meanwhile_leaves_no_descriptor_open(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"hello")
    bodies = [FileBody(str(path)) for _ in range(20)]

    def all_of_it() -> None:
        with TaskGroup() as group:
            for body in bodies:
                group.start_soon(opened, body)
            group.cancel()

    before = len(os.listdir("/proc/self/fd"))
    Hub().run(all_of_it)
    for body in bodies:
        body.close()
    # A thread that opened one of them keeps its bell until it has been idle a while.
    until(lambda: len(os.listdir("/proc/self/fd")) <= before)
