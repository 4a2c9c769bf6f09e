"""Where the service may send to or fetch from: checked when an address is given, and again when it is resolved."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from workers.errors import AddressRefusedError
from workers.outbound.addresses import IpNetwork, as_address, may_be_reached

MAX_LENGTH = 2048
_RULE = re.compile(r"(?:(https?)://)?(\*|(?:\*\.)?[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?")
_PORTS = {"http": 80, "https": 443}
_PLAIN = re.compile(r"[!-~]+")
"""Printable ASCII: whoever has other letters in a name sends it as xn--."""


@dataclass(frozen=True, slots=True)
class HostRule:
    """One entry of an allow-list: ``example.com``, ``*.example.com`` or ``*``, as ``https`` at its usual port.

    ``http://example.com`` and ``example.com:8443`` allow that scheme and port instead.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> Self:
        """The rule in words. Raises: ValueError."""
        found = _RULE.fullmatch(text.lower())
        if found is None:
            raise ValueError(f"{text!r} is no host such as hooks.example.com, *.example.com or *")
        scheme = found[1] or "https"
        return cls(scheme, found[2], int(found[3] or _PORTS[scheme]))

    def allows(self, scheme: str, host: str, port: int) -> bool:
        """Whether the rule speaks of this host."""
        named = self.host in ("*", host) or (self.host.startswith("*.") and host.endswith(self.host[1:]))
        return named and (scheme, port) == (self.scheme, self.port)


@dataclass(frozen=True, slots=True)
class Destination:
    """An address that is allowed by name: what to connect to, and what to ask for there."""

    scheme: str
    host: str
    port: int
    target: str


class Guard:
    """Allow-list and private networks of one purpose."""

    def __init__(self, hosts: Sequence[str], networks: Sequence[IpNetwork]) -> None:
        self._rules = [HostRule.of(text) for text in hosts]
        self._networks = tuple(networks)

    def destination(self, url: str) -> Destination:
        """Where ``url`` leads, as far as its text tells. Raises: AddressRefusedError."""
        if len(url) > MAX_LENGTH or not _PLAIN.fullmatch(url) or "\\" in url:
            raise AddressRefusedError(f"An address is at most {MAX_LENGTH} printable ASCII characters, without spaces.")
        try:
            parts = urlsplit(url)
            scheme, host = parts.scheme, (parts.hostname or "").removesuffix(".")
            port = parts.port or _PORTS.get(scheme, 0)
            address = as_address(host)
        except ValueError as error:
            raise AddressRefusedError("The address is damaged, or spells an IP address in an odd way.") from error
        if scheme not in _PORTS or not host:
            raise AddressRefusedError("An address begins with https:// and names a host.")
        if parts.username is not None or parts.password is not None:
            raise AddressRefusedError("An address holds no user and no password.")
        if not any(rule.allows(scheme, f"[{host}]" if ":" in host else host, port) for rule in self._rules):
            raise AddressRefusedError("The host, with this scheme and port, is not on the list of this service.")
        if address is not None and not may_be_reached(address, self._networks):
            raise AddressRefusedError("The host is not a public address.")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Destination(scheme, host, port, target)

    async def resolved(self, destination: Destination) -> str:
        """The IP address to connect to, after all that the name has now were checked.

        Raises: AddressRefusedError if one is not public; OSError if there is none.
        """
        found = await asyncio.get_running_loop().getaddrinfo(
            destination.host, destination.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        if not all(may_be_reached(address, self._networks) for address in addresses):
            raise AddressRefusedError("The host is not a public address.")
        return str(addresses[0])
