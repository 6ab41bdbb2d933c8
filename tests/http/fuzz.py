"""Let atheris look for bytes that the wire does not stand: by hand, until stopped.

In       ``python -m tests.http.fuzz [head|chunks|conversation] [options of libFuzzer]``
Out      it runs until stopped; at a find it writes the bytes to ``crash-*`` and ends
Source   the corpus in `wire/` to begin with
Fails    with exit status 77: what it found; 2: atheris is not installed

Options worth knowing: ``-max_total_time=600`` (seconds), and the name of a ``crash-*``
file, to try what is in it once more.
"""

import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

__all__ = ["TARGETS", "main"]

MAX_BYTES = 4096
"""Of an input: the limits are set so that less is enough to reach them."""


def fuzz_head(data: bytes) -> None:
    """A head is refused, or read as the reference reads it."""
    from portside.http.message.status_error import RequestError
    from portside.http.wire.head import HeadParser
    from tests.http.reference import Meaning, read_head

    raw = (data + b"\r\n\r\n").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    try:
        head = HeadParser(8192, 100).parse(raw)
    except RequestError:
        return
    method, target = head.method.encode(), head.target.encode()
    fields = tuple((n.lower(), v.strip(b" \t")) for n, v in head.fields)
    meaning = Meaning(method, target, head.minor, fields, head.length)
    assert meaning == read_head(raw), raw


def fuzz_chunks(data: bytes) -> None:
    """A body in chunks is refused, or read as the reference reads it."""
    from portside.http.settings import HttpSettings
    from tests.http.outcome import REFUSED, conversation
    from tests.http.reference import read_chunks

    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answers = conversation([head + data], HttpSettings())
    read = read_chunks(data)
    if read is None:
        assert answers == [REFUSED], data
    elif answers[0] != REFUSED:  # more around the data than in it
        said = b"POST / body=" + read[0] if read[0] else b"POST /"
        assert answers[0][0] == 200, data
        assert answers[0][1].partition(b" trailer=")[0] == said, data


def fuzz_conversation(data: bytes) -> None:
    """Any bytes get well-formed answers, the same however they are cut."""
    from portside.http.settings import HttpSettings
    from tests.http.outcome import conversation

    limits = HttpSettings(max_body_bytes=200, max_header_bytes=400, max_target_bytes=60)
    whole = conversation([data], limits)
    places = random.Random(len(data)).choices(range(len(data) + 1), k=5)
    ends = [*sorted(places), len(data)]
    pieces = [data[at:end] for at, end in zip([0, *ends], ends, strict=False)]
    assert conversation(pieces, limits) == whole, data
    assert conversation([bytes([each]) for each in data], limits) == whole, data


TARGETS: dict[str, Callable[[bytes], None]] = {
    "head": fuzz_head,
    "chunks": fuzz_chunks,
    "conversation": fuzz_conversation,
}
"""What can be tried, by name."""


def main(arguments: list[str]) -> int:
    """Run one target until it is stopped."""
    try:
        import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        print("fuzz: atheris is not installed: pip install atheris", file=sys.stderr)
        return 2
    name = "conversation"
    if arguments and arguments[0] in TARGETS:
        name = arguments.pop(0)
    with atheris.instrument_imports(include=["portside.http"]):
        import portside.http.web  # noqa: F401  read again, so that what it does is seen
    from tests.http.corpus import CASES

    with tempfile.TemporaryDirectory() as place:
        for case in CASES.values():
            if len(case.request) <= MAX_BYTES:
                start = case.request
                if name == "chunks":
                    start = start.partition(b"\r\n\r\n")[2]
                (Path(place) / case.name).write_bytes(start)
        options = [f"-max_len={MAX_BYTES}", *arguments]
        if not any(Path(each).exists() for each in arguments):
            options.append(place)
        atheris.Setup(["fuzz", *options], TARGETS[name])
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
