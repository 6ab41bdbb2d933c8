"""A limit for a handler's time: what it ends, and what is somebody else's."""

import logging
import math

import pytest

from portside import net
from portside.engine import Queue, TaskGroup, now, sleep, timeout
from portside.engine.scope import scope_deadline
from portside.errors import DeadlineError, HandlerError
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.message.status_error import StatusError
from portside.http.settings import HttpSettings
from portside.http.time_limits import time_limit
from portside.http.web import handler
from tests.http.peer import peer

MS = 0.001
SHORT = 30 * MS
LONG = 30.0
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def pipe():
    near, far = net.pipe()
    with near, far:
        yield near, far


def get():
    return Request.build("GET", "/")


def hello(request):
    return Response.text("hello")


def test_a_handler_that_waits_too_long_is_answered_for(portside_serve, model):
    def wait(request):
        sleep(LONG)
        return Response.text("never")

    server = portside_serve(handler(time_limit(wait, SHORT)), model=model)
    with peer(server.address) as client:
        for _ in range(2):  # and the connection goes on
            answer = client.ask(GET)
            assert answer.status == 503
            assert b"the answer took too long" in answer.body


def test_a_handler_that_is_in_time_answers_itself(portside_serve, model):
    server = portside_serve(handler(time_limit(hello, LONG)), model=model)
    with peer(server.address) as client:
        assert client.ask(GET).body == b"hello"


def test_the_limit_ends_whatever_waits():
    queue = Queue[str]()

    def wait_for_all(request):
        with TaskGroup() as group:
            group.start_soon(sleep, LONG)
            group.start_soon(queue.get)
        return Response.text("never")

    assert time_limit(wait_for_all, SHORT)(get()).status == 503


def test_the_limit_is_of_each_request_and_ends_with_it():
    bounds = []

    def look(request):
        bounds.append(scope_deadline())
        return Response()

    limited = time_limit(look, LONG)
    limited(get())
    limited(get())
    first, second = bounds
    assert first is not None
    assert second is not None
    assert first < second
    assert scope_deadline() is None


def test_a_handler_that_only_computes_is_not_interrupted_and_its_answer_is_sent():
    def compute(request):
        until = now() + 2 * SHORT
        while now() < until:
            pass
        return Response.text("late")

    assert time_limit(compute, SHORT)(get()).body == b"late"


def test_a_handler_may_answer_for_itself_when_its_time_is_over():
    def wait(request):
        try:
            sleep(LONG)
        except DeadlineError:
            return Response.text("all that I have found by now")
        return Response.text("never")

    assert time_limit(wait, SHORT)(get()).status == 200


def test_what_the_handler_raises_is_not_touched():
    def refuse(request):
        raise StatusError(404)

    with pytest.raises(StatusError, match="404"):
        time_limit(refuse, LONG)(get())


def test_a_deadline_of_a_conn_that_the_handler_has_is_not_the_limit(pipe):
    near, _ = pipe

    def ask_another(request):
        near.set_read_deadline(now() + SHORT)
        return Response(near.read())

    with pytest.raises(DeadlineError) as caught:
        time_limit(ask_another, LONG)(get())
    assert caught.value.op == "read"


def test_a_deadline_of_a_conn_that_comes_after_the_limit_is_not_reached(pipe):
    near, _ = pipe

    def ask_another(request):
        near.set_read_deadline(now() + LONG)
        return Response(near.read())

    assert time_limit(ask_another, SHORT)(get()).status == 503


def test_a_shorter_block_inside_is_not_the_limit():
    def wait(request):
        with timeout(SHORT):
            sleep(LONG)

    with pytest.raises(DeadlineError):
        time_limit(wait, LONG)(get())


def test_a_shorter_block_around_is_not_the_limit():
    def wait(request):
        sleep(LONG)

    with timeout(SHORT), pytest.raises(DeadlineError):
        time_limit(wait, LONG)(get())


def test_of_two_limits_the_shorter_one_answers():
    def wait(request):
        sleep(LONG)

    for inner, outer in ((SHORT, LONG), (LONG, SHORT)):
        limited = time_limit(time_limit(wait, inner), outer)
        assert limited(get()).status == 503


def read_all(request):
    return Response(request.body.read_all())


BODY = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"


def test_a_client_that_sends_its_body_too_slowly_hears_that(portside_serve, model):
    settings = HttpSettings(body_timeout=SHORT)
    web = handler(time_limit(read_all, LONG), settings=settings)
    server = portside_serve(web, model=model)
    with peer(server.address) as client:
        assert client.ask(BODY).status == 408
        client.assert_end()


def test_a_handler_that_has_no_time_for_a_slow_body_answers_503(portside_serve, model):
    server = portside_serve(handler(time_limit(read_all, SHORT)), model=model)
    with peer(server.address) as client:
        assert client.ask(BODY).status == 503


def test_a_server_that_does_not_answer_in_its_time_is_the_handlers_failure(
    portside_serve, caplog
):
    silent = portside_serve(lambda conn: conn.read(), model="thread")

    def ask_another(request):
        with net.dial(silent.address) as conn:
            conn.set_read_deadline(now() + SHORT)
            return Response(conn.read())

    server = portside_serve(handler(time_limit(ask_another, LONG)), model="thread")
    with caplog.at_level(logging.ERROR), peer(server.address) as client:
        assert client.ask(GET).status == 500
    assert "deadline exceeded" in caplog.text


@pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan])
def test_seconds_that_are_none_are_refused(seconds):
    with pytest.raises(ValueError, match="seconds must be"):
        time_limit(hello, seconds)


def test_what_cannot_be_called_is_refused():
    async def soon(request):
        return Response()

    with pytest.raises(HandlerError, match="async"):
        time_limit(soon, 1.0)  # type: ignore[arg-type]


def test_it_has_the_name_of_what_it_limits():
    assert time_limit(hello, 1.0).__name__ == "hello"
