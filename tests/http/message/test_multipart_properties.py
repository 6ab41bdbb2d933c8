"""Forms in parts under any bytes at all, and cut anywhere."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from portside.http.message.multipart import MultipartReader
from portside.http.message.status_error import StatusError

LIMITS = {
    "max_fields": 20,
    "max_field_bytes": 200,
    "max_files": 20,
    "max_file_bytes": 100,
    "memory_bytes": 50,
}

# What the parser looks for, and what is nearly that.
pieces = st.sampled_from(
    [
        b"--b", b"--b--", b"\r\n--b\r\n", b"\r\n", b"\r", b"\n", b"-", b"--", b"b",
        b'Content-Disposition: form-data; name="a"', b"\r\n\r\n", b"x" * 40, b"\0",
        b'--b\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\nx\r\n',
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n', b"X: y\r\n",
    ]
)  # fmt: skip
bodies = st.lists(pieces | st.binary(max_size=3), max_size=30).map(b"".join)
names = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters='"\\'),
    max_size=20,
)
parts = st.tuples(names, st.booleans(), st.binary(max_size=30))


def outcome(chunks):
    reader = MultipartReader(b"b", **LIMITS)
    try:
        for chunk in chunks:
            reader.feed(chunk)
        reader.finish()
    except StatusError as error:
        return error.status
    else:
        files = [(f.name, f.size, f.file.read()) for f in reader.files]
        return reader.fields, files
    finally:
        reader.close_files()


def cut(body, places):
    at = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[a:b] for a, b in pairwise(at)]


@given(bodies, st.lists(st.integers(0, 10**6), max_size=5))
def test_where_the_body_is_cut_does_not_matter(body, places):
    assert outcome(cut(body, places)) == outcome([body])


@given(bodies)
def test_byte_by_byte_is_the_same(body):
    assert outcome([bytes([byte]) for byte in body]) == outcome([body])


@given(st.lists(parts, max_size=8), st.lists(st.integers(0, 10**6), max_size=5))
def test_what_was_sent_is_what_came(sent, places):
    body = b""
    fields, files = [], []
    for name, is_file, data in sent:
        data = data.replace(b"\r\n--b", b"")
        disposition = f'form-data; name="{name}"'
        if is_file:
            disposition += '; filename="f"'
            files.append((name, len(data), data))
        else:
            fields.append((name, data.decode("utf-8", "replace")))
        head = f"--b\r\nContent-Disposition: {disposition}\r\n\r\n"
        body += head.encode() + data + b"\r\n"
    length = sum(len(name.encode()) + 30 for name, _, _ in sent)
    if length <= LIMITS["max_field_bytes"]:
        assert outcome(cut(body + b"--b--", places)) == (fields, files)
