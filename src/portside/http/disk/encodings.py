"""Which compressed forms of a file a client takes.

In       the value of an Accept-Encoding field
Out      the codings that we may have a file in, the one to try first in front
Source   RFC 9110 sections 12.5.3 and 12.4.2 (weights)
Holds    nothing
Fails    never: what is malformed is passed over
"""

import functools
import re

__all__ = ["SUFFIXES", "accepted_codings", "is_worth_compressing"]

SUFFIXES = {"br": b".br", "zstd": b".zst", "gzip": b".gz"}
"""The codings, and how the name of a file in it ends; the smallest result first."""

# codings [ weight ]; weight = OWS ";" OWS "q=" qvalue
_ELEMENT = re.compile(
    r"[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)"
    r"(?:[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*"
)

# What is compressed already: nobody would compress it again.
_COMPRESSED = (
    "image/", "audio/", "video/", "font/woff", "application/zip", "application/gzip",
    "application/zstd", "application/x-bzip2", "application/x-xz",
    "application/x-7z-compressed", "application/epub+zip",
)  # fmt: skip
_PLAIN_IMAGES = ("image/svg+xml", "image/bmp", "image/vnd.microsoft.icon")


@functools.lru_cache(64)  # browsers say one of a few things
def accepted_codings(value: str | None) -> tuple[str, ...]:
    """Return the codings to look for, best first; none is the file as it is.

    >>> accepted_codings("gzip, deflate, br;q=0.9, zstd;q=0")
    ('gzip', 'br')
    """
    if not value:
        return ()
    weights: dict[str, float] = {}
    for element in value.split(","):
        if (match := _ELEMENT.fullmatch(element)) is not None:
            coding = match[1].lower()
            coding = "gzip" if coding == "x-gzip" else coding
            weights[coding] = 1.0 if match[2] is None else float(match[2])
    any_other = weights.get("*", 0.0)
    # Where it is named, the file as it is may be wanted more than a compressed one.
    least = weights.get("identity", 0.0)
    found = {coding: weights.get(coding, any_other) for coding in SUFFIXES}
    wanted = [coding for coding, q in found.items() if q > 0 and q >= least]
    return tuple(sorted(wanted, key=lambda coding: -found[coding]))


def is_worth_compressing(content_type: str) -> bool:
    """Whether there may be compressed forms of a file of this type.

    >>> is_worth_compressing("text/css"), is_worth_compressing("image/png")
    (True, False)
    """
    if content_type.startswith(_COMPRESSED):
        return content_type.startswith(_PLAIN_IMAGES)
    return True
