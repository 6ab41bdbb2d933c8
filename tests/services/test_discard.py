from portside import Server, net, timeout
from portside.services import discard


def test_it_takes_everything_and_answers_nothing(model: str) -> None:
    with Server(discard, "tcp://127.0.0.1:0", model=model) as server:
        with net.dial(server.address, timeout=5) as conn, timeout(20):
            conn.write(bytes(5_000_000))
            conn.close_write()
            assert conn.read_all() == b""
