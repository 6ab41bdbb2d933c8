"""A chat room, in which nobody waits for a slow member. Models: thread nonblocking."""

from contextlib import suppress

from portside import Error, Lock, Queue, TaskGroup
from portside.net import Conn

room: set[Queue[bytes]] = set()  # for each member, the lines that go to him
order = Lock()  # so that all members see the lines in the same order


def hear(conn: Conn, queue: Queue[bytes]) -> None:
    name = conn.read_line(100).strip()
    for line in conn.lines(1000, idle=True):
        with order:
            for other in tuple(room):
                with suppress(Error):  # it is full: that member misses this line
                    other.put_nowait(name + b": " + line + b"\r\n")
    queue.close()


def chat(conn: Conn) -> None:
    room.add(queue := Queue[bytes](max_items=100))
    try:
        with TaskGroup() as group:
            group.start_soon(hear, conn, queue)
            for line in queue:
                conn.write(line)
    finally:
        room.discard(queue)
