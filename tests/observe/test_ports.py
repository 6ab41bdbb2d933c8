"""What this machine does with a port, as the kernel's settings say."""

import os
import re
import socket
from pathlib import Path

import pytest

from portside.errors import AddressError
from portside.observe import ports
from portside.observe.ports import first_free_port, local_port


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A machine of our own: its settings are files here."""
    monkeypatch.setattr(ports, "_SYSCTL", str(tmp_path))
    monkeypatch.setattr(ports, "_STATUS", str(tmp_path / "status"))
    (tmp_path / "ip_unprivileged_port_start").write_text("100\n")
    (tmp_path / "ip_local_port_range").write_text("40000\t40099\n")
    (tmp_path / "ip_local_reserved_ports").write_text("80,40050-40059,40070\n")
    (tmp_path / "status").write_text("CapPrm:\tffff\nCapEff:\t0000000000000400\n")
    return tmp_path


@pytest.mark.parametrize(("port", "needs"), [(0, False), (1, True), (99, True)])
def test_a_low_port_takes_a_right(settings, port, needs):
    assert local_port(port).needs_right == needs
    assert not local_port(100).needs_right


@pytest.mark.parametrize(("bits", "has"), [("400", True), ("bff", False), ("0", False)])
def test_the_right_is_read_from_the_effective_ones(settings, bits, has):
    (settings / "status").write_text(f"CapPrm:\t400\nCapEff:\t{bits}\n")
    assert local_port(99).may_listen == has
    assert local_port(100).may_listen


CLIENTS = {
    39999: (False, False),
    40000: (True, False),
    40049: (True, False),
    40050: (False, True),
    40059: (False, True),
    40060: (True, False),
    40070: (False, True),
    40099: (True, False),
    40100: (False, False),
    80: (False, True),
}


@pytest.mark.parametrize(("port", "answers"), CLIENTS.items(), ids=CLIENTS)
def test_clients_get_what_is_in_the_range_and_not_reserved(settings, port, answers):
    found = local_port(port)
    assert (found.is_for_clients, found.is_reserved) == answers
    assert found.client_range == (40000, 40099)


def test_where_nothing_can_be_read_the_defaults_of_the_kernel_hold(settings):
    for each in settings.iterdir():
        each.unlink()
    found = local_port(1023)
    assert found.needs_right
    assert (found.first_free, found.client_range) == (1024, (32768, 60999))
    assert found.may_listen == (os.geteuid() == 0)
    assert not found.is_reserved


def test_settings_that_make_no_sense_are_passed_over(settings):
    (settings / "ip_local_reserved_ports").write_text("\n")
    (settings / "ip_local_port_range").write_text("many\n")
    assert local_port(80).is_reserved is False
    assert local_port(80).client_range == (32768, 60999)


def test_a_port_that_the_kernel_gave_is_for_clients():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        assert local_port(sock.getsockname()[1]).is_for_clients


def test_this_machine_is_read():
    status = Path("/proc/self/status").read_text()
    found = re.search(r"CapEff:\s*([0-9a-f]+)", status)
    assert found is not None
    assert local_port(1).may_listen == bool(int(found[1], 16) >> 10 & 1)
    setting = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if setting.exists():
        assert first_free_port() == int(setting.read_text())


@pytest.mark.parametrize("port", [-1, 65536])
def test_there_is_no_such_port(port):
    with pytest.raises(AddressError, match="not in 0-65535"):
        local_port(port)
