"""Forms in parts: as browsers send them, and as nobody should."""

import pytest

from portside.http.message.forms import read_form
from portside.http.message.multipart import MAX_PART_HEADER_BYTES, boundary_of
from portside.http.message.request import Request
from portside.http.message.status_error import StatusError

TYPE = "multipart/form-data; boundary=b"


def part(disposition, data="", *fields):
    lines = [f"Content-Disposition: {disposition}", *fields, "", data]
    return "\r\n".join(["--b", *lines]) + "\r\n"


def request(*parts, content_type=TYPE, end="--b--\r\n"):
    body = "".join(parts) + end
    headers = {"Content-Type": content_type}
    return Request.build("POST", "/", headers=headers, body=body.encode())


def refused(*parts, status=400, end="--b--\r\n", **limits):
    with pytest.raises(StatusError) as caught:
        read_form(request(*parts, end=end), **limits)
    assert caught.value.status == status
    return caught.value.message


def test_a_part_is_a_field_and_with_a_filename_it_is_a_file():
    parts = [
        part('form-data; name="title"', "Grüße"),
        part('form-data; name="file"; filename="a.txt"', "data", "Content-Type: a/b"),
        part('form-data; name="title"', ""),
    ]
    with read_form(request(*parts)) as form:
        assert form.fields.items() == [("title", "Grüße"), ("title", "")]
        (file,) = form.files
        assert (file.name, file.filename, file.content_type) == ("file", "a.txt", "a/b")
        assert file.headers["content-type"] == "a/b"
        assert (file.size, file.file.read()) == (4, b"data")


def test_the_bytes_of_a_file_are_what_they_were():
    almost = (
        b"--b\r\n \r\n--\r\n-b\r\n--a--\r\n\r\r\n\n--b\r--b--\n--b\r\n--bb\r\n--b-\r\n"
    )
    data = bytes(range(256)) + almost
    body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n'
    body += data + b"\r\n--b--"
    headers = {"Content-Type": TYPE}
    sent = Request.build("POST", "/", headers=headers, body=body)
    with read_form(sent) as form:
        assert form.files[0].file.read() == data


DISPOSITIONS = {
    "without quotes": ("form-data; name=a", "a", None),
    "in capitals": ('FORM-DATA; NAME="a"', "a", None),
    "without spaces": ('form-data;name="a";filename="f"', "a", "f"),
    "no name to speak of": ('form-data; name=""', "", None),
    "utf-8": ('form-data; name="é"; filename="猫.txt"', "é", "猫.txt"),
    "a semicolon in quotes": ('form-data; name="a;b"; filename="c;d"', "a;b", "c;d"),
    "escaped quotes": (r'form-data; name="a\"b"', 'a"b', None),
    "quotes as browsers write them": ('form-data; name="a%22b"', "a%22b", None),
    "a path": ('form-data; name="a"; filename="/etc/passwd"', "a", "passwd"),
    "a path of Windows": (r'form-data; name="a"; filename="C:\x\y"', "a", "y"),
    "the form that RFC 7578 forbids": (
        'form-data; name="a"; filename="f"; filename*=UTF-8\'\'evil',
        "a",
        "f",
    ),
}


@pytest.mark.parametrize(
    ("disposition", "name", "filename"), DISPOSITIONS.values(), ids=DISPOSITIONS
)
def test_a_part_says_which_field_it_is(disposition, name, filename):
    with read_form(request(part(disposition, "x"))) as form:
        if filename is None:
            assert form.fields.items() == [(name, "x")]
        else:
            (file,) = form.files
            assert (file.name, file.filename) == (name, filename)


def test_bytes_that_are_no_text_become_the_character_for_that():
    body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--b--\r\n'
    headers = {"Content-Type": TYPE}
    form = read_form(Request.build("POST", "/", headers=headers, body=body))
    assert form.fields["a"] == "\ufffd"


