"""A form in parts, as browsers send it when there are files in it.

In       the pieces of a body, cut anywhere
Out      fields as text, files as files
Source   RFC 7578, RFC 2046 section 5.1; python-multipart finds the parts
Holds    the fields; each file in memory, or on the disk when it is long
Fails    StatusError 400: no form in parts, or too many of them; 413: over a limit

A part with a filename is a file, every other is a field. A browser sends a filename
that is empty, and no bytes, where its user chose no file: such a part is left out.
"""

import re
from logging import CRITICAL, Logger
from tempfile import SpooledTemporaryFile
from typing import NoReturn

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from portside.http.message.form_file import FormFile, bare_filename
from portside.http.message.headers import Headers
from portside.http.message.status_error import StatusError

__all__ = ["MultipartReader", "boundary_of"]

MAX_PART_HEADERS = 8
"""Of one part: browsers send two, and RFC 7578 knows three. python-multipart's own."""

MAX_PART_HEADER_BYTES = 8192
"""Of all that one part says of itself: names and filenames are long at times."""

MAX_SEMICOLONS = 64
"""In a field with parameters; also inside a filename, where they are rare. Each costs
two microseconds (measured), and without a bound a form of 1 MiB took two seconds."""

# RFC 2046 section 5.1.1: boundary = 0*69<bchars> bcharsnospace
_BOUNDARY = re.compile(
    rb"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]",
)

# python-multipart warns of each broken form, so that whoever sends them could fill the
# log. A client's mistake is answered, and that is all: this one belongs to no tree.
_QUIET = Logger("python_multipart", CRITICAL)  # noqa: LOG001


def boundary_of(content_type: str) -> bytes:
    """Return what stands between the parts: from the value of Content-Type.

    Raises:
        StatusError: 400, there is none, or it cannot be one.
    """
    _, parameters = _taken_apart(content_type)
    boundary = parameters.get(b"boundary", b"")
    if not _BOUNDARY.fullmatch(boundary):
        raise StatusError(400, "a multipart form without a boundary of 1 to 70 bytes")
    return boundary


