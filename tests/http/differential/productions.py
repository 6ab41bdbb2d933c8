"""What can be wrong, or odd, in each production of the grammar of a request.

Out      tables: the production, then the mutations of it by name
Source   RFC 9112 (the message), RFC 9110 (fields, Host, Expect), RFC 3986 (targets)
Holds    nothing

A mutation is FINE (a server should take it as it is), or WRONG (a server may refuse it,
or must); then come the forms that it has: one is chosen for each request.
"""

from typing import Literal

__all__ = ["FINE", "PRODUCTIONS", "WRONG", "Mutation"]

Mutation = tuple[bool, *tuple[bytes, ...]]

FINE: Literal[True] = True
WRONG: Literal[False] = False

_LONG = b"a" * 20_000

METHODS: dict[str, Mutation] = {
    "another registered one": (FINE, b"PROPFIND", b"REPORT"),
    "one that nobody has registered": (FINE, b"BREW"),
    "every character of a token": (FINE, b"!#$%&'*+-.^_`|~09azAZ"),
    "lower case": (FINE, b"get", b"Post"),
    "HEAD": (FINE, b"HEAD"),
    "TRACE": (FINE, b"TRACE"),
    "CONNECT with a path": (WRONG, b"CONNECT"),
    "a separator in it": (WRONG, b"GE(T", b"GET/", b"G@T", b"{GET}"),
    "a control character in it": (WRONG, b"G\x01T", b"G\x00T", b"GET\x7f"),
    "a byte over 127 in it": (WRONG, b"G\xc9T"),
    "none": (WRONG, b""),
    "20,000 bytes": (WRONG, _LONG),
}

TARGETS: dict[str, Mutation] = {
    "absolute": (FINE, b"http://example.com/a", b"http://example.com:80/a?b"),
    "absolute, another host than Host": (FINE, b"http://other.example/a"),
    "absolute, scheme in upper case": (FINE, b"HTTP://example.com/a"),
    "absolute, without a path": (FINE, b"http://example.com", b"http://example.com?a"),
    "absolute, https": (FINE, b"https://example.com/a"),
    "absolute, another scheme": (WRONG, b"ftp://example.com/a"),
    "absolute, another scheme, without a host": (WRONG, b"file:///a"),
    "absolute, without a host": (WRONG, b"http:///a"),
    "absolute, only a port": (WRONG, b"http://:80/a"),
    "absolute, with a user": (WRONG, b"http://me:secret@example.com/a"),
    "an authority": (WRONG, b"example.com:443"),
    "an asterisk": (WRONG, b"*"),
    "an asterisk and a path": (WRONG, b"*/a"),
    "without a slash": (WRONG, b"a", b"a/b?c"),
    "only a query": (WRONG, b"?a=b"),
    "a fragment": (WRONG, b"/a#b"),
    "a space": (WRONG, b"/a b"),
    "a tab": (WRONG, b"/a\tb"),
    "a control character": (WRONG, b"/a\x01b", b"/\x1b[31m", b"/a\x7fb"),
    "NUL": (WRONG, b"/a\x00b"),
    "a byte over 127": (WRONG, b"/entr\xe9e", b"/\xc3\xa9"),
    "a character no URI has": (WRONG, b'/"', b"/<a>", b"/{a}", b"/a|b", b"/a\\b"),
    "one of those in the query": (WRONG, b"/?a[]=<b>", b'/?"a"', b"/?{a}|b^c`"),
    "half a percent-encoding": (WRONG, b"/%", b"/%4", b"/a%zz", b"/%u0041"),
    "half of one in the query": (WRONG, b"/?a=%", b"/?%zz"),
    "%00": (FINE, b"/a%00b"),
    "%2F and %0a": (FINE, b"/a%2Fb", b"/a%0ab"),
    "two slashes": (FINE, b"//a", b"/a//b"),
    "dot segments": (FINE, b"/a/../b", b"/a/./b"),
    "dot segments over the root": (FINE, b"/../a", b"/a/../../b"),
    "every character of a path": (FINE, b"/-._~!$&'()*+,;=:@/?/?"),
    "7,000 bytes": (FINE, b"/" + b"a" * 7_000),
    "20,000 bytes": (WRONG, b"/" + _LONG),
    "100,000 bytes": (WRONG, b"/" + 5 * _LONG),
}

