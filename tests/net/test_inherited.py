"""Sockets that somebody else has opened: by number, by the name that systemd says."""

import os
import socket
import subprocess
import sys

import pytest

from portside import Server, net, packet_handler, timeout
from portside.errors import (
    Error,
    InUseError,
    NotFoundError,
    UnknownNetworkError,
)
from portside.names import InheritedEndpoint, UnixAddress
from portside.net.inherited import inherit


@pytest.fixture
def passed():
    """A socket that listens, and its number: as a parent would have passed it."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield os.dup(sock.fileno()), sock.getsockname()


class TestByNumber:
    def test_its_clients_are_accepted(self, passed):
        number, place = passed
        with net.listen(f"fd:{number}") as listener:
            assert listener.network == "tcp"
            assert (listener.address.ip, listener.address.port) == place
            with net.dial(listener.address) as near, listener.accept() as far:
                assert far.remote_address == near.local_address
                near.write(b"x")
                assert far.read() == b"x"

    def test_it_waits_and_closes_as_any_other(self, passed):
        number, _ = passed
        with net.listen(f"fd:{number}") as listener:
            assert not os.get_blocking(number)
            assert not os.get_inheritable(number)
            listener.set_deadline(0)
            with pytest.raises(TimeoutError):
                listener.accept()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)

    @pytest.mark.parametrize("network", ["unix", "unixpacket"])
    def test_a_unix_socket_is_known_and_its_file_stays(self, network, tmp_path):
        path = str(tmp_path / "x")
        kind = socket.SOCK_STREAM if network == "unix" else socket.SOCK_SEQPACKET
        with socket.socket(socket.AF_UNIX, kind) as sock:
            sock.bind(path)
            sock.listen()
            with net.listen(f"fd:{os.dup(sock.fileno())}") as listener:
                assert listener.address == UnixAddress(network, path)
                net.dial(listener.address).close()
            assert os.path.exists(path)
            net.dial(network, path).close()  # who passed it has it still

    def test_both_families_are_told_apart_by_their_addresses(self):
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as sock:
            with net.listen(f"fd:{os.dup(sock.fileno())}") as listener:
                assert listener.address.ip == "::1"

    def test_a_backlog_may_be_given(self, passed):
        with net.listen(f"fd:{passed[0]}", backlog=3):
            pass

    def test_it_is_not_taken_twice(self, passed):
        with net.listen(f"fd:{passed[0]}") as listener:
            with pytest.raises(InUseError, match=r"^listen fd \d+: descriptor \d+ is"):
                net.listen(f"fd:{passed[0]}")
            net.dial(listener.address).close()

    def test_a_number_that_is_free_again_may_be_taken_again(self, passed):
        number, _ = passed
        with socket.create_server(("127.0.0.1", 0)) as other:
            net.listen(f"fd:{number}").close()
            os.dup2(other.fileno(), number)
            with net.listen(f"fd:{number}") as listener:
                assert listener.address.port == other.getsockname()[1]


class TestWhatCannotBeListenedTo:
    def told(self, sock):
        """Return what is said of a socket, which stays open and as it was."""
        with pytest.raises(Error) as caught:
            net.listen(f"fd:{sock.fileno()}")
        assert sock.fileno() == os.dup2(sock.fileno(), sock.fileno())
        assert str(caught.value).startswith(f"listen fd {sock.fileno()}: ")
        return caught.value

    def test_a_number_that_nobody_passed(self):
        with pytest.raises(
            NotFoundError, match="descriptor 999999 is not open: nobody"
        ):
            net.listen("fd:999999")

    def test_a_file(self):
        with open("/dev/null") as file:
            assert "is no socket" in str(self.told(file))

    def test_a_socket_that_does_not_listen(self):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            assert "a socket of tcp that does not listen" in str(self.told(sock))

    def test_a_conn(self, listener):
        with net.dial(listener.address) as conn:
            told = self.told(conn)
        assert "does not listen" in str(told)

    @pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
    def test_a_socket_of_packets(self, family):
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            told = self.told(sock)
        assert isinstance(told, UnknownNetworkError)
        assert "carries packets and no conns" in str(told)


@pytest.mark.parametrize("count", ["99999999999", "9" * 5000, "-1", "three"])
def test_a_number_of_descriptors_that_cannot_be_is_told(count):
    said = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count}
    with pytest.raises(NotFoundError, match="systemd passed no socket"):
        inherit(InheritedEndpoint("systemd", "web"), said)


class TestHandingOut:
    def test_a_listener_is_handed_over_and_its_clients_wait_for_the_next_server(self):
        with net.listen("unix", "@") as door, timeout(10):
            old = net.dial(door.address)
            new = door.accept()
            listener = net.listen("tcp", "127.0.0.1:0")
            old.send_descriptors(b"yours", listener.filenos())
            client = net.dial(listener.address)  # in the queue, and served by whom?
            listener.close()
            _, (number,) = new.receive_descriptors(100, 1)
            with net.listen(f"fd:{number}") as again, again.accept() as served:
                served.write(b"welcome")
                assert client.read_exactly(7) == b"welcome"
            for conn in (old, new, client):
                conn.close()


class TestPackets:
    def test_a_bound_socket_of_packets_is_taken_over(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            place, number = sock.getsockname(), sock.detach()
        with net.listen_packet(f"fd:{number}") as packets, timeout(10):
            assert (packets.network, packets.local_address.port) == ("udp", place[1])
            with net.dial("udp", f"127.0.0.1:{place[1]}") as client:
                client.send(b"hello")
                assert packets.receive().data == b"hello"

    def test_a_server_takes_what_was_passed_by_what_it_carries(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            port, number = sock.getsockname()[1], sock.detach()

        @packet_handler
        def echo(packet):
            packet.reply(packet.data)

        with Server(echo, f"fd:{number}", model="thread"):
            with net.dial("udp", f"127.0.0.1:{port}") as client, timeout(10):
                client.send(b"hello")
                assert client.receive().data == b"hello"

    def test_conns_and_packets_swapped_are_told(self, listener):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            with pytest.raises(UnknownNetworkError, match="carries conns and no pack"):
                net.listen_packet(f"fd:{sock.fileno()}")

    def test_one_that_is_connected_hears_one_peer_alone_and_is_told(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.connect(sock.getsockname())
            with pytest.raises(Error, match="is connected: it hears one peer"):
                net.listen_packet(f"fd:{sock.fileno()}")

    def test_one_that_is_not_bound_is_told(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            with pytest.raises(Error, match="is not bound: nobody can send to it"):
                net.listen_packet(f"fd:{sock.fileno()}")


class TestWhatSystemdSays:
    """With descriptors of a child, whose numbers 3, 4 ... are free."""

    SAY = (
        "import os, socket, sys\n"
        "from portside.names import InheritedEndpoint\n"
        "from portside.net.inherited import inherit\n"
        "os.environ['LISTEN_PID'] = str(os.getpid() + int(sys.argv[2]))\n"
        "try:\n"
        "    network, found = inherit(InheritedEndpoint('systemd', sys.argv[1]))\n"
        "    numbers = [each.number for each in found]\n"
        "    print(network, numbers, [os.get_inheritable(n) for n in numbers])\n"
        "except OSError as error:\n"
        "    print(f'{type(error).__name__}: {error}')\n"
    )

    def said(self, name, names, sockets, *, other_pid=0):
        env = dict(os.environ, LISTEN_FDS=str(len(sockets)))
        if names is not None:
            env["LISTEN_FDNAMES"] = names
        moved = [os.dup(each.fileno()) for each in sockets]
        first = 100
        program = (
            f"import os\n"
            f"for i in range({len(moved)}): os.dup2({first} + i, 3 + i)\n{self.SAY}"
        )
        numbers = [os.dup2(n, first + i) for i, n in enumerate(moved)]
        try:
            done = subprocess.run(
                [sys.executable, "-c", program, name, str(other_pid)],
                env=env,
                pass_fds=numbers,
                capture_output=True,
                text=True,
                timeout=20,
                check=True,
            )
        finally:
            for each in moved + numbers:
                os.close(each)
        return done.stdout.strip()

    @pytest.fixture
    def servers(self):
        with (
            socket.create_server(("127.0.0.1", 0)) as one,
            socket.create_server(("::1", 0), family=socket.AF_INET6) as two,
        ):
            yield one, two

    def test_a_socket_has_its_name(self, servers):
        assert self.said("web", "admin:web", servers) == "tcp [4] [False]"

    def test_several_sockets_may_have_one_name(self, servers):
        assert self.said("web", "web:web", servers) == "tcp [3, 4] [False, False]"

    def test_without_names_they_are_unknown(self, servers):
        assert self.said("unknown", None, servers) == "tcp [3, 4] [False, False]"

    def test_a_name_that_is_none_is_told_with_those_there_are(self, servers):
        said = self.said("shop", "web:admin", servers)
        assert said == (
            "NotFoundError: systemd passed no socket of this name (it has: web, admin)"
        )

    def test_sockets_for_another_process_are_not_ours(self, servers):
        said = self.said("web", "web:web", servers, other_pid=1)
        assert said.startswith("NotFoundError: systemd passed its sockets to process ")

    def test_sockets_of_two_networks_are_no_listener(self, servers, tmp_path):
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(str(tmp_path / "x"))
            unix.listen()
            said = self.said("web", "web:web", [servers[0], unix])
        assert said.startswith("Error: sockets of several networks have this name: ")

    @pytest.mark.parametrize(
        "environ",
        [{}, {"LISTEN_PID": str(os.getpid())}, {"LISTEN_FDS": "1"}],
        ids=["nothing", "no count", "no process"],
    )
    def test_without_systemd_there_are_none(self, environ):
        with pytest.raises(NotFoundError, match="systemd passed no socket to this"):
            inherit(InheritedEndpoint("systemd", "web"), environ)

    @pytest.mark.parametrize("count", ["-1", "many", ""])
    def test_a_count_that_is_none_is_told(self, count):
        environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count}
        with pytest.raises(NotFoundError, match="LISTEN_FDS"):
            inherit(InheritedEndpoint("systemd", "web"), environ)
