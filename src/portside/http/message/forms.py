"""A form: what somebody has filled in and sent.

In       a request with a body
Out      fields by name, and files
Source   the WHATWG's URL standard for the one encoding, RFC 7578 for the other
Holds    the files, until it is closed
Fails    StatusError 400: malformed, or too many fields or files; 413: over a limit;
         415: the body is no form; and what reading the body raises

Each limit counts beside those of the body itself: ``request.body.max_bytes`` is of the
whole, 1 MiB unless a handler says otherwise, and who wants long files sets it first.
Files are kept in memory as long as they are short together, and else on the disk (in
``tempfile.gettempdir()``, without a name), where writing holds up the task.
"""

from types import TracebackType
from typing import Protocol, Self

from portside.http.message.body import Body
from portside.http.message.form_file import FormFile
from portside.http.message.headers import Headers
from portside.http.message.query import MAX_FIELDS, Query
from portside.http.message.status_error import StatusError

__all__ = ["MAX_FIELD_BYTES", "MAX_FILES", "MEMORY_BYTES", "Form", "read_form"]

MAX_FIELD_BYTES = 1024 * 1024
"""Names and values of all fields: they are held in memory, however long the body may
be. Django has 2.5 MB, Go 10 MB."""

MAX_FILES = 100
"""That of Django: each costs a descriptor, once the memory is used."""

MEMORY_BYTES = 1024 * 1024
"""Of all files together, before they go to the disk. Starlette has 1 MiB for each."""


class Form:
    """The fields and files of a form.

    It is closed when its request was answered, and a ``with`` block closes it earlier:
    from then on its files cannot be read.

    Attributes:
        fields: all that is not a file, as text.
        files: in the order in which they came.
    """

    def __init__(self, fields: Query, files: list[FormFile]) -> None:
        self.fields = fields
        self.files = files

    def __repr__(self) -> str:
        return f"<Form {self.fields.items()!r} {self.files!r}>"

    def file(self, name: str) -> FormFile | None:
        """Return the first file of a field; None if none was chosen there."""
        return next((each for each in self.files if each.name == name), None)

    def close(self) -> None:
        """Close the files; again is silent."""
        for each in self.files:
            each.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _HasForm(Protocol):
    """What is read of a request."""

    @property
    def headers(self) -> Headers:
        """Its header fields."""

    @property
    def body(self) -> Body:
        """Its body, which nobody has begun to read."""


def read_form(
    request: _HasForm,
    *,
    max_fields: int = MAX_FIELDS,
    max_field_bytes: int = MAX_FIELD_BYTES,
    max_files: int = MAX_FILES,
    max_file_bytes: int | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> Form:
    """Read the body of a request as a form; one without a body is an empty form.

    Args:
        max_fields: how many fields are taken (400).
        max_field_bytes: names and values of all fields together (413).
        max_files: how many files are taken (400).
        max_file_bytes: of each file (413); None leaves it to the bound of the body.
        memory_bytes: what is kept in memory of all files together.

    Returns:
        A form that the caller closes.

    Raises:
        StatusError: 400, 413 or 415.
    """
    types = request.headers.get_all("Content-Type")
    if len(types) > 1:
        raise StatusError(400, "more than one Content-Type")
    content_type = types[0] if types else ""
    kind = content_type.partition(";")[0].strip(" \t").lower()
    if kind == "application/x-www-form-urlencoded":
        raw = _read_bounded(request.body, max_field_bytes)
        return Form(Query(raw, max_fields=max_fields), [])
    if kind == "multipart/form-data":
        # Only those that send files pay for it: a tenth of a second, when it is cold.
        from portside.http.message.multipart import (  # noqa: PLC0415
            MultipartReader,
            boundary_of,
        )

        reader = MultipartReader(
            boundary_of(content_type),
            max_fields=max_fields,
            max_field_bytes=max_field_bytes,
            max_files=max_files,
            max_file_bytes=max_file_bytes,
            memory_bytes=memory_bytes,
        )
        try:
            for piece in request.body:
                reader.feed(piece)
            reader.finish()
        except BaseException:
            reader.close_files()
            raise
        return Form(Query.from_pairs(reader.fields), reader.files)
    if request.body.length == 0:
        return Form(Query(), [])
    raise StatusError(415, "the body is no form")


def _read_bounded(body: Body, max_bytes: int) -> bytes:
    data = bytearray()
    try:
        for piece in body:
            data += piece
            if len(data) > max_bytes:
                raise StatusError(
                    413, f"the fields of the form are over {max_bytes} bytes"
                )
    except BaseException:
        body.put_back(data)
        raise
    return bytes(data)
