"""What lookup tells of a machine that is set up otherwise than this one."""

import pytest

from portside.cli.answers import about_port, show_name, show_port


def port_text(capsys, number=80, **otherwise):
    show_port(about_port(number) | otherwise)
    return capsys.readouterr().out


RIGHTS = [
    (True, True, "takes a right (CAP_NET_BIND_SERVICE, under 1024), which this proc"),
    (True, False, "under 1024), which this process does not have"),
    (False, True, "anybody may (ports from 1024 up)"),
]


@pytest.mark.parametrize(("needs", "may", "said"), RIGHTS)
def test_a_right_is_told_and_who_has_it(capsys, needs, may, said):
    told = {"needs_right": needs, "may_listen": may, "first_free": 1024}
    assert said in port_text(capsys, **told)


CLIENTS = [
    (True, False, "yes: the kernel may give it to any client (32768-60999)"),
    (False, True, "no: it is in net.ipv4.ip_local_reserved_ports"),
    (False, False, "no: the kernel gives them 32768-60999"),
]


@pytest.mark.parametrize(("gives", "is_reserved", "said"), CLIENTS)
def test_the_ports_of_clients_are_told(capsys, gives, is_reserved, said):
    told = {"is_for_clients": gives, "is_reserved": is_reserved}
    assert said in port_text(capsys, client_range=[32768, 60999], **told)


HOLDERS = [
    ({"pid": 7, "others": 0}, "held by (tcp)  nginx (pid 7), user www\n"),
    ({"pid": 7, "others": 2}, "held by (tcp)  nginx (pid 7) and 2 more, user www\n"),
    ({"pid": None, "others": 0}, "a process of user www, which cannot be seen"),
]


@pytest.mark.parametrize(("told", "said"), HOLDERS)
def test_a_holder_is_told_as_far_as_it_is_seen(capsys, told, said):
    holder = {"user": "www", "name": "nginx", **told}
    assert said in port_text(capsys, held_by=holder)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (5900, "port 5900: rfb (tcp, also vnc)"),
        (9, "discard (udp, also sink null)"),
        (50000, "ephemeral (49152-65535 by IANA)"),
        (8000, "registered (1024-49151 by IANA)"),
    ],
)
def test_a_port_has_its_names_and_its_range(capsys, number, said):
    assert said in port_text(capsys, number)


def test_an_address_without_a_route_and_an_order_without_a_rule_are_told(capsys):
    why = {"rule": "", "because": "the resolver put it first", "table": ""}
    first = {"address": "192.0.2.1", "kind": "x", "source": None, "before_next": why}
    last = {"address": "192.0.2.2", "kind": "x", "source": None, "before_next": None}
    show_name("h.test", {"addresses": [first, last], "records": []})
    line = capsys.readouterr().out.splitlines()[2]
    assert line.endswith("  no route  the resolver put it first")


def test_a_record_that_is_not_to_be_remembered_has_a_lifetime_of_none(capsys):
    record = {"type": "A", "name": "h.test", "ttl": 0, "value": "192.0.2.1"}
    record |= dict.fromkeys(("priority", "weight", "port"))
    show_name("h.test", {"addresses": [], "records": [record]})
    assert "h.test  A     0s" in capsys.readouterr().out
