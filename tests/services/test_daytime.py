import re
from datetime import UTC, datetime, timedelta, timezone

from portside import Server, net, timeout
from portside.services import SERVICES
from portside.services.daytime import written


def is_about_now(line: bytes) -> bool:
    found = re.fullmatch(rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC\r\n", line)
    assert found is not None
    told = datetime.fromisoformat(found[1].decode()).replace(tzinfo=UTC)
    return abs(datetime.now(UTC) - told) < timedelta(seconds=30)


def test_it_is_written_in_utc_wherever_the_moment_was_taken() -> None:
    at = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert written(at) == b"2025-12-31 22:30:00 UTC\r\n"


def test_a_stream_gets_a_line_and_the_end_whatever_it_sent(model: str) -> None:
    with Server(SERVICES["daytime"], "tcp://127.0.0.1:0", model=model) as server:
        for said in (b"", b"what time is it?" * 1000):
            with net.dial(server.address, timeout=5) as conn, timeout(10):
                conn.write(said)
                assert is_about_now(conn.read_all())


def test_a_packet_gets_a_line_also_an_empty_one(model: str) -> None:
    with Server(SERVICES["daytime"], "udp://127.0.0.1:0", model=model) as server:
        with net.dial("udp", str(server.address)) as packets, timeout(10):
            packets.send(b"")
            assert is_about_now(packets.receive().data)