class MultipartReader:
    """Takes a form apart, as its body comes.

    Whoever makes one calls `close_files`, unless the files are given on.

    Args:
        max_fields: how many parts may be fields.
        max_field_bytes: names and values of all fields together.
        max_files: how many parts may be files.
        max_file_bytes: of each file; None for no bound.
        memory_bytes: of all files together; what is over it goes to the disk.

    Attributes:
        fields: names and values, in order.
        files: in order, each of them to be read from the beginning.
    """

    def __init__(
        self,
        boundary: bytes,
        *,
        max_fields: int,
        max_field_bytes: int,
        max_files: int,
        max_file_bytes: int | None,
        memory_bytes: int,
    ) -> None:
        self.fields: list[tuple[str, str]] = []
        self.files: list[FormFile] = []
        self._max_fields = max_fields
        self._max_field_bytes = max_field_bytes
        self._max_files = max_files
        self._max_file_bytes = max_file_bytes
        self._field_bytes_left = max_field_bytes
        self._memory_left = memory_bytes
        self._files_left = max_files
        self._begun = False
        self._ended = False
        # The part that is read: what it says of itself, then what it is.
        self._header_bytes = 0
        self._header_name = b""
        self._header_value = b""
        self._headers: list[tuple[str, str]] = []
        self._name = ""
        self._text: list[bytes] = []
        self._file: SpooledTemporaryFile[bytes] | None = None
        self._filename = ""
        self._size = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_to_header_name,
                "on_header_value": self._add_to_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._add_data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
            max_header_count=MAX_PART_HEADERS,
            max_header_size=MAX_PART_HEADER_BYTES,
        )
        self._parser.logger = _QUIET

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the body.

        Raises:
            StatusError: 400, this is no form in parts; 413, it is over a limit.
        """
        if not self._begun:
            # An empty line before the first boundary is common. python-multipart would
            # skip what follows it too, as far as the piece happens to reach.
            piece = piece.lstrip(b"\r\n")
            self._begun = bool(piece)
        try:
            self._parser.write(piece)
        except FormParserError:
            raise StatusError(400, "a malformed multipart form") from None

    def finish(self) -> None:
        """Say that the body is over.

        Raises:
            StatusError: 400, the form is not.
        """
        if not self._ended:
            raise StatusError(400, "a multipart form that ends early")

    def close_files(self) -> None:
        """Close all files, also that of the part that is read."""
        for each in self.files:
            each.file.close()
        if self._file is not None:
            self._file.close()

    # -- what python-multipart calls

    def _begin_part(self) -> None:
        self._header_bytes = 0
        self._headers = []
        self._text = []
        self._file = None
        self._size = 0

    def _add_to_header_name(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header_name += data[start:end]

    def _add_to_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header_value += data[start:end]

    def _count_header(self, n_bytes: int) -> None:
        self._header_bytes += n_bytes
        if self._header_bytes > MAX_PART_HEADER_BYTES:
            raise StatusError(
                400, f"a part with over {MAX_PART_HEADER_BYTES} bytes of header fields"
            )

    def _end_header(self) -> None:
        name = self._header_name.decode("latin-1")
        self._headers.append((name, self._header_value.decode("latin-1")))
        self._header_name = self._header_value = b""

    def _end_headers(self) -> None:
        try:
            headers = Headers(self._headers)
        except ValueError:  # python-multipart lets any byte but CR stand in a value
            _refuse_part()
        dispositions = headers.get_all("Content-Disposition")
        kind, said = _taken_apart(dispositions[0] if dispositions else "")
        if len(dispositions) != 1 or kind != b"form-data" or b"name" not in said:
            _refuse_part()
        # RFC 7578 section 4.7: nobody sends it, and what is in it would be read wrong.
        coding = headers.get("Content-Transfer-Encoding", "binary")
        if coding is None or coding.lower() not in ("7bit", "8bit", "binary"):
            raise StatusError(400, "a part with a Content-Transfer-Encoding")
        self._name = said[b"name"].decode("utf-8", "replace")
        if b"filename" in said:
            self._begin_file(said[b"filename"].decode("utf-8", "replace"))
        else:
            self._begin_field(len(said[b"name"]))

    def _begin_field(self, n_bytes: int) -> None:
        if len(self.fields) == self._max_fields:
            raise StatusError(400, f"more than {self._max_fields} fields")
        self._count_text(n_bytes)

    def _begin_file(self, filename: str) -> None:
        if not self._files_left:
            raise StatusError(400, f"more than {self._max_files} files")
        self._files_left -= 1
        self._filename = filename
        # To `SpooledTemporaryFile` 0 would be no bound; one byte is as good as none.
        self._file = SpooledTemporaryFile(max(self._memory_left, 1))  # noqa: SIM115

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            self._count_text(end - start)
            self._text.append(data[start:end])
            return
        self._size += end - start
        if self._max_file_bytes is not None and self._size > self._max_file_bytes:
            raise StatusError(413, f"a file is over {self._max_file_bytes} bytes")
        self._file.write(memoryview(data)[start:end])

    def _count_text(self, n_bytes: int) -> None:
        self._field_bytes_left -= n_bytes
        if self._field_bytes_left < 0:
            raise StatusError(
                413, f"the fields of the form are over {self._max_field_bytes} bytes"
            )

    def _end_part(self) -> None:
        file, self._file = self._file, None
        if file is None:
            value = b"".join(self._text).decode("utf-8", "replace")
            self.fields.append((self._name, value))
        elif not self._filename and not self._size:
            file.close()
        else:
            if self._size <= self._memory_left:
                self._memory_left -= self._size
            file.seek(0)
            self.files.append(self._as_form_file(file))

    def _as_form_file(self, file: SpooledTemporaryFile[bytes]) -> FormFile:
        headers = Headers(self._headers)
        return FormFile(
            name=self._name,
            filename=bare_filename(self._filename),
            content_type=headers.get("Content-Type") or "application/octet-stream",
            headers=headers,
            size=self._size,
            file=file,
        )

    def _end(self) -> None:
        self._ended = True


def _taken_apart(value: str) -> tuple[bytes, dict[bytes, bytes]]:
    """Return what stands before the parameters of a field, and the parameters."""
    if value.count(";") > MAX_SEMICOLONS:
        raise StatusError(400, f"a field with over {MAX_SEMICOLONS} parameters")
    return parse_options_header(value)


def _refuse_part() -> NoReturn:
    raise StatusError(400, "a part that does not say which field of a form it is")
