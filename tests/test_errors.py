"""The error tree: one class for each thing that people catch, and one shape of text."""

import copy
import errno
import inspect
import os
import pickle
import re
import socket

import pytest

from portside import errors
from portside.errors import (
    AbortedError,
    AddressError,
    BrokenError,
    Cancelled,
    ClosedError,
    DeadlineError,
    DeniedError,
    EndOfStreamError,
    Error,
    HandlerError,
    InUseError,
    LimitError,
    NotFoundError,
    RefusedError,
    ResetError,
    ResolveError,
    TimedOutError,
    UnknownNetworkError,
    WouldBlockError,
    error_class,
    from_os_error,
)
from portside.names import IPAddress

CLASSES = [
    each
    for each in vars(errors).values()
    if inspect.isclass(each) and issubclass(each, Error)
]

BY_ERRNO = {
    "ECONNREFUSED": RefusedError,
    "ECONNRESET": ResetError,
    "ECONNABORTED": AbortedError,
    "EPIPE": BrokenError,
    "ESHUTDOWN": BrokenError,
    "ENOTCONN": BrokenError,
    "ETIMEDOUT": TimedOutError,
    "EBADF": ClosedError,
    "EADDRINUSE": InUseError,
    "ENOENT": NotFoundError,
    "EACCES": DeniedError,
    "EPERM": DeniedError,
    "EHOSTUNREACH": Error,
    "EMFILE": Error,
}

TWINS = {
    Error: OSError,
    RefusedError: ConnectionRefusedError,
    ResetError: ConnectionResetError,
    AbortedError: ConnectionAbortedError,
    BrokenError: BrokenPipeError,
    TimedOutError: TimeoutError,
    DeadlineError: TimeoutError,
    NotFoundError: FileNotFoundError,
    DeniedError: PermissionError,
    ResolveError: socket.gaierror,
    EndOfStreamError: EOFError,
    LimitError: ValueError,
    AddressError: ValueError,
    UnknownNetworkError: ValueError,
    HandlerError: TypeError,
    WouldBlockError: BlockingIOError,
}

NEAR = IPAddress("tcp", "192.0.2.1", 1024)
FAR = IPAddress("tcp", "2001:db8::1", 443)

TEXTS = {
    "dial": (
        RefusedError(op="dial", network="tcp", remote=FAR),
        "dial tcp [2001:db8::1]:443: connection refused",
    ),
    "read": (
        ResetError(op="read", network="tcp", local=NEAR, remote=FAR),
        "read tcp 192.0.2.1:1024->[2001:db8::1]:443: connection reset by peer",
    ),
    "listen": (
        InUseError(op="listen", network="tcp4", local=NEAR),
        "listen tcp4 192.0.2.1:1024: address already in use",
    ),
    "operation alone": (WouldBlockError("the queue is empty", op="get"), None),
    "reason alone": (Error("no such thing"), "no such thing"),
    "nothing": (Error(), "failed"),
}
TEXTS["operation alone"] = (TEXTS["operation alone"][0], "get: the queue is empty")


def by_name(value: object) -> str:
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize(("name", "cls"), BY_ERRNO.items(), ids=by_name)
def test_an_errno_has_its_class(name, cls):
    assert error_class(getattr(errno, name)) is cls


def test_no_errno_has_the_plain_class():
    assert error_class(None) is error_class(0) is Error


@pytest.mark.parametrize(("name", "cls"), BY_ERRNO.items(), ids=by_name)
def test_an_error_of_the_system_becomes_ours_and_keeps_what_python_calls_it(name, cls):
    number = getattr(errno, name)
    raw = OSError(number, os.strerror(number))
    ours = from_os_error(raw, op="read", network="tcp", local=NEAR, remote=FAR)
    assert type(ours) is cls
    assert ours.errno == number
    assert str(ours).endswith(os.strerror(number).lower())
    if type(raw) is not OSError:
        assert isinstance(ours, type(raw))


@pytest.mark.parametrize(("cls", "twin"), TWINS.items(), ids=by_name)
def test_an_error_is_caught_as_what_python_calls_it(cls, twin):
    assert issubclass(cls, twin)
    assert issubclass(cls, Error)
    with pytest.raises(twin):
        raise cls


@pytest.mark.parametrize("cls", CLASSES, ids=by_name)
def test_an_error_without_errno_has_that_of_its_kind(cls):
    assert cls().errno == cls.default_errno
    assert str(cls()) == cls.default_reason


@pytest.mark.parametrize("cls", CLASSES, ids=by_name)
@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, "pickle"], ids=by_name)
def test_an_error_can_be_copied_with_all_that_it_knows(cls, how):
    error = cls("why", op="read", network="tcp", local=NEAR, remote=FAR, errno=5)
    error.sent = 7
    error.attempts = (RefusedError(op="dial"), error)
    other = pickle.loads(pickle.dumps(error)) if how == "pickle" else how(error)
    assert type(other) is cls
    assert str(other) == str(error)
    assert (other.errno, other.strerror, other.args) == (5, "why", (5, "why"))
    assert (other.op, other.network, other.sent) == ("read", "tcp", 7)
    assert (other.local, other.remote) == (NEAR, FAR)
    assert [type(each) for each in other.attempts] == [RefusedError, cls]


def test_what_came_before_the_end_is_copied():
    error = EndOfStreamError("cut", partial=b"bytes", op="read")
    assert pickle.loads(pickle.dumps(error)).partial == b"bytes"


def test_the_limit_is_copied():
    assert pickle.loads(pickle.dumps(LimitError("too much", limit=9))).limit == 9


@pytest.mark.parametrize(("error", "text"), TEXTS.values(), ids=TEXTS)
def test_a_text_says_what_where_and_why(error, text):
    assert str(error) == text


def test_an_errno_alone_gives_the_reason_of_the_system():
    assert Error(errno=errno.EHOSTUNREACH).reason == "no route to host"


def test_an_error_of_ours_keeps_what_it_knows():
    error = RefusedError(op="dial", network="tcp4", remote=FAR)
    same = from_os_error(error, op="read", network="tcp", local=NEAR, remote=NEAR)
    assert same is error
    assert (error.op, error.network) == ("dial", "tcp4")
    assert (error.local, error.remote) == (NEAR, FAR)


def test_an_error_of_the_resolver_keeps_its_code():
    raw = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    ours = from_os_error(raw, op="dial", network="tcp", remote="x:1")
    assert type(ours) is ResolveError
    assert ours.errno == socket.EAI_NONAME
    assert str(ours) == "dial tcp x:1: name or service not known"


def test_an_error_without_errno_keeps_its_text():
    ours = from_os_error(OSError("strange"), op="read", network="tcp")
    assert str(ours) == "read tcp: strange"


def test_a_deadline_is_told_apart_from_the_kernels_timeout():
    assert issubclass(DeadlineError, TimedOutError)
    assert error_class(errno.ETIMEDOUT) is not DeadlineError


def test_a_cancellation_is_no_error():
    assert not issubclass(Cancelled, Exception)


def test_all_of_the_tree_is_public():
    names = {each.__name__ for each in CLASSES}
    assert names | {"Cancelled", "error_class", "from_os_error"} == set(errors.__all__)


def test_help_of_the_base_names_every_operation_of_conns() -> None:
    """Those of packet conns were forgotten once."""
    told = (Error.__doc__ or "").partition("op:")[2].partition("network:")[0]
    operations = "dial listen accept resolve read write send receive set put get"
    assert [op for op in operations.split() if not re.search(rf"\b{op}\b", told)] == []