def test_where_no_file_was_chosen_there_is_none():
    empty = part('form-data; name="a"; filename=""', "", "Content-Type: a/b")
    assert read_form(request(empty)).files == []
    named = part('form-data; name="a"; filename="empty.txt"')
    with read_form(request(named)) as form:
        assert [(each.filename, each.size) for each in form.files] == [("empty.txt", 0)]
    nameless = part('form-data; name="a"; filename=""', "data")
    with read_form(request(nameless)) as form:
        assert [(each.filename, each.size) for each in form.files] == [("", 4)]


def test_a_file_of_which_nobody_says_the_type_is_bytes():
    with read_form(request(part('form-data; name="a"; filename="f"', "x"))) as form:
        assert form.files[0].content_type == "application/octet-stream"


def test_a_form_without_parts_is_empty():
    form = read_form(request())
    assert (form.fields.items(), form.files) == ([], [])


def test_what_stands_before_and_behind_the_parts_is_dropped():
    form = read_form(
        request("\r\n", part('form-data; name="a"', "1"), end="--b--\r\nepilogue\r\n")
    )
    assert form.fields.items() == [("a", "1")]


A = part('form-data; name="a"', "1")

BROKEN = {
    "nothing": ((), ""),
    "no end": ((A,), ""),
    "an end that is cut": ((A,), "--b-"),
    "an end of another": ((A,), "--c--\r\n"),
    "data that is cut": ((A, "--b\r\nContent-Disposition: form-data; name=a"), ""),
    "a preamble": (("hello\r\n", A), "--b--\r\n"),
    "a preamble behind an empty line": (("\r\nhello\r\n", A), "--b--\r\n"),
    "not a form at all": (('{"a": 1}',), ""),
    "lines without a carriage return": ((A.replace("\r\n", "\n"),), "--b--\n"),
    "a part that says nothing": (("--b\r\n\r\n1\r\n",), "--b--\r\n"),
    "no disposition": (("--b\r\nContent-Type: a/b\r\n\r\n1\r\n",), "--b--\r\n"),
    "an attachment": ((part('attachment; name="a"'),), "--b--\r\n"),
    "no name": ((part('form-data; filename="f"', "x"),), "--b--\r\n"),
    "two dispositions": (
        (part('form-data; name="a"', "", 'Content-Disposition: form-data; name="b"'),),
        "--b--\r\n",
    ),
    "a field without a colon": ((part("form-data; name=a", "", "X"),), "--b--\r\n"),
    "a space in a field's name": (
        (part("form-data; name=a", "", "X Y: z"),),
        "--b--\r\n",
    ),
    "a line feed in a field": (
        (part("form-data; name=a", "", "X: y\nz"),),
        "--b--\r\n",
    ),
    "a nul in a field": ((part("form-data; name=a", "", "X: y\0"),), "--b--\r\n"),
    "too many fields": (
        (part("form-data; name=a", "", *(f"X-{n}: y" for n in range(8))),),
        "--b--\r\n",
    ),
    "base64": (
        (part("form-data; name=a", "MQ==", "Content-Transfer-Encoding: base64"),),
        "--b--\r\n",
    ),
}


