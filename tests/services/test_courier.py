from collections.abc import Callable

from portside import Event, now, sleep, timeout
from portside.errors import RefusedError
from portside.services.courier import MAX_PACKETS, Courier


def test_what_is_due_goes_at_once() -> None:
    came: list[int] = []
    Courier().send(now(), lambda: came.append(1))
    assert came == [1]


def test_the_earliest_goes_first_and_none_before_its_moment() -> None:
    courier, came, is_over = Courier(), [], Event()
    began = now()

    def deliver(number: int) -> Callable[[], None]:
        return lambda: came.append((number, now() - began))

    for number, after in enumerate((0.3, 0.1, 0.2)):
        courier.send(began + after, deliver(number))
    courier.send(began + 0.35, is_over.set)
    with timeout(10):
        is_over.wait()
    assert [number for number, _ in came] == [1, 2, 0]
    assert all(at >= due for (_, at), due in zip(came, (0.1, 0.2, 0.3), strict=True))


def test_it_begins_again_after_a_rest_and_survives_a_failure() -> None:
    courier = Courier()

    def fail() -> None:
        raise RefusedError

    for _ in range(3):
        is_over = Event()
        courier.send(now() + 0.01, fail)
        courier.send(now() + 0.02, is_over.set)
        with timeout(10):
            is_over.wait()
        sleep(0.01)


def test_what_is_one_too_many_is_lost_and_a_stop_loses_all() -> None:
    courier, came = Courier(), []
    for _ in range(MAX_PACKETS + 10):
        courier.send(now() + 60, lambda: came.append(1))
    assert len(courier._heap) == MAX_PACKETS
    courier.stop()  # and its task ends, or the guard against leaks would find it
    courier.send(now(), lambda: came.append(1))
    assert came == []