VERSIONS: dict[str, Mutation] = {
    "HTTP/1.2": (FINE, b"HTTP/1.2", b"HTTP/1.9"),
    "HTTP/2.0": (WRONG, b"HTTP/2.0"),
    "HTTP/3.0": (WRONG, b"HTTP/3.0", b"HTTP/9.9"),
    "HTTP/0.9": (WRONG, b"HTTP/0.9"),
    "two digits": (WRONG, b"HTTP/1.10", b"HTTP/1.01"),
    "two digits of the major": (WRONG, b"HTTP/11.1"),
    "a zero before the major": (WRONG, b"HTTP/01.1"),
    "no minor": (WRONG, b"HTTP/1", b"HTTP/1."),
    "no digit": (WRONG, b"HTTP/1.x", b"HTTP/x.1", b"HTTP/+1.1"),
    "lower case": (WRONG, b"http/1.1", b"Http/1.1"),
    "another protocol": (WRONG, b"HTTQ/1.1", b"ICY/1.1", b"RTSP/1.0"),
    "a space in it": (WRONG, b"HTTP/ 1.1", b"HTTP /1.1", b"HTTP/1 .1"),
    "something behind it": (WRONG, b"HTTP/1.1 x", b"HTTP/1.1x", b"HTTP/1.1,"),
    "a space behind it": (WRONG, b"HTTP/1.1 "),
    "none": (WRONG, b""),
}

# The whole request line, with its end; @ stands for the target.
LINES: dict[str, Mutation] = {
    "an empty line before it": (FINE, b"\r\nGET @ HTTP/1.1\r\n"),
    "two empty lines before it": (FINE, b"\r\n\r\nGET @ HTTP/1.1\r\n"),
    "a thousand empty lines before it": (WRONG, 1000 * b"\r\n" + b"GET @ HTTP/1.1\r\n"),
    "an empty line of LF before it": (WRONG, b"\nGET @ HTTP/1.1\r\n"),
    "a space before it": (WRONG, b" GET @ HTTP/1.1\r\n"),
    "two spaces": (WRONG, b"GET  @ HTTP/1.1\r\n", b"GET @  HTTP/1.1\r\n"),
    "tabs": (WRONG, b"GET\t@\tHTTP/1.1\r\n", b"GET @\tHTTP/1.1\r\n"),
    "a vertical tab or a form feed": (WRONG, b"GET\x0b@ HTTP/1.1\r\n"),
    "LF for an end": (WRONG, b"GET @ HTTP/1.1\n"),
    "CR for an end": (WRONG, b"GET @ HTTP/1.1\r"),
    "CR CR LF for an end": (WRONG, b"GET @ HTTP/1.1\r\r\n"),
    "no version and no space": (WRONG, b"GET @\r\n"),
    "only a method": (WRONG, b"GET\r\n", b"GET \r\n"),
    "nothing but a text": (WRONG, b"hello\r\n", b"@\r\n"),
}

