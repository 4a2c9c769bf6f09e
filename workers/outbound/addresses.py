"""Which network addresses the service may speak to: public ones, and private ones that the settings name."""

import ipaddress
from collections.abc import Sequence

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # shared by carriers; Alibaba's metadata are at 100.100.100.200
        "168.63.129.16/32",  # Azure's own service inside every virtual machine
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata are at 192.0.0.192
        "192.88.99.0/24",  # relays to 6to4
        "198.18.0.0/15",  # benchmarks
        "2001::/23",  # Teredo and other protocols, which hold an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds an IPv4 address
        "3fff::/20",  # documentation
    )
)
"""Beside what Python's ``is_global`` refuses; its answer depends on the release of Python."""


def may_be_reached(address: IpAddress, networks: Sequence[IpNetwork]) -> bool:
    """Whether ``address`` is public, or in one of the ``networks`` that are allowed besides.

    An IPv6 address that holds an IPv4 address (mapped, NAT64, 6to4, Teredo) is none that anybody needs.
    """
    if any(address in network for network in networks):
        return True
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST_6:
        return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _NEVER)


def as_address(host: str) -> IpAddress | None:
    """The address that ``host`` spells, or None if it is a name. Raises: ValueError for spellings such as 0x7f.1."""
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        if (
            host.rsplit(".", 1)[-1].isdecimal()
            or any(label.startswith("0x") for label in host.split("."))
            or ":" in host
        ):
            raise
        return None
