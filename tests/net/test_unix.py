"""Unix sockets: dialed and listened to, and the files in between."""

import errno
import os
import pickle
import socket
import stat
import tempfile

import pytest

from portside import net
from portside.engine import TaskGroup, timeout
from portside.errors import (
    AddressError,
    DeadlineError,
    DeniedError,
    Error,
    InUseError,
    NotFoundError,
    RefusedError,
    ResetError,
    UnknownNetworkError,
)
from portside.events import socket_call
from portside.names import UnixAddress

# Since 3.12 a fork beside other threads, as of the tests before, is warned of.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded, use of fork:DeprecationWarning"
)

NETWORKS = pytest.mark.parametrize("network", ["unix", "unixpacket"])


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "x.sock")


def left_by_a_crash(path, kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_UNIX, kind) as sock:
        sock.bind(path)


class TestTheEnds:
    @NETWORKS
    def test_a_conn_says_who_is_where(self, network, path):
        with net.listen(network, path) as listener, net.dial(network, path) as near:
            with listener.accept() as far:
                here, nowhere = UnixAddress(network, path), UnixAddress(network, "")
                assert listener.address == far.local_address == near.remote_address
                assert listener.address == here
                assert far.remote_address == near.local_address == nowhere
                assert (near.network, far.network) == (network, network)
                assert repr(far) == f"<Conn {network} {path}->(unnamed) open>"

    def test_every_way_to_say_where_reaches_it(self, path):
        with net.listen(f"unix:{path}") as listener:
            for target in (f"unix:{path}",), ("unix", path), (listener.address,):
                net.dial(*target).close()
                listener.accept().close()

    def test_a_client_with_a_name_is_known_by_it(self, path, tmp_path):
        with (
            net.listen("unix", path) as listener,
            socket.socket(socket.AF_UNIX) as sock,
        ):
            sock.bind(str(tmp_path / "client"))
            sock.connect(path)
            with listener.accept() as conn:
                assert conn.remote_address == UnixAddress("unix", f"{tmp_path}/client")

    def test_the_name_of_a_client_cannot_break_a_log_line(self, path, tmp_path):
        with (
            net.listen("unix", path) as listener,
            socket.socket(socket.AF_UNIX) as sock,
        ):
            sock.bind(f"{tmp_path}/a\nb")
            sock.connect(path)
            with listener.accept() as conn:
                assert "\n" not in f"{conn!r} {conn.remote_address}"

    def test_the_peers_process_is_known(self, path):
        with net.listen("unix", path) as listener, net.dial("unix", path) as near:
            with listener.accept() as far:
                us = os.getpid(), os.getuid(), os.getgid()
                assert near.peer_credentials() == far.peer_credentials() == us

    def test_there_is_no_five_tuple(self, path):
        with net.listen("unix", path), net.dial("unix", path) as conn:
            with pytest.raises(Error, match="network unix has no five-tuple"):
                conn.five_tuple  # noqa: B018

    def test_an_error_names_both_ends(self, path):
        with net.listen("unix", path) as listener, net.dial("unix", path) as near:
            with listener.accept() as far, timeout(0), pytest.raises(Error) as caught:
                far.read()
            assert str(caught.value).startswith(f"read unix {path}->(unnamed): ")
            assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
            assert near.local_address == far.remote_address

    def test_a_relative_path_is_one(self, path, monkeypatch):
        monkeypatch.chdir(os.path.dirname(path))
        with net.listen("unix:x.sock") as listener:
            assert str(listener.address) == "x.sock"
            net.dial("unix:x.sock").close()
            monkeypatch.chdir("/")
        assert not os.path.exists(path)


class TestAbstractNames:
    def test_it_has_no_file_and_is_free_after_the_close(self, path, tmp_path):
        name = f"@portside-{tmp_path}"
        for _ in range(2):
            with net.listen("unix", name) as listener, net.dial(f"unix:{name}") as conn:
                assert str(conn.remote_address) == name == str(listener.address)
                with pytest.raises(InUseError, match=f"^listen unix {name}: address a"):
                    net.listen("unix", name)

    def test_the_kernel_chooses_one(self):
        with net.listen("unix", "@") as one, net.listen("unix", "@") as other:
            assert one.address != other.address
            assert str(one.address).startswith("@")
            net.dial(one.address).close()

    def test_it_may_have_107_bytes(self):
        name = f"@{os.getpid()}".ljust(108, "x")
        with net.listen("unix", name), net.dial("unix", name) as conn:
            assert str(conn.remote_address) == name

    def test_the_kernels_choice_cannot_be_dialed(self):
        with pytest.raises(AddressError, match="only to listen at"):
            net.dial("unix:@")


