"""Name the ports that services are known to live at.

In       a service's name, or a port; with the protocol, tcp or udp
Out      the port, or the name; the range that a port lies in
Source   IANA Service Name and Transport Protocol Port Number Registry (RFC 6335);
         the aliases are those that services(5) files have carried since BSD
Holds    the table below
Fails    AddressError for a name that is not in the table

The table is ours because ``/etc/services`` is not everywhere: small containers have
none, and ``getservbyname`` then knows no ``http``. So a name has the same port on each
host. It lists what people type or meet, not the thousands that are registered; and a
service only for the protocols that it is spoken over, where IANA reserved both for it.
"""

from typing import Literal

from portside.errors import AddressError
from portside.names.closest import did_you_mean

__all__ = ["port_kind", "service_aliases", "service_name", "service_port"]

# (name, port, protocols, aliases), by port
_SERVICES = (
    ("tcpmux", 1, "tcp", ""),
    ("echo", 7, "tcp udp", ""),
    ("discard", 9, "tcp udp", "sink null"),
    ("systat", 11, "tcp udp", "users"),
    ("daytime", 13, "tcp udp", ""),
    ("qotd", 17, "tcp udp", "quote"),
    ("chargen", 19, "tcp udp", "ttytst source"),
    ("ftp-data", 20, "tcp", ""),
    ("ftp", 21, "tcp", ""),
    ("ssh", 22, "tcp", ""),
    ("telnet", 23, "tcp", ""),
    ("smtp", 25, "tcp", "mail"),
    ("time", 37, "tcp udp", "timserver"),
    ("whois", 43, "tcp", "nicname"),
    ("tacacs", 49, "tcp udp", ""),
    ("domain", 53, "tcp udp", "dns"),
    ("bootps", 67, "udp", "dhcp"),
    ("bootpc", 68, "udp", ""),
    ("tftp", 69, "udp", ""),
    ("gopher", 70, "tcp", ""),
    ("finger", 79, "tcp", ""),
    ("http", 80, "tcp udp", "www"),
    ("kerberos", 88, "tcp udp", "krb5"),
    ("pop3", 110, "tcp", "pop-3"),
    ("sunrpc", 111, "tcp udp", "portmapper"),
    ("auth", 113, "tcp", "ident"),
    ("nntp", 119, "tcp", ""),
    ("ntp", 123, "udp", ""),
    ("netbios-ns", 137, "udp", ""),
    ("netbios-dgm", 138, "udp", ""),
    ("netbios-ssn", 139, "tcp", ""),
    ("imap", 143, "tcp", "imap2"),
    ("snmp", 161, "tcp udp", ""),
    ("snmptrap", 162, "tcp udp", "snmp-trap"),
    ("bgp", 179, "tcp", ""),
    ("irc", 194, "tcp", ""),
    ("ldap", 389, "tcp udp", ""),
    ("https", 443, "tcp udp", ""),
    ("microsoft-ds", 445, "tcp", "smb"),
    ("submissions", 465, "tcp", "smtps"),
    ("isakmp", 500, "udp", "ike"),
    ("syslog", 514, "udp", ""),
    ("printer", 515, "tcp", "spooler"),
    ("route", 520, "udp", "router rip"),
    ("dhcpv6-client", 546, "udp", ""),
    ("dhcpv6-server", 547, "udp", ""),
    ("rtsp", 554, "tcp udp", ""),
    ("submission", 587, "tcp", ""),
    ("ipp", 631, "tcp", ""),
    ("ldaps", 636, "tcp", ""),
    ("domain-s", 853, "tcp udp", "dns-over-tls"),
    ("rsync", 873, "tcp", ""),
    ("ftps", 990, "tcp", ""),
    ("imaps", 993, "tcp", ""),
    ("pop3s", 995, "tcp", ""),
    ("socks", 1080, "tcp", ""),
    ("openvpn", 1194, "tcp udp", ""),
    ("ms-sql-s", 1433, "tcp", "mssql"),
    ("radius", 1812, "tcp udp", ""),
    ("radius-acct", 1813, "tcp udp", "radacct"),
    ("mqtt", 1883, "tcp", ""),
    ("nfs", 2049, "tcp udp", ""),
    ("iscsi-target", 3260, "tcp", "iscsi"),
    ("mysql", 3306, "tcp", ""),
    ("ms-wbt-server", 3389, "tcp udp", "rdp"),
    ("stun", 3478, "tcp udp", "turn"),
    ("svn", 3690, "tcp", "subversion"),
    ("ipsec-nat-t", 4500, "udp", ""),
    ("sip", 5060, "tcp udp", ""),
    ("sips", 5061, "tcp", "sip-tls"),
    ("xmpp-client", 5222, "tcp", "jabber-client"),
    ("xmpp-server", 5269, "tcp", "jabber-server"),
    ("mdns", 5353, "udp", ""),
    ("postgresql", 5432, "tcp", "postgres"),
    ("amqps", 5671, "tcp", ""),
    ("amqp", 5672, "tcp", ""),
    ("rfb", 5900, "tcp", "vnc"),
    ("redis", 6379, "tcp", ""),
    ("syslog-tls", 6514, "tcp", ""),
    ("ircs-u", 6697, "tcp", "ircs"),
    ("http-alt", 8080, "tcp", "webcache"),
    ("secure-mqtt", 8883, "tcp", "mqtts"),
    ("git", 9418, "tcp", ""),
    ("memcache", 11211, "tcp udp", "memcached"),
)

