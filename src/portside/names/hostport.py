"""Take ``host:port`` apart and put it together.

In       text that a person wrote: localhost:7, [::1]:http, :8080
Out      host and port as two texts; a port as a number
Source   the rules of ``net.SplitHostPort`` and ``net.JoinHostPort`` in Go; RFC 3986
         section 3.2.2 for the brackets; RFC 4007 section 11 for the zone
Holds    nothing
Fails    AddressError that names the text and what is wrong with it

The port stands behind the last colon. An IPv6 address has colons of its own, so nobody
can tell whether ``::1:80`` is an address or an address with a port; that is what the
brackets are for, and why their absence is an error and never a guess. Either part may
be empty: ``:80`` is every address of this host, and ``localhost:`` lets the kernel
choose the port. Whether a host can have that name is not asked here but in `endpoint`.
"""

import re
from ipaddress import IPv6Address

from portside.errors import AddressError
from portside.names.services import service_port

__all__ = ["join_host_port", "parse_port", "split_host_port"]

# RFC 3986 has no sign; Go takes one, and so do we. Go also takes a sign alone as 0, and
# that we do not. ASCII only: int() takes the digits of every script.
_NUMBER = re.compile(r"([+-]?)([0-9]+)")


def split_host_port(text: str) -> tuple[str, str]:
    """Return host and port, without the brackets around an IPv6 address.

    >>> split_host_port("localhost:http")
    ('localhost', 'http')
    >>> split_host_port("[fe80::1%eth0]:80")
    ('fe80::1%eth0', '80')

    Raises:
        AddressError: there is no port, or colons and brackets do not match.
    """
    last = text.rfind(":")
    if last < 0:
        raise _wrong(text, "missing port in address")
    if text.startswith("["):
        end = text.find("]")
        if end < 0:
            raise _wrong(text, "missing ']' in address")
        if end + 1 != last:
            extra = text.startswith(":", end + 1)
            reason = (
                "too many colons in address" if extra else "missing port in address"
            )
            raise _wrong(text, reason)
        host, inside, behind = text[1:end], text[1:], text[end + 1 :]
    else:
        host, inside, behind = text[:last], text, text
        if ":" in host:
            raise _wrong(text, f"too many colons in address{_brackets(text)}")
    if "[" in inside:
        raise _wrong(text, "unexpected '[' in address")
    if "]" in behind:
        raise _wrong(text, "unexpected ']' in address")
    return host, text[last + 1 :]


def join_host_port(host: str, port: int | str) -> str:
    """Return ``host:port``, with brackets around a host that has colons.

    >>> join_host_port("::1", 80), join_host_port("localhost", "http")
    ('[::1]:80', 'localhost:http')
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_port(text: str, protocol: str = "tcp") -> int:
    """Return a port as a number; 0, which lets the kernel choose, for no text.

    >>> parse_port("443"), parse_port("https"), parse_port("")
    (443, 443, 0)

    Args:
        text: a decimal number, or the name of a service.
        protocol: tcp or udp: the same name may have a port in one of them only.

    Raises:
        AddressError: it is over 65535 or below 0, or no service has this name.
    """
    if not text:
        return 0
    number = _NUMBER.fullmatch(text)
    if number is None:
        try:
            return service_port(text, protocol)
        except AddressError as error:
            reason = f"not in 0-65535, and {error.reason}"
            raise AddressError(f"port {text!r}: {reason}") from None
    digits = number[2].lstrip("0") or "0"
    # The length is looked at first: int() refuses thousands of digits in its own words.
    if len(digits) > 5 or int(digits) > 65535 or (number[1] == "-" and digits != "0"):
        raise AddressError(f"port {text!r}: not in 0-65535")
    return int(digits)


def _wrong(text: str, reason: str) -> AddressError:
    return AddressError(f"address {text!r}: {reason}")


def _brackets(text: str) -> str:
    """Return the hint for an IPv6 address that has no brackets, else nothing."""
    host, _, port = text.rpartition(":")
    for ip, example in ((host, port), (text, "80")):
        try:
            IPv6Address(ip)
        except ValueError:
            continue
        return f" (write an IPv6 address in brackets: [{ip}]:{example})"
    return ""
