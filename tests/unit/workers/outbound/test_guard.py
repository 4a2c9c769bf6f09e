"""What an allow-list lets through, by name, scheme and port."""

import ipaddress

import pytest

from workers.errors import AddressRefusedError
from workers.outbound.addresses import may_be_reached
from workers.outbound.guard import Destination, Guard, HostRule


@pytest.mark.parametrize(
    ("rule", "url", "allowed"),
    [
        ("hooks.example.com", "https://hooks.example.com/a?b=c", True),
        ("hooks.example.com", "https://HOOKS.example.com./", True),
        ("hooks.example.com", "https://hooks.example.com:443/", True),
        ("hooks.example.com", "http://hooks.example.com/", False),
        ("hooks.example.com", "https://hooks.example.com:8443/", False),
        ("hooks.example.com", "https://evil-hooks.example.com/", False),
        ("hooks.example.com", "https://hooks.example.com.evil.org/", False),
        ("*.example.com", "https://a.b.example.com/", True),
        ("*.example.com", "https://example.com/", False),
        ("*.example.com", "https://notexample.com/", False),
        ("*", "https://anything.example/", True),
        ("*", "http://anything.example/", False),
        ("http://intranet.example", "http://intranet.example/", True),
        ("http://intranet.example", "https://intranet.example/", False),
        ("intranet.example:8443", "https://intranet.example:8443/", True),
        ("[2606:2800:220:1::1]:8443", "https://[2606:2800:220:1::1]:8443/", True),
    ],
)
def test_a_rule_allows_what_it_says(rule: str, url: str, allowed: bool) -> None:
    guard = Guard([rule], [])
    if allowed:
        assert guard.destination(url).host
        return
    with pytest.raises(AddressRefusedError, match="not on the list"):
        guard.destination(url)


@pytest.mark.parametrize("text", ["", "https://", "a b", "example.com/path", "ftp://example.com", "user@example.com"])
def test_what_is_no_rule_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="is no host"):
        HostRule.of(text)


def test_a_destination_is_what_is_asked_for() -> None:
    assert Guard(["*"], []).destination("https://a.example/x%20y?z=1#part") == Destination(
        "https", "a.example", 443, "/x%20y?z=1"
    )
    assert Guard(["*"], []).destination("https://a.example").target == "/"
    with pytest.raises(AddressRefusedError, match="2048"):
        Guard(["*"], []).destination(f"https://a.example/{'x' * 2048}")


def test_a_private_network_can_be_allowed_and_no_more_than_it() -> None:
    networks = [ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00:1::/32")]
    for text, allowed in (
        ("10.1.2.3", True),
        ("10.2.0.1", False),
        ("127.0.0.1", False),
        ("fd00:1::5", True),
        ("fd00:2::5", False),
        ("::ffff:10.1.2.3", False),
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
    ):
        assert may_be_reached(ipaddress.ip_address(text), networks) == allowed, text
