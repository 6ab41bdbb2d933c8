"""A body that is a file: its version, its parts, and its one descriptor."""

import os

import pytest

from portside.http.message.file_body import FileBody
from tests.descriptors import is_open


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file.txt"
    path.write_bytes(b"0123456789")
    return path


def open_body(path, variant="") -> FileBody:
    body = FileBody(str(path))
    descriptor = os.open(path, os.O_RDONLY)
    body.take(descriptor, os.fstat(descriptor), variant)
    return body


def test_a_body_with_only_a_path_is_not_open(path):
    body = FileBody(str(path))
    assert not body.is_open
    assert (body.length, body.parts, body.etag) == (0, [], "")
    body.close()


def test_an_open_body_is_all_of_the_file(path):
    os.utime(path, ns=(0, 1_500_000_000_123_456_789))
    body = open_body(path)
    assert body.is_open
    assert (body.size, body.length, body.parts) == (10, 10, [(0, 10)])
    assert body.modified == 1_500_000_000
    body.close()


def test_an_empty_file_has_no_parts(path):
    path.write_bytes(b"")
    body = open_body(path)
    assert (body.length, body.parts) == (0, [])
    body.close()


def test_the_length_is_that_of_all_parts(path):
    body = open_body(path)
    body.send_only([b"head", (2, 3), b"", (9, 1)])
    assert body.length == 8
    body.close()


def test_the_version_changes_with_the_moment_and_the_size(path):
    tags = set()
    for moment, data in ((1, b"a"), (2, b"a"), (2, b"bc")):
        path.write_bytes(data)
        os.utime(path, ns=(0, moment))
        for variant in ("", "gzip", "br"):
            body = open_body(path, variant)
            tags.add(body.etag)
            body.close()
    assert len(tags) == 9
    assert all(tag[0] == tag[-1] == '"' and "\\" not in tag for tag in tags)


@pytest.mark.parametrize("moment", [0, 999_999_999, -5_000_000_000])
def test_what_changed_at_the_epoch_or_before_is_of_no_known_date(path, moment):
    os.utime(path, ns=(0, moment))
    body = open_body(path)
    assert body.modified is None
    body.close()


def test_a_close_gives_the_descriptor_back_once(path):
    body = open_body(path)
    descriptor = body.descriptor
    body.close()
    assert not is_open(descriptor)
    again = os.open(path, os.O_RDONLY)
    assert again == descriptor  # the number is somebody else's by now
    body.close()
    assert is_open(again)
    os.close(again)


def test_a_body_that_is_forgotten_gives_its_descriptor_back(path):
    body = open_body(path)
    descriptor = body.descriptor
    del body
    assert not is_open(descriptor)
