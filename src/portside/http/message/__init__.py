"""What is said: requests and responses, apart from how they travel.

What flows in is what was read from a wire, or what a handler wants to say; what flows
out are values that can be asked and changed. Nothing here reads a socket.

In reading order: `status`, `dates` and `status_error`, `headers`, `query`, `cookies`,
`body` (of a request: it comes by and by), `form_file`, `multipart` and `forms`,
`request`; `event_stream`, `content_types`, `file_body`, `ranges` and `conditional`
(which part of a file, and whether at all), `response`.

May import `http.grammar`, and `names` and `errors` below. RFC 9110, RFC 6265.
"""

__all__: list[str] = []  # each name is imported from its file