@pytest.mark.parametrize(("parts", "end"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_form_in_parts_is_refused(parts, end):
    refused(*parts, end=end)


def test_the_codings_that_change_nothing_are_taken():
    for coding in ("7bit", "8BIT", "binary"):
        field = part("form-data; name=a", "1", f"Content-Transfer-Encoding: {coding}")
        assert read_form(request(field)).fields["a"] == "1"


@pytest.mark.parametrize("cut", range(1, 8))
def test_what_a_part_says_is_bound_however_it_is_divided(cut):
    length = MAX_PART_HEADER_BYTES // cut
    fields = [f"X-{n}: " + "y" * length for n in range(cut)]
    refused(part("form-data; name=a", "", *fields))
    less = [field[:-100] for field in fields]
    assert "a" in read_form(request(part("form-data; name=a", "", *less))).fields


def test_a_disposition_of_semicolons_is_refused_before_it_is_read():
    assert "parameters" in refused(part("form-data; name=a" + ";" * 64))


BOUNDARIES = {
    "plain": ("multipart/form-data; boundary=abc", b"abc"),
    "in quotes": ('multipart/form-data; boundary="a b:c"', b"a b:c"),
    "in capitals": ("Multipart/Form-Data; BOUNDARY=AbC", b"AbC"),
    "behind another parameter": ("multipart/form-data; charset=x; boundary=a", b"a"),
    "of a browser": (
        "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
        b"----WebKitFormBoundary7MA4YWxkTrZu0gW",
    ),
    "the longest": (f"multipart/form-data; boundary={'x' * 70}", b"x" * 70),
}

NO_BOUNDARIES = {
    "none": "multipart/form-data",
    "empty": "multipart/form-data; boundary=",
    "empty in quotes": 'multipart/form-data; boundary=""',
    "too long": f"multipart/form-data; boundary={'x' * 71}",
    "a space at the end": 'multipart/form-data; boundary="a "',
    "beyond ascii": "multipart/form-data; boundary=\xe9",
    "a semicolon": 'multipart/form-data; boundary="a;b"',
    "a comma and another": "multipart/form-data; boundary=*",
    "semicolons": "multipart/form-data" + ";" * 65 + "boundary=a",
}


@pytest.mark.parametrize(("text", "boundary"), BOUNDARIES.values(), ids=BOUNDARIES)
def test_a_boundary_is_found(text, boundary):
    assert boundary_of(text) == boundary


@pytest.mark.parametrize("text", NO_BOUNDARIES.values(), ids=NO_BOUNDARIES)
def test_a_form_without_a_boundary_is_refused(text):
    with pytest.raises(StatusError) as caught:
        boundary_of(text)
    assert caught.value.status == 400


FILE = part('form-data; name="f"; filename="f"', "0123456789")


def test_so_many_fields_are_taken_and_not_one_more():
    assert len(read_form(request(A, A), max_fields=2).fields) == 2
    assert "more than 2 fields" in refused(A, A, A, max_fields=2)


def test_so_many_files_are_taken_and_not_one_more():
    with read_form(request(FILE, FILE, A), max_files=2, max_fields=1) as form:
        assert len(form.files) == 2
    assert "more than 2 files" in refused(FILE, FILE, FILE, max_files=2)


def test_a_file_that_was_not_chosen_counts_as_it_costs():
    empty = part('form-data; name="f"; filename=""')
    assert "more than 1 files" in refused(empty, empty, max_files=1)


def test_fields_are_as_long_as_they_may_be_together_and_no_longer():
    long = part('form-data; name="abcd"', "123456")
    assert len(read_form(request(long, long), max_field_bytes=20).fields) == 2
    message = refused(long, long, A, max_field_bytes=20, status=413)
    assert message == "the fields of the form are over 20 bytes"


def test_a_file_is_as_long_as_it_may_be_and_no_longer():
    with read_form(request(FILE, FILE), max_file_bytes=10, max_field_bytes=0) as form:
        assert [each.size for each in form.files] == [10, 10]
    message = refused(FILE, max_file_bytes=9, status=413)
    assert message == "a file is over 9 bytes"


def is_on_disk(file):
    return isinstance(file._rolled, bool) and file._rolled


def test_files_are_in_memory_while_they_fit_there_together():
    with read_form(request(FILE, FILE, FILE), memory_bytes=25) as form:
        assert [is_on_disk(each.file) for each in form.files] == [False, False, True]
        assert [each.file.read() for each in form.files] == [b"0123456789"] * 3


def test_a_file_on_the_disk_takes_nothing_from_the_memory_of_others():
    long = part('form-data; name="f"; filename="f"', "x" * 30)
    with read_form(request(long, FILE), memory_bytes=10) as form:
        assert [is_on_disk(each.file) for each in form.files] == [True, False]
    with read_form(request(FILE), memory_bytes=0) as form:
        assert is_on_disk(form.files[0].file)


def test_a_broken_form_warns_nobody(caplog):
    refused("--b\r\nX Y: z\r\n\r\n")
    assert caplog.records == []