class TestTheFile:
    @NETWORKS
    def test_it_is_there_while_it_listens(self, network, path):
        with net.listen(network, path):
            assert stat.S_ISSOCK(os.lstat(path).st_mode)
        assert os.listdir(os.path.dirname(path)) == []

    @NETWORKS
    def test_one_that_a_crash_left_is_replaced(self, network, path):
        left_by_a_crash(path)
        with net.listen(network, path), net.dial(network, path):
            pass

    @pytest.mark.parametrize("other", ["unix", "unixpacket"])
    @NETWORKS
    def test_a_live_one_is_in_use_and_goes_on(self, network, other, path):
        with net.listen(network, path) as listener:
            with pytest.raises(InUseError, match=f"^listen {other} {path}: address al"):
                net.listen(other, path)
            with listener.accept() if network == other else net.dial(network, path):
                pass  # the one that asked, if it could
            net.dial(network, path).close()

    def test_the_holder_is_named(self, path):
        with net.listen("unix", path):
            with pytest.raises(
                InUseError, match=f"process {os.getpid()} listens there"
            ):
                net.listen("unix", path)

    def test_a_file_that_is_no_socket_is_never_removed(self, path):
        with open(path, "w") as file:
            file.write("precious")
        with pytest.raises(InUseError, match="a file that is no socket is there"):
            net.listen("unix", path)
        with open(path) as file:
            assert file.read() == "precious"

    def test_of_many_that_find_a_stale_one_one_listens(self, path):
        for _ in range(20):
            left_by_a_crash(path)
            with TaskGroup() as group:
                tasks = [group.start_soon(listen_or_not, path) for _ in range(6)]
            won = [task.result() for task in tasks if task.result() is not None]
            assert len(won) == 1
            net.dial("unix", path).close()
            won[0].close()
            assert not os.path.exists(path)

    def test_closing_twice_leaves_what_came_in_between(self, path):
        first = net.listen("unix", path)
        first.close()
        with net.listen("unix", path):
            first.close()
            assert os.path.exists(path)

    def test_one_that_somebody_replaced_stays(self, path):
        with net.listen("unix", path):
            os.unlink(path)
            left_by_a_crash(path)
        assert os.path.exists(path)

    def test_a_fork_that_closes_leaves_it(self, path):
        with net.listen("unix", path) as listener:
            pid = os.fork()
            if not pid:
                listener.close()
                os._exit(0)
            os.waitpid(pid, 0)
            net.dial("unix", path).close()

    def test_a_fork_that_abandons_leaves_it(self, path):
        with net.listen("unix", path) as listener:
            pid = os.fork()
            if not pid:
                listener.abandon()
                os._exit(0)
            os.waitpid(pid, 0)
            net.dial("unix", path).close()

    def test_no_directory_is_told(self, path):
        with pytest.raises(NotFoundError, match=r"^listen unix /no/such/dir: no such"):
            net.listen("unix:/no/such/dir")

    def test_what_fails_after_the_bind_leaves_no_file(self, path):
        with pytest.raises(ValueError, match="no-such-user"):
            net.listen("unix", path, owner="no-such-user")
        assert os.listdir(os.path.dirname(path)) == []


def listen_or_not(path):
    try:
        return net.listen("unix", path)
    except InUseError:
        return None


class TestWhoMayConnect:
    @pytest.mark.parametrize("umask", [0o077, 0])
    @pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
    def test_the_mode_is_what_was_asked_from_the_first_moment(self, mode, umask, path):
        seen = []

        def look(name, number, told, result):
            if name == "bind":
                seen.append(stat.S_IMODE(os.lstat(path).st_mode))

        before = os.umask(umask)
        socket_call.add(look)
        try:
            with net.listen("unix", path, mode=mode):
                assert stat.S_IMODE(os.lstat(path).st_mode) == mode
        finally:
            socket_call.remove(look)
            assert os.umask(before) == umask
        assert seen == [mode & ~umask]

    def test_without_a_mode_the_umask_says(self, path):
        before = os.umask(0o027)
        try:
            with net.listen("unix", path):
                assert stat.S_IMODE(os.lstat(path).st_mode) == 0o750
        finally:
            os.umask(before)

    def test_the_owner_is_what_was_asked(self, path):
        with net.listen("unix", path, owner=f"{os.getuid()}:{os.getgid()}"):
            assert os.lstat(path).st_uid == os.getuid()

    @pytest.mark.parametrize("target", ["tcp://127.0.0.1:0", "unix:@", "fd:3"])
    @pytest.mark.parametrize("option", [{"mode": 0o600}, {"owner": "root"}])
    def test_what_has_no_file_has_no_mode(self, target, option):
        with pytest.raises(ValueError, match="mode and owner are of a socket's file"):
            net.listen(target, **option)

    @pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become somebody else")
    @pytest.mark.parametrize(("mode", "status"), [(0o600, 7), (0o666, 0)])
    def test_who_may_not_is_denied(self, mode, status):
        with tempfile.TemporaryDirectory(dir="/tmp") as directory:
            os.chmod(directory, 0o755)
            with net.listen("unix", f"{directory}/x", mode=mode) as listener:
                pid = os.fork()
                if not pid:
                    os._exit(dial_as_nobody(listener.address))
                _, told = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(told) == status


