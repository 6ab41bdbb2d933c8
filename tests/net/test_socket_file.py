"""The file of a Unix socket: stale or not, ours or not, one at a time."""

import errno
import fcntl
import os
import pwd
import socket

import pytest

from portside.engine import TaskGroup, timeout
from portside.errors import DeadlineError, InUseError
from portside.net import socket_file
from portside.net.socket_file import SocketFile, chown_to, lock_path, remove_stale

# Since 3.12 a fork beside other threads, as of the tests before, is warned of.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded, use of fork:DeprecationWarning"
)

STREAM = socket.SOCK_STREAM


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "x.sock")


def bound(path, kind=STREAM):
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.bind(path)
    return sock


class TestRemovingOurs:
    def test_the_file_goes(self, path):
        with bound(path):
            SocketFile(path).remove()
        assert not os.path.exists(path)

    def test_a_file_that_came_later_stays(self, path):
        with bound(path) as sock:
            file = SocketFile(path)
            os.unlink(path)
            with bound(path):
                file.remove()
                assert os.path.exists(path)
            assert sock.fileno() >= 0

    def test_the_next_file_stays_though_it_gets_the_same_inode(self, path):
        """After a crash nothing holds the inode, and file systems give it again."""
        bound(path).close()
        file = SocketFile(path)
        os.unlink(path)
        bound(path).close()
        os.utime(path, ns=(0, os.lstat(path).st_mtime_ns + 1_000_000_000))
        file.remove()
        assert os.path.exists(path)

    def test_again_nothing_goes(self, path):
        with bound(path):
            file = SocketFile(path)
            file.remove()
        with bound(path):
            file.remove()
            assert os.path.exists(path)

    def test_a_file_that_is_gone_is_no_error(self, path):
        with bound(path):
            file = SocketFile(path)
        os.unlink(path)
        file.remove()

    def test_a_fork_removes_nothing(self, path):
        with bound(path):
            file = SocketFile(path)
            pid = os.fork()
            if not pid:
                file.remove()
                os._exit(0)
            os.waitpid(pid, 0)
            assert os.path.exists(path)

    def test_it_is_found_from_another_directory(self, path, monkeypatch):
        monkeypatch.chdir(os.path.dirname(path))
        with bound("x.sock"):
            file = SocketFile("x.sock")
            monkeypatch.chdir("/")
            file.remove()
        assert not os.path.exists(path)


class TestRemovingWhatIsStale:
    def test_a_file_that_nobody_is_behind_goes(self, path):
        bound(path).close()
        remove_stale(path, STREAM)
        assert not os.path.exists(path)

    def test_no_file_is_no_error(self, path):
        remove_stale(path, STREAM)

    def test_one_that_somebody_listens_behind_stays(self, path):
        with bound(path) as sock:
            sock.listen()
            with pytest.raises(InUseError, match=f"process {os.getpid()} listens"):
                remove_stale(path, STREAM)
            assert os.path.exists(path)

    def test_one_whose_queue_is_full_stays(self, path):
        with bound(path) as sock, socket.socket(socket.AF_UNIX) as client:
            sock.listen(0)
            client.connect(path)
            with pytest.raises(InUseError):
                remove_stale(path, STREAM)
            assert os.path.exists(path)

    @pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
    def test_one_of_another_kind_stays(self, path, kind):
        with bound(path, kind) as sock:
            if kind != socket.SOCK_DGRAM:
                sock.listen()
            with pytest.raises(InUseError):
                remove_stale(path, STREAM)
            assert os.path.exists(path)

    @pytest.mark.parametrize("what", ["file", "directory", "symlink", "fifo"])
    def test_what_is_no_socket_stays(self, path, what):
        match what:
            case "file":
                open(path, "w").close()
            case "directory":
                os.mkdir(path)
            case "symlink":
                os.symlink("/nowhere", path)
            case "fifo":
                os.mkfifo(path)
        with pytest.raises(InUseError, match="no socket is there"):
            remove_stale(path, STREAM)
        assert os.path.lexists(path)


class TestTheLock:
    def test_it_leaves_nothing(self, path):
        with lock_path(path):
            assert os.listdir(os.path.dirname(path)) == ["x.sock.portside.lock"]
        assert os.listdir(os.path.dirname(path)) == []

    def test_one_at_a_time_has_it(self, path):
        inside, most = 0, 0

        def enter():
            nonlocal inside, most
            for _ in range(20):
                with lock_path(path):
                    inside += 1
                    most = max(most, inside)
                    os.stat("/")  # another thread may run here
                    inside -= 1

        with TaskGroup() as group:
            for _ in range(4):
                group.start_soon(enter)
        assert most == 1

    def test_who_waits_for_it_gets_it(self, path):
        with TaskGroup() as group:
            with lock_path(path):

                def enter():
                    with lock_path(path):
                        return True

                waiting = group.start_soon(enter)
                assert not waiting.done
            assert waiting.result()

    def test_the_wait_is_bounded(self, path, monkeypatch):
        with lock_path(path):
            with timeout(0.05), pytest.raises(DeadlineError), lock_path(path):
                pass
            monkeypatch.setattr(socket_file, "LOCK_SECONDS", 0.05)
            with pytest.raises(InUseError, match=r"it has .*x\.sock\.portside\.lock"):
                with lock_path(path):
                    pass

    def test_one_that_was_left_by_a_crash_is_taken(self, path):
        open(f"{path}.portside.lock", "w").close()
        with lock_path(path):
            pass
        assert not os.path.exists(f"{path}.portside.lock")

    def test_a_lock_that_is_held_elsewhere_is_respected(self, path, monkeypatch):
        monkeypatch.setattr(socket_file, "LOCK_SECONDS", 0.01)
        with open(f"{path}.portside.lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with pytest.raises(InUseError):
                with lock_path(path):
                    pass

    def test_a_link_is_not_followed(self, path, tmp_path):
        os.symlink(tmp_path / "victim", f"{path}.portside.lock")
        with lock_path(path):
            pass
        assert not (tmp_path / "victim").exists()


class TestTheOwner:
    def test_it_is_a_number_or_a_name(self, path):
        user = pwd.getpwuid(os.getuid()).pw_name
        with bound(path):
            for owner in (str(os.getuid()), user, f"{user}:{os.getgid()}", ":"):
                chown_to(path, owner)
            assert os.lstat(path).st_uid == os.getuid()

    @pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
    def test_root_gives_it_away(self, path):
        with bound(path):
            chown_to(path, "12345:23456")
            assert (os.lstat(path).st_uid, os.lstat(path).st_gid) == (12345, 23456)
            chown_to(path, ":34567")
            assert (os.lstat(path).st_uid, os.lstat(path).st_gid) == (12345, 34567)

    @pytest.mark.parametrize("owner", ["no-such-user", ":no-such-group"])
    def test_one_that_does_not_exist_is_told(self, path, owner):
        with pytest.raises(ValueError, match=f"owner '{owner}': "):
            chown_to(path, owner)

    @pytest.mark.skipif(os.getuid() == 0, reason="root may")
    def test_without_the_right_it_is_an_error(self, path):
        with bound(path), pytest.raises(OSError, match="permitted") as caught:
            chown_to(path, "0:0")
        assert caught.value.errno == errno.EPERM