_PORTS: dict[str, dict[str, int]] = {"tcp": {}, "udp": {}}
_NAMES: dict[str, dict[int, str]] = {"tcp": {}, "udp": {}}
for _name, _port, _protocols, _aliases in _SERVICES:
    for _protocol in _protocols.split():
        _NAMES[_protocol][_port] = _name
        for _alias in (_name, *_aliases.split()):
            _PORTS[_protocol][_alias] = _port


def service_port(name: str, protocol: str) -> int:
    """Return the port where a service is expected.

    >>> service_port("echo", "udp"), service_port("WWW", "tcp")
    (7, 80)

    Args:
        name: the service or one of its aliases, in any case.
        protocol: tcp or udp.

    Raises:
        AddressError: no such service is known for this protocol.
    """
    ports = _PORTS[_checked(protocol)]
    port = ports.get(name.lower())
    if port is not None:
        return port
    others = [other for other, known in _PORTS.items() if name.lower() in known]
    hint = f"; {others[0]} has one" if others else did_you_mean(name, ports)
    raise AddressError(f"no {protocol} service is called {name!r}{hint}")


def service_name(port: int, protocol: str) -> str | None:
    """Return the name of the service that is expected at a port, if one is.

    >>> service_name(443, "tcp"), service_name(4242, "tcp")
    ('https', None)

    Args:
        port: the number.
        protocol: tcp or udp.
    """
    return _NAMES[_checked(protocol)].get(port)


def service_aliases(port: int, protocol: str) -> tuple[str, ...]:
    """Return the other names of the service that is expected at a port.

    >>> service_aliases(5900, "tcp"), service_aliases(443, "tcp")
    (('vnc',), ())
    """
    name = service_name(port, protocol)
    known = _PORTS[protocol].items()
    return tuple(alias for alias, its in known if its == port and alias != name)


def port_kind(port: int) -> Literal["well-known", "registered", "ephemeral"]:
    """Return the range that a port lies in, by RFC 6335 section 6.

    Well-known ports are for servers, and a Linux host asks for a right to bind them
    (``net.ipv4.ip_unprivileged_port_start``). Ephemeral ones are for clients: any free
    one will do. Which ones the kernel really takes is its own setting, and on Linux
    starts lower (``net.ipv4.ip_local_port_range``, usually 32768 to 60999).

    >>> port_kind(80), port_kind(8080), port_kind(50000)
    ('well-known', 'registered', 'ephemeral')
    """
    if not 0 <= port <= 65535:
        raise AddressError(f"port {port}: not in 0-65535")
    if port <= 1023:
        return "well-known"
    return "registered" if port <= 49151 else "ephemeral"


def _checked(protocol: str) -> str:
    if protocol not in _PORTS:
        known = " or ".join(_PORTS)
        raise AddressError(f"protocol {protocol!r}: has no ports here (give {known})")
    return protocol
