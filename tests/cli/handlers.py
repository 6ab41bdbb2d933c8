"""Handlers that the tests of the command line serve."""

import time

from portside import TaskGroup, packet_handler


def greet(conn):
    conn.write(b"hello\n")
    conn.write(conn.read_line())


def stuck(conn):
    conn.write(b"stuck\n")
    time.sleep(60)


def failing(conn):
    conn.read(1)
    raise LookupError("no such luck")


def quoting(conn):
    raise LookupError(conn.read_all().decode())


@packet_handler
def answer(packet):
    packet.reply(packet.data.upper())


class Shop:
    @staticmethod
    def sell(conn):
        conn.write(b"sold\n")


async def coroutine(conn):
    pass


def generator(conn):
    yield conn


def no_conn():
    pass


number = 3


def reading_in_a_group(conn):
    with TaskGroup() as group:
        group.start_soon(conn.read)