# Lines among the other fields.
FIELDS: dict[str, Mutation] = {
    "an empty value": (FINE, b"X-A:", b"X-A: ", b"X-A: \t "),
    "spaces and tabs around the value": (FINE, b"X-A:b", b"X-A: \t b \t "),
    "bytes over 127 in the value": (FINE, b"X-A: entr\xe9e", b"X-A: \xff\xfe"),
    "every character in the name": (FINE, b"!#$%&'*+-.^_`|~09az: b"),
    "the same name again": (FINE, b"X-A: b\r\nx-a: c"),
    "a value of 7,000 bytes": (FINE, b"X-A: " + b"b" * 7_000),
    "a value of 20,000 bytes": (FINE, b"X-A: " + _LONG),
    "values of 100,000 bytes": (WRONG, b"\r\n".join([b"X-A: " + _LONG] * 5)),
    "a value of 100,000 bytes": (WRONG, b"X-A: " + 5 * _LONG),
    "a hundred and fifty": (WRONG, b"\r\n".join(b"X-%d: a" % n for n in range(150))),
    "a name of 20,000 bytes": (FINE, _LONG + b": b"),
    "a space before the colon": (WRONG, b"X-A : b", b"X-A\t: b"),
    "no name": (WRONG, b": b"),
    "no colon": (WRONG, b"X-A"),
    "no colon, and a space": (WRONG, b"hello there"),
    "a space in the name": (WRONG, b"X A: b"),
    "a separator in the name": (WRONG, b"X(A): b", b"X/A: b", b'X"A: b', b"X@A: b"),
    "a control character in the name": (WRONG, b"X\x01A: b", b"X\x7fA: b"),
    "NUL in the name": (WRONG, b"X\x00A: b"),
    "a byte over 127 in the name": (WRONG, b"X\xe9A: b"),
    "folded": (WRONG, b"X-A: b\r\n c", b"X-A: b\r\n\tc"),
    "folded into nothing": (WRONG, b"X-A: b\r\n \r\nX-B: c"),
    "a control character in the value": (WRONG, b"X-A: b\x01c", b"X-A: \x1b[31m"),
    "DEL in the value": (WRONG, b"X-A: b\x7fc"),
    "NUL in the value": (WRONG, b"X-A: b\x00c"),
    "CR in the value": (WRONG, b"X-A: b\rc", b"X-A: b\rX-B: c"),
    "LF for an end": (WRONG, b"X-A: b\nX-B: c"),
    "CR CR LF for an end": (WRONG, b"X-A: b\r\r\nX-B: c"),
    "LF before the end of the head": (WRONG, b"X-A: b\r\n\nX-B: c"),
}

# The first line behind the request line; "" for none.
HOSTS: dict[str, Mutation] = {
    "an address": (FINE, b"Host: 127.0.0.1", b"Host: [::1]", b"Host: [::1]:80"),
    "upper case": (FINE, b"HOST: EXAMPLE.com", b"host: Example.Com:80"),
    "an underscore, a dot behind": (FINE, b"Host: a_b.example.", b"Host: a"),
    "a percent-encoding": (FINE, b"Host: a%20b"),
    "sub-delimiters": (FINE, b"Host: a!$&'()*+;=b"),
    "no port behind the colon": (FINE, b"Host: example.com:"),
    "empty": (FINE, b"Host:", b"Host: "),
    "none": (WRONG, b""),
    "the same twice": (WRONG, b"Host: example.com\r\nHost: example.com"),
    "two": (WRONG, b"Host: example.com\r\nHost: other.example"),
    "a comma": (WRONG, b"Host: a,b"),
    "a comma and a space": (WRONG, b"Host: a, b"),
    "a space or a tab in it": (WRONG, b"Host: a b", b"Host: a\tb"),
    "a slash": (WRONG, b"Host: a/b", b"Host: http://a"),
    "a backslash": (WRONG, b"Host: a\\b"),
    "a question mark or a hash": (WRONG, b"Host: a?b", b"Host: a#b"),
    "a user": (WRONG, b"Host: me@example.com"),
    "a character no host has": (WRONG, b'Host: "a"', b"Host: <a>", b"Host: a^b"),
    "half a percent-encoding": (WRONG, b"Host: a%zz"),
    "a port in letters": (WRONG, b"Host: example.com:a", b"Host: example.com:8a"),
    "a port over 65,535": (WRONG, b"Host: example.com:65536"),
    "only a port": (WRONG, b"Host: :80"),
    "two ports": (WRONG, b"Host: example.com:80:80"),
    "an open bracket": (WRONG, b"Host: [::1"),
    "no address in the brackets": (WRONG, b"Host: [a]", b"Host: [1.2.3.4]"),
    "an address without brackets": (WRONG, b"Host: ::1"),
    "a byte over 127": (WRONG, b"Host: entr\xe9e"),
    "a control character": (WRONG, b"Host: a\x01b", b"Host: a\x7f"),
}

