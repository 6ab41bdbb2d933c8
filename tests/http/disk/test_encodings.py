"""Which compressed forms a client takes, and which files may have some."""

import pytest

from portside.http.disk.encodings import accepted_codings, is_worth_compressing

ACCEPTED = {
    "no field": (None, []),
    "empty": ("", []),
    "one": ("gzip", ["gzip"]),
    "its old name": ("x-gzip", ["gzip"]),
    "any case": ("GZip", ["gzip"]),
    "as browsers have it": ("gzip, deflate, br, zstd", ["br", "zstd", "gzip"]),
    "by weight": ("br;q=0.5, gzip;q=0.9", ["gzip", "br"]),
    "refused": ("gzip;q=0, br", ["br"]),
    "refused in three digits": ("gzip;q=0.000, br", ["br"]),
    "any": ("*", ["br", "zstd", "gzip"]),
    "any but": ("br;q=0, *", ["zstd", "gzip"]),
    "any, less": ("*;q=0.1, gzip", ["gzip", "br", "zstd"]),
    "none": ("*;q=0", []),
    "only as it is": ("identity", []),
    "rather as it is": ("gzip;q=0.5, identity", []),
    "as it is, if need be": ("gzip, identity;q=0.5", ["gzip"]),
    "as good as it is": ("gzip;q=0.5, identity;q=0.5", ["gzip"]),
    "anything but as it is": ("gzip, identity;q=0", ["gzip"]),
    "spaces": (" \tgzip \t; \tq=0.5 \t,  br ;q=1.000", ["br", "gzip"]),
    "a large Q": ("gzip;Q=0, br", ["br"]),
    "unknown ones": ("compress, deflate, dcb", []),
    "bad weight: passed over": ("gzip;q=2, br;q=x, zstd;q=0.1234", []),
    "no weight after its semicolon": ("gzip;, br", ["br"]),
    "negative weight": ("gzip;q=-1, br", ["br"]),
    "other parameters: passed over": ("gzip;level=9, br", ["br"]),
    "garbage": (",;=,\x01,(), br", ["br"]),
}


@pytest.mark.parametrize(("value", "codings"), ACCEPTED.values(), ids=ACCEPTED)
def test_a_client_says_which_codings_it_takes(value, codings):
    assert accepted_codings(value) == tuple(codings)


@pytest.mark.parametrize(
    ("content_type", "is_worth_it"),
    [
        ("text/html; charset=utf-8", True),
        ("application/json", True),
        ("application/wasm", True),
        ("application/octet-stream", True),
        ("font/ttf", True),
        ("image/svg+xml", True),
        ("image/bmp", True),
        ("image/png", False),
        ("image/jpeg", False),
        ("video/mp4", False),
        ("font/woff2", False),
        ("application/gzip", False),
        ("application/zip", False),
    ],
)
def test_what_is_compressed_already_has_no_compressed_forms(content_type, is_worth_it):
    assert is_worth_compressing(content_type) == is_worth_it
