"""Answer with a file, or say that the client has it, or send only a part.

In       a request, and a response whose body is an open file
Out      that response, or one with 206, 304, 412 or 416 in its place
Source   RFC 9110 sections 13.2.2 (the order of the conditions), 13.1 (each of them),
         14 (ranges), 15.4.5 (what a 304 says)
Holds    nothing
Fails    never: a condition that is malformed is none, or is one that does not hold,
         whichever loses nothing

The validators are those of the file, unless the handler has set its own ETag or
Last-Modified. A file that is said to change in the future has no Last-Modified: a date
later than that of the answer must not be sent (section 8.8.2.1).

Only GET and HEAD are looked at here. For other methods the conditions are about what a
handler is going to do, so they must be asked before it does it: `precondition_status`.
"""

import functools
import re
import time

from portside.http.message.dates import date_text, parse_date
from portside.http.message.file_body import FileBody
from portside.http.message.headers import Headers
from portside.http.message.ranges import content_range, multipart_of, parse_ranges
from portside.http.message.request import Request
from portside.http.message.response import Response

__all__ = ["precondition_status", "respond_to"]

# entity-tag = [ weak ] opaque-tag; opaque-tag = DQUOTE *etagc DQUOTE; section 8.8.3
_ENTITY_TAG = re.compile(r'[ \t,]*(W/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,|$)')


_date_text = functools.lru_cache(1024)(date_text)  # of the files asked for most


def respond_to(request: Request, response: Response) -> Response:
    """Return what is to be sent of a file; what is not sent any more is closed.

    A response that is not 200, or whose body is no file, is returned as it is but for
    the type of the file.
    """
    body, headers = response.body, response.headers
    if not isinstance(body, FileBody):
        return response
    if body.content_type is not None and "Content-Type" not in headers:
        headers.add("Content-Type", body.content_type)
    if response.status != 200 or request.method not in ("GET", "HEAD"):
        return response
    etag, modified = _validators(body, headers)
    status = precondition_status(request, etag, modified)
    if status == 304:
        body.close()
        return _not_modified(response)
    if status is not None:
        body.close()
        return Response.error(status)
    if "Accept-Ranges" not in headers:
        headers.add("Accept-Ranges", "bytes")
    wanted = request.headers.get("Range")
    if wanted is None or request.method != "GET":
        return response
    condition = request.headers.get("If-Range")
    if condition is not None and not _is_version(condition, etag, modified):
        return response
    return _part_of(response, body, wanted)


def precondition_status(
    request: Request, etag: str | None, modified: int | None = None
) -> int | None:
    """Return what the conditions of a request come to: None, 304 or 412.

    A handler that changes something asks before it does::

        if precondition_status(request, etag, modified):
            raise StatusError(412)

    Args:
        etag: of what there is now, in its quotes; "" where it has none, and None where
            there is nothing.
        modified: when that was changed, in seconds since the epoch; None is unknown.
    """
    headers = request.headers
    is_read = request.method in ("GET", "HEAD")
    if (tags := headers.get("If-Match")) is not None:
        if not _names(tags, etag, is_weak_enough=False):
            return 412
    elif _changed_since(modified, headers.get("If-Unmodified-Since")) is True:
        return 412
    if (tags := headers.get("If-None-Match")) is not None:
        if _names(tags, etag, is_weak_enough=True):
            return 304 if is_read else 412
    elif (
        is_read and _changed_since(modified, headers.get("If-Modified-Since")) is False
    ):
        return 304
    return None


def _validators(body: FileBody, headers: Headers) -> tuple[str, int | None]:
    """Say the version of the file in the headers, unless it is said; return it."""
    etag, date = headers.get("ETag"), headers.get("Last-Modified")
    if etag is None:
        etag = body.etag
        headers.add("ETag", etag)
    if date is not None:
        return etag, parse_date(date)
    # The clock of the wall, as in the Date of the answer. As long as the second of the
    # last change is not over there may be another in it, which the date does not tell
    # apart (RFC 9110 section 8.8.2.2): so no date is given.
    if body.modified is None or body.modified >= time.time_ns() // 1_000_000_000:
        return etag, None
    headers.add("Last-Modified", _date_text(body.modified))
    return etag, body.modified


def _not_modified(response: Response) -> Response:
    response.status, response.body = 304, b""
    headers = response.headers
    gone = ["Content-Type", "Content-Length", "Content-Encoding", "Content-Range"]
    if "ETag" in headers:
        gone.append("Last-Modified")  # says nothing more than the tag
    for name in gone:
        if name in headers:
            del headers[name]
    return response


def _part_of(response: Response, body: FileBody, wanted: str) -> Response:
    ranges = parse_ranges(wanted, body.size)
    if ranges is None:
        return response
    if not ranges:
        body.close()
        refusal = Response.error(416)
        refusal.headers.add("Content-Range", content_range(None, body.size))
        return refusal
    response.status = 206
    headers = response.headers
    if len(ranges) == 1:
        headers["Content-Range"] = content_range(ranges[0], body.size)
        body.send_only(list(ranges))
    else:
        content_type = headers.get("Content-Type")
        content_type, parts = multipart_of(ranges, body.size, content_type)
        headers["Content-Type"] = content_type
        body.send_only(parts)
    return response


def _is_version(condition: str, etag: str, modified: int | None) -> bool:
    """Whether what If-Range names is what there is: a strong tag, or the exact date."""
    if condition.startswith(('"', "W/")):
        return condition == etag and not condition.startswith("W/")
    return modified is not None and parse_date(condition) == modified


def _names(tags: str, etag: str | None, *, is_weak_enough: bool) -> bool:
    """Whether a list of tags has this one (section 8.8.3.2); ``*`` is any.

    What follows something that is no tag counts for nothing.
    """
    if etag is None or tags == "*":
        return etag is not None
    is_weak, opaque = etag.startswith("W/"), etag.removeprefix("W/")
    at = 0
    while opaque and (match := _ENTITY_TAG.match(tags, at)):
        if match[2] == opaque and (is_weak_enough or not (match[1] or is_weak)):
            return True
        at = match.end()
    return False


def _changed_since(modified: int | None, date: str | None) -> bool | None:
    """Whether it was; None where nobody can tell, and the condition is none."""
    since = None if date is None else parse_date(date)
    return None if since is None or modified is None else modified > since