# The lines that say the length; a body of five bytes follows.
LENGTHS: dict[str, Mutation] = {
    "the length": (FINE, b"Content-Length: 5", b"content-LENGTH:5"),
    "zeros before it": (FINE, b"Content-Length: 005"),
    "forty digits, of which most are zeros": (
        WRONG,
        b"Content-Length: 0000000000000000000000000000000000000005",
    ),
    "spaces around it": (FINE, b"Content-Length: \t 5 \t"),
    "twice the same": (WRONG, b"Content-Length: 5\r\nContent-Length: 5"),
    "a list of the same": (WRONG, b"Content-Length: 5, 5", b"Content-Length: 5,5"),
    "two": (WRONG, b"Content-Length: 5\r\nContent-Length: 6"),
    "a list of two": (WRONG, b"Content-Length: 5, 6"),
    "a sign": (WRONG, b"Content-Length: +5", b"Content-Length: -5"),
    "another base": (WRONG, b"Content-Length: 0x5", b"Content-Length: 5h"),
    "an underscore": (WRONG, b"Content-Length: 0_5"),
    "a fraction": (WRONG, b"Content-Length: 5.0", b"Content-Length: 5e0"),
    "a space in it": (WRONG, b"Content-Length: 5 5", b"Content-Length: 0 5"),
    "something behind it": (WRONG, b"Content-Length: 5;", b"Content-Length: 5\x0b"),
    "other digits": (WRONG, b"Content-Length: \xd9\xa5", b"Content-Length: \xb2"),
    "empty": (WRONG, b"Content-Length:", b"Content-Length: "),
    "a comma before or behind": (WRONG, b"Content-Length: 5,", b"Content-Length: ,5"),
    "over 64 bits": (WRONG, b"Content-Length: " + b"9" * 23),
    "over the limit of the body": (WRONG, b"Content-Length: 2000000"),
    "more than comes": (WRONG, b"Content-Length: 5000"),
    "less than comes": (WRONG, b"Content-Length: 2"),
    "nothing": (WRONG, b"Content-Length: 0"),
    "no length at all": (WRONG, b"X-A: b"),
    "a space before the colon": (WRONG, b"Content-Length : 5"),
    "folded": (WRONG, b"Content-Length:\r\n 5"),
}

# The lines that say the coding; a chunked body of five bytes follows.
CODINGS: dict[str, Mutation] = {
    "chunked": (FINE, b"Transfer-Encoding: chunked", b"transfer-encoding:chunked"),
    "upper case": (FINE, b"Transfer-Encoding: CHUNKED", b"Transfer-Encoding: Chunked"),
    "spaces around it": (FINE, b"Transfer-Encoding: \t chunked \t"),
    "empty elements of the list": (
        FINE,
        b"Transfer-Encoding: chunked,",
        b"Transfer-Encoding: , chunked",
    ),
    "and a length": (
        WRONG,
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 15",
    ),
    "twice in a list": (WRONG, b"Transfer-Encoding: chunked, chunked"),
    "in two lines": (WRONG, b"Transfer-Encoding: chunked\r\n" * 2 + b"X-A: b"),
    "chunked, then identity": (WRONG, b"Transfer-Encoding: chunked, identity"),
    "chunked, then identity, in two lines": (
        WRONG,
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    ),
    "identity, then chunked": (WRONG, b"Transfer-Encoding: identity, chunked"),
    "gzip, then chunked": (WRONG, b"Transfer-Encoding: gzip, chunked"),
    "gzip, then chunked, in two lines": (
        WRONG,
        b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
    ),
    "identity": (WRONG, b"Transfer-Encoding: identity"),
    "gzip": (WRONG, b"Transfer-Encoding: gzip"),
    "a parameter": (WRONG, b"Transfer-Encoding: chunked;q=1"),
    "quoted": (WRONG, b'Transfer-Encoding: "chunked"'),
    "another word": (
        WRONG,
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunk",
    ),
    "a vertical tab before it": (WRONG, b"Transfer-Encoding: \x0bchunked"),
    "NUL behind it": (WRONG, b"Transfer-Encoding: chunked\x00"),
    "empty": (WRONG, b"Transfer-Encoding:"),
    "a space before the colon": (WRONG, b"Transfer-Encoding : chunked"),
    "folded": (WRONG, b"Transfer-Encoding:\r\n chunked"),
}

