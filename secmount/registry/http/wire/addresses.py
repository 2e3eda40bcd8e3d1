"""Which network addresses a registry, or what it points at, may have. Pure.

Ranges are listed here, for what `ipaddress` calls global differs between versions of Python. IANA special-purpose
registries (2026-10), and the metadata services of clouds, which give credentials to whoever can send them a request.
"""

from __future__ import annotations

import ipaddress
from enum import Enum

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA = (
    "169.254.0.0/16",  # link-local, and where most clouds have theirs
    "fe80::/10",
    "100.100.100.200/32",  # Alibaba
    "168.63.129.16/32",  # Azure
    "192.0.0.192/32",  # Oracle
    "fd00:ec2::254/128",  # AWS
    "fd20:ce::254/128",  # Google
)
_LOOPBACK = ("127.0.0.0/8", "::1/128", "0.0.0.0/8", "::/128")  # connecting to 0.0.0.0 or :: reaches this machine
_PRIVATE = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "fc00::/7",
    "fec0::/10",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "2001:db8::/32",
    "3fff::/20",
    "5f00::/16",
    "100::/64",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "ff00::/8",
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")


class Reach(Enum):
    """Whose an address is."""

    LOOPBACK = "this machine's own"
    METADATA = "link-local or a cloud's metadata service"
    PRIVATE = "private, or reserved"
    PUBLIC = "public"


_RANGES = [
    (ipaddress.ip_network(text), reach)
    for reach, texts in ((Reach.METADATA, _METADATA), (Reach.LOOPBACK, _LOOPBACK), (Reach.PRIVATE, _PRIVATE))
    for text in texts
]


def reach(text: str) -> Reach:
    """Say whose the numeric address `text` is; an IPv4 address inside an IPv6 one is judged itself."""
    address = _inner(ipaddress.ip_address(text.partition("%")[0]))
    for network, found in _RANGES:
        if address.version == network.version and address in network:
            return found
    return Reach.PUBLIC


def is_loopback(host: str) -> bool:
    """Say whether the host's name itself is this machine's: `localhost`, 127.0.0.0/8 or ::1."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return reach(host) is Reach.LOOPBACK
    except ValueError:
        return False


def _inner(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or address in _NAT64_LOCAL:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
