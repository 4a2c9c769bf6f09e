"""Addresses that would make the service speak to what only it can reach: to none of them is a connection made.

The allow-list lets every host through here, so that the check of addresses stands alone.
"""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from workers.errors import AddressRefusedError
from workers.outbound.exchange import exchanged
from workers.outbound.guard import Guard

NAMES = {
    "localhost": ["127.0.0.1"],
    "localhost.localdomain": ["127.0.0.1"],
    "ip6-localhost": ["::1"],
    "private.example": ["10.1.2.3"],
    "metadata.google.internal": ["169.254.169.254"],
    "metadata.example": ["169.254.169.254"],
    "mixed.example": ["93.184.216.34", "127.0.0.1"],
    "mixed6.example": ["2606:2800:220:1::1", "::1"],
    "scoped.example": ["fe80::1%lo"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "redis": ["172.18.0.2"],
    "xn--fake-loopback.example": ["127.0.0.53"],
}
"""What the names in ``URLS`` mean."""

HOSTS = (
    # this machine
    "127.0.0.1", "127.1.2.3", "127.255.255.255", "0.0.0.0", "0.1.2.3", "[::1]", "[::]", "localhost", "LOCALHOST",
    "localhost.", "localhost.localdomain", "ip6-localhost",
    # private and shared networks
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255", "100.64.0.1",
    "100.127.255.255", "[fc00::1]", "[fd12:3456::1]", "[fec0::1]", "redis", "private.example",
    # link-local and metadata
    "169.254.1.1", "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16",
    "[fe80::1]", "[fd00:ec2::254]", "metadata.google.internal", "metadata.example", "scoped.example",
    # reserved
    "192.0.0.8", "192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1", "192.88.99.1", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255", "[ff02::1]", "[2001:db8::1]", "[3fff::1]", "[100::1]",
    # IPv4 inside IPv6
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2001:0:7f00:1::1]", "[::ffff:0:127.0.0.1]",
    "mapped.example", "nat64.example",
    # odd spellings, which C libraries read as addresses
    "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1", "1.0x7f", "127.0.0.1.",
    "0", "[::ffff:127.0.0.1%25lo]", "[fe80::1%25eth0]",
    # names
    "mixed.example", "mixed6.example", "127.0.0.1.nip.example", "xn--fake-loopback.example",
)  # fmt: skip

URLS = (
    # another host than it seems to be
    "http://example.com@127.0.0.1:{port}/", "http://example.com:x@localhost:{port}/",
    "http://127.0.0.1:{port}\\@example.com/", "http://127.0.0.1:{port}#@example.com/",
    "http://127.0.0.1:{port}/\r\nHost: example.com", "http://127.0.0.1:{port}/ x",
    "http://①②⑦.⓪.⓪.①:{port}/", "http://127。0。0。1:{port}/", "http://[::1/", "http://:{port}/", "http:///path",
    "http://127.0.0.1:99999/",
    # other schemes
    "file:///etc/passwd", "gopher://127.0.0.1:{port}/_x", "ftp://127.0.0.1/", "unix:///run/redis.sock", "data:,x",
    "//127.0.0.1:{port}/", "javascript:x",
)  # fmt: skip


class Counting(BaseHTTPRequestHandler):
    """A server that only this machine reaches, and what it was asked."""

    asked: list[str] = []  # noqa: RUF012 - one server of one test module

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(302 if "redirect" in self.path else 200)
        self.send_header("Location", "http://127.0.0.1/secret")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """Port of a server on all addresses of this machine."""
    running = HTTPServer(("0.0.0.0", 0), Counting)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running.server_address[1]
    running.shutdown()
    running.server_close()


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that a socket of this process connects to; names mean what ``NAMES`` says."""
    made: list[Any] = []
    resolve = socket.getaddrinfo

    def resolved(host: Any, *rest: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        addresses = NAMES.get(name.lower().removesuffix("."), [name])
        return [entry for address in addresses for entry in resolve(address, *rest, **options)]

    async def connected(_: Any, sock: socket.socket, address: Any) -> None:
        made.append(address)
        sock.setblocking(False)
        try:
            sock.connect(address)
        except BlockingIOError:
            await asyncio.sleep(0.1)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    monkeypatch.setattr("asyncio.selector_events.BaseSelectorEventLoop.sock_connect", connected)
    return made


def ask(guard: Guard, url: str) -> int:
    async def asked() -> int:
        async with exchanged(guard, "GET", url, limit_s=3) as reply:
            return reply.status_code

    return asyncio.run(asked())


def guard_of(port: int, *networks: str) -> Guard:
    rules = ("*", f"*:{port}", f"http://*:{port}", "http://*")
    return Guard(rules, [ipaddress.ip_network(text) for text in networks])


def test_there_are_at_least_sixty() -> None:
    assert len(set(HOSTS) | set(URLS)) >= 60
    assert len(HOSTS) >= 60


@pytest.mark.parametrize("url", [*(f"http://{host}:{{port}}/" for host in HOSTS), *URLS])
def test_no_connection_is_made(url: str, server: int, connections: list[Any]) -> None:
    with pytest.raises(AddressRefusedError):
        ask(guard_of(server), url.format(port=server) if "{port}" in url else url)
    assert connections == []
    assert Counting.asked == []


def test_a_name_that_means_another_address_a_moment_later_is_asked_once(
    server: int, connections: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["127.0.0.1", "10.0.0.1"])
    resolve = socket.getaddrinfo
    asked: list[str] = []

    def rebinding(host: Any, *rest: Any, **options: Any) -> Any:
        if host != "rebinding.example":
            return resolve(host, *rest, **options)
        asked.append(host)
        return resolve(next(answers), *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    assert ask(guard_of(server, "127.0.0.0/8"), f"http://rebinding.example:{server}/") == 200
    assert asked == ["rebinding.example"]
    assert connections == [("127.0.0.1", server)]
    Counting.asked.clear()


def test_a_redirect_is_not_followed(server: int) -> None:
    assert ask(guard_of(server, "127.0.0.0/8"), f"http://127.0.0.1:{server}/redirect") == 302
    assert Counting.asked == ["/redirect"]
    Counting.asked.clear()


def test_a_proxy_of_the_environment_is_not_used(server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert ask(guard_of(server, "127.0.0.0/8"), f"http://127.0.0.1:{server}/direct") == 200
    Counting.asked.clear()


def test_a_server_that_answers_too_slowly_is_left() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        port = deaf.getsockname()[1]

        async def asked() -> None:
            async with exchanged(guard_of(port, "127.0.0.0/8"), "GET", f"http://127.0.0.1:{port}/", limit_s=0.2):
                pass

        with pytest.raises(TimeoutError):
            asyncio.run(asked())