# The whole body of a request that says chunked.
CHUNKS: dict[str, Mutation] = {
    "several": (FINE, b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"),
    "none": (FINE, b"0\r\n\r\n"),
    "an upper-case digit": (FINE, b"A\r\n0123456789\r\n0\r\n\r\n"),
    "zeros before the size": (FINE, b"0005\r\nhello\r\n000\r\n\r\n"),
    "an extension": (FINE, b"5;a=b\r\nhello\r\n0;c\r\n\r\n"),
    "a quoted extension": (FINE, b'5;a="b;c"\r\nhello\r\n0\r\n\r\n'),
    "spaces around an extension": (FINE, b"5 ; a = b\r\nhello\r\n0\r\n\r\n"),
    "a trailer": (FINE, b"5\r\nhello\r\n0\r\nX-A: b\r\n\r\n"),
    "a trailer that belongs in the head": (
        WRONG,
        b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
        b"5\r\nhello\r\n0\r\nHost: a\r\n\r\n",
        b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
    "a trailer without a colon": (WRONG, b"5\r\nhello\r\n0\r\nhello\r\n\r\n"),
    "a trailer with a space before the colon": (
        WRONG,
        b"5\r\nhello\r\n0\r\nX-A : b\r\n\r\n",
    ),
    "a folded trailer": (WRONG, b"5\r\nhello\r\n0\r\nX-A: b\r\n c\r\n\r\n"),
    "a trailer that ends in LF": (WRONG, b"5\r\nhello\r\n0\r\nX-A: b\n\r\n"),
    "0x before the size": (WRONG, b"0x5\r\nhello\r\n0\r\n\r\n"),
    "an underscore in the size": (WRONG, b"0_5\r\nhello\r\n0\r\n\r\n"),
    "a sign before the size": (
        WRONG,
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
    ),
    "a space before the size": (WRONG, b" 5\r\nhello\r\n0\r\n\r\n"),
    "a space behind the size": (WRONG, b"5 \r\nhello\r\n0\r\n\r\n"),
    "no size": (WRONG, b"\r\nhello\r\n0\r\n\r\n", b";a\r\nhello\r\n0\r\n\r\n"),
    "a letter behind the size": (WRONG, b"5g\r\nhello\r\n0\r\n\r\n"),
    "a size over 64 bits": (WRONG, b"F" * 17 + b"\r\nhello\r\n0\r\n\r\n"),
    "a size over the limit": (WRONG, b"1E8480\r\nhello\r\n0\r\n\r\n"),
    "LF behind the size": (WRONG, b"5\nhello\r\n0\r\n\r\n"),
    "LF behind the data": (WRONG, b"5\r\nhello\n0\r\n\r\n"),
    "LF everywhere": (WRONG, b"5\nhello\n0\n\n"),
    "LF behind the last size": (WRONG, b"5\r\nhello\r\n0\n\r\n"),
    "LF at the very end": (WRONG, b"5\r\nhello\r\n0\r\n\n"),
    "CR behind the size": (WRONG, b"5\rhello\r\n0\r\n\r\n"),
    "nothing behind the data": (WRONG, b"5\r\nhello0\r\n\r\n"),
    "more data than the size": (WRONG, b"3\r\nhello\r\n0\r\n\r\n"),
    "less data than the size": (WRONG, b"8\r\nhello\r\n0\r\n\r\n"),
    "LF in an extension": (WRONG, b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    "CR in an extension": (WRONG, b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    "NUL in an extension": (WRONG, b"5;a\x00b\r\nhello\r\n0\r\n\r\n"),
    "an extension without a name": (WRONG, b"5;\r\nhello\r\n0\r\n\r\n"),
    "an extension of 20,000 bytes": (WRONG, b"5;" + _LONG + b"\r\nhello\r\n0\r\n\r\n"),
    "no last chunk": (WRONG, b"5\r\nhello\r\n"),
    "no empty line at the end": (WRONG, b"5\r\nhello\r\n0\r\n"),
    "something behind the last size": (WRONG, b"5\r\nhello\r\n0x\r\n\r\n"),
    "no chunks at all": (WRONG, b"hello"),
}

# Lines among the fields of a request without a body.
CONNECTIONS: dict[str, Mutation] = {
    "close": (FINE, b"Connection: close", b"connection: Close"),
    "close in a list": (FINE, b"Connection: x, close", b"Connection: close,x"),
    "close in another line": (FINE, b"Connection: x\r\nConnection: close"),
    "keep-alive and close": (FINE, b"Connection: keep-alive, close"),
    "keep-alive": (FINE, b"Connection: keep-alive", b"Connection: Keep-Alive"),
    "a word like close": (FINE, b"Connection: closed", b"Connection: not-close"),
    "the name of a field": (FINE, b"Connection: X-A\r\nX-A: b"),
    "empty": (FINE, b"Connection:", b"Connection: ,"),
    "a space in close": (WRONG, b"Connection: clo se"),
    "close in parentheses": (WRONG, b"Connection: (close)"),
    "an upgrade": (
        FINE,
        b"Connection: upgrade\r\nUpgrade: h2c",
        b"Connection: Upgrade\r\nUpgrade: websocket",
    ),
    "Proxy-Connection": (FINE, b"Proxy-Connection: close"),
}

# The same, of a request with a body of a length.
EXPECTATIONS: dict[str, Mutation] = {
    "100-continue": (FINE, b"Expect: 100-continue", b"expect: 100-Continue"),
    "another": (WRONG, b"Expect: teleport"),
    "100-continue and another": (WRONG, b"Expect: 100-continue, teleport"),
    "100-continue twice": (FINE, b"Expect: 100-continue\r\nExpect: 100-continue"),
    "empty": (FINE, b"Expect:"),
    "100-continue with a parameter": (WRONG, b"Expect: 100-continue;a=b"),
}

# The lines behind the request line of HTTP/1.0; a chunked or a plain body follows.
OLD: dict[str, Mutation] = {
    "a Host": (FINE, b"Host: example.com"),
    "no Host": (FINE, b"X-A: b"),
    "two Hosts": (WRONG, b"Host: example.com\r\nHost: other.example"),
    "keep-alive": (
        FINE,
        b"Connection: keep-alive",
        b"Host: example.com\r\nConnection: Keep-Alive",
    ),
    "keep-alive and close": (FINE, b"Connection: keep-alive, close"),
    "a length": (FINE, b"Content-Length: 5"),
    "a length and keep-alive": (FINE, b"Connection: keep-alive\r\nContent-Length: 5"),
    "chunked": (WRONG, b"Host: example.com\r\nTransfer-Encoding: chunked"),
    "chunked and keep-alive": (
        WRONG,
        b"Connection: keep-alive\r\nTransfer-Encoding: chunked",
    ),
    "an expectation": (FINE, b"Expect: 100-continue\r\nContent-Length: 5"),
}

# The whole of what is sent.
PREFACES: dict[str, Mutation] = {
    "HTTP/2": (WRONG, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "TLS": (WRONG, b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(160)),
    "SSH": (WRONG, b"SSH-2.0-OpenSSH_9.2\r\n"),
    "PROXY": (WRONG, b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n"),
    "JSON": (WRONG, b'{"method": "ping"}\r\n'),
    "HTTP/0.9": (WRONG, b"GET /\r\n"),
    "only line ends": (WRONG, b"\r\n\r\n\r\n\r\n"),
}

PRODUCTIONS: dict[str, dict[str, Mutation]] = {
    "method": METHODS,
    "target": TARGETS,
    "version": VERSIONS,
    "request line": LINES,
    "field": FIELDS,
    "Host": HOSTS,
    "Content-Length": LENGTHS,
    "Transfer-Encoding": CODINGS,
    "chunks": CHUNKS,
    "Connection": CONNECTIONS,
    "Expect": EXPECTATIONS,
    "HTTP/1.0": OLD,
    "preface": PREFACES,
}
