from datetime import UTC, datetime

import pytest

from portside import Server, net, timeout
from portside.services import SERVICES
from portside.services.time import seconds_since_1900

# The moments that RFC 868 names, and those around the end of its 32 bits.
MOMENTS = {
    datetime(1970, 1, 1, tzinfo=UTC): 2_208_988_800,
    datetime(1976, 1, 1, tzinfo=UTC): 2_398_291_200,
    datetime(1980, 1, 1, tzinfo=UTC): 2_524_521_600,
    datetime(1983, 5, 1, tzinfo=UTC): 2_629_584_000,
    datetime(2036, 2, 7, 6, 28, 15, tzinfo=UTC): 2**32 - 1,
    datetime(2036, 2, 7, 6, 28, 16, tzinfo=UTC): 0,
    datetime(2036, 2, 7, 6, 28, 17, tzinfo=UTC): 1,
}


@pytest.mark.parametrize(("at", "seconds"), MOMENTS.items(), ids=str)
def test_it_counts_from_1900_and_begins_again_in_2036(
    at: datetime, seconds: int
) -> None:
    assert seconds_since_1900(at) == seconds


def is_about_now(told: bytes) -> bool:
    assert len(told) == 4
    passed = seconds_since_1900(datetime.now(UTC)) - int.from_bytes(told, "big")
    return passed % 2**32 < 30


def test_a_stream_gets_four_bytes_and_the_end(model: str) -> None:
    with Server(SERVICES["time"], "tcp://127.0.0.1:0", model=model) as server:
        with net.dial(server.address, timeout=5) as conn, timeout(10):
            assert is_about_now(conn.read_all())


def test_a_packet_gets_four_bytes_also_an_empty_one(model: str) -> None:
    with Server(SERVICES["time"], "udp://127.0.0.1:0", model=model) as server:
        with net.dial("udp", str(server.address)) as packets, timeout(10):
            packets.send(b"")
            assert is_about_now(packets.receive().data)
