"""Options of sockets, on sockets without a conn."""

import os
import socket

import pytest

from portside import net
from portside.errors import Error
from portside.net import options


def test_the_peer_of_a_unix_socket_is_known():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        peer = options.peer_credentials(ours)
    assert peer == (os.getpid(), os.getuid(), os.getgid())


def test_the_peer_of_another_socket_is_not():
    with socket.socket() as sock, pytest.raises(Error, match="only the peer of a Unix"):
        options.peer_credentials(sock)


def test_a_linger_is_on_or_off():
    with socket.socket() as sock:
        options.set_linger(sock, 5)
        told = sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        assert told == b"\1\0\0\0\5\0\0\0"
        options.set_linger(sock, None)
        told = sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        assert told[:4] == b"\0\0\0\0"


def test_what_is_unsent_is_bounded_at_both_ends():
    """Else the kernel takes 4 MiB for a peer that does not read, at a stroke."""
    with net.listen("tcp", "127.0.0.1:0") as listener:
        with net.dial(listener.address) as near, listener.accept() as far:
            for conn in (near, far):
                with socket.socket(fileno=os.dup(conn.fileno())) as sock:
                    bound = sock.getsockopt(
                        socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT
                    )
                assert bound == options.UNSENT_BYTES