def dial_as_nobody(address):
    os.setuid(65534)
    try:
        net.dial(address)
    except DeniedError:
        return 7
    return 0


class TestDialing:
    @NETWORKS
    def test_nobody_behind_a_file_refuses(self, network, path):
        left_by_a_crash(path)
        with pytest.raises(RefusedError, match=f"^dial {network} {path}: connection"):
            net.dial(network, path)

    def test_no_file_is_not_found(self, path):
        with pytest.raises(NotFoundError, match=f"^dial unix {path}: no such file"):
            net.dial("unix", path)

    def test_another_kind_is_told(self, path):
        with net.listen("unix", path):
            with pytest.raises(Error, match="another kind is there: not unixpacket"):
                net.dial("unixpacket", path)

    def test_it_tries_again_until_somebody_listens(self, path):
        with TaskGroup() as group:
            dialing = group.start_soon(net.dial, "unix", path, attempts=100)
            with net.listen("unix", path), dialing.result():
                pass

    def test_what_failed_again_says_how_often(self, path):
        with pytest.raises(NotFoundError) as caught:
            net.dial("unix", path, attempts=2)
        assert len(caught.value.attempts) == 2
        assert "(2 attempts)" in str(caught.value)

    def test_when_the_time_is_up_it_says_why_nobody_was_reached(self, path):
        with pytest.raises(NotFoundError) as caught:
            net.dial("unix", path, attempts=100, timeout=0.05)
        assert 1 <= len(caught.value.attempts) < 100

    def test_a_time_that_was_up_before_is_told(self, path):
        with net.listen("unix", path):
            with pytest.raises(DeadlineError, match=f"^dial unix {path}: deadline"):
                net.dial("unix", path, timeout=0)

    def test_it_waits_for_room_in_the_queue(self, path):
        with net.listen("unix", path, backlog=0) as listener:
            with net.dial("unix", path), TaskGroup() as group:
                waiting = group.start_soon(net.dial, "unix", path)
                listener.accept().close()
                waiting.result().close()

    def test_the_wait_for_room_is_bounded(self, path):
        with net.listen("unix", path, backlog=0), net.dial("unix", path):
            with pytest.raises(DeadlineError, match=f"^dial unix {path}: "):
                net.dial("unix", path, timeout=0.05)

    def test_a_listener_that_closes_resets_those_who_wait(self, path):
        with net.listen("unix", path) as listener, net.dial("unix", path) as conn:
            listener.close()
            with pytest.raises(ResetError):
                conn.read()

    def test_a_control_sees_the_socket_before(self, path):
        seen = []

        def control(network, address, sock):
            seen.append((network, address, sock.family))

        with net.listen("unix", path, control=control):
            net.dial("unix", path, control=control).close()
        assert seen == [("unix", UnixAddress("unix", path), socket.AF_UNIX)] * 2

    def test_a_control_that_fails_leaves_nothing(self, path):
        def control(network, address, sock):
            raise OSError(errno.EPERM, "no")

        for call in (net.listen, net.dial):
            with pytest.raises(DeniedError):
                call("unix", path, control=control)
        assert not os.path.exists(path)

    def test_a_local_address_is_refused(self, path):
        with pytest.raises(AddressError, match="local"):
            net.dial("unix", path, local="127.0.0.1")

    def test_an_inherited_socket_is_only_listened_to(self):
        with pytest.raises(AddressError, match="only to listen at"):
            net.dial("fd:3")

    def test_packets_are_not_for_conns(self, path):
        with pytest.raises(UnknownNetworkError, match="carries packets"):
            net.listen("unixgram", path)


def test_a_socket_does_not_survive_exec(path):
    with net.listen("unix", path) as listener, net.dial("unix", path) as conn:
        for number in (*listener.filenos(), conn.fileno()):
            assert not os.get_inheritable(number)
