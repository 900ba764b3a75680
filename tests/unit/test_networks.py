"""Which addresses a request may go to, whatever disguise they wear."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from autoai.domain.networks import NetworkRules, Refusal, parse_networks

METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.0.0",
    "169.254.255.255",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fe80::a9fe:a9fe",
    "fe80::1%eth0",
]
NEIGHBOURS = ["169.253.255.255", "169.255.0.0", "100.100.100.201", "168.63.129.17", "fd00:ec3::1"]


def rules(allowed: str = "", denied: str = "") -> NetworkRules:
    return NetworkRules(parse_networks(allowed), parse_networks(denied))


def disguises(inner: str) -> list[str]:
    """Addresses at which an IPv4 address can be reached without naming it."""
    number = int(IPv4Address(inner))
    a, b = number >> 16, number & 0xFFFF
    prefix = int(IPv6Address("64:ff9b:1::"))
    local = [
        prefix | (number >> 16) << 64 | (number & 0xFFFF) << 40,  # a prefix of 48 bits
        prefix | (number >> 24) << 64 | (number & 0xFFFFFF) << 32,  # 56
        prefix | number << 24,  # 64
        prefix | number,  # 96
    ]
    return [
        f"::ffff:{inner}",
        f"::{inner}",
        f"::ffff:0:{inner}",
        f"64:ff9b::{inner}",
        f"2002:{a:x}:{b:x}::1",
        f"2001:0:{a:x}:{b:x}:0:ffff:f7f7:f7f7",  # its Teredo server
        f"2001:0:808:808:0:ffff:{a ^ 0xFFFF:x}:{b ^ 0xFFFF:x}",  # its Teredo client
        *(str(IPv6Address(value)) for value in local),
    ]


@pytest.mark.parametrize("address", METADATA)
def test_metadata_is_denied_whatever_is_allowed(address: str) -> None:
    assert rules().verdict(address) is Refusal.METADATA
    assert rules("0.0.0.0/0 ::/0").verdict(address) is Refusal.METADATA
    assert rules(address.partition("%")[0]).verdict(address) is Refusal.METADATA


@pytest.mark.parametrize("address", [*NEIGHBOURS, "127.0.0.1", "::1", "10.0.0.1", "8.8.8.8"])
def test_without_lists_all_else_is_allowed(address: str) -> None:
    assert rules().verdict(address) is None


@pytest.mark.parametrize("address", disguises("169.254.169.254"))
def test_metadata_in_disguise(address: str) -> None:
    assert rules().verdict(address) is Refusal.METADATA


@pytest.mark.parametrize("address", ["10.1.2.3", *disguises("10.1.2.3")])
def test_a_denied_network_in_disguise(address: str) -> None:
    assert rules(denied="10.0.0.0/8").verdict(address) is Refusal.DENIED
    assert rules(denied="11.0.0.0/8").verdict(address) is None


@pytest.mark.parametrize(
    ("allowed", "address", "found"),
    [
        ("203.0.113.0/24", "203.0.113.7", None),
        ("203.0.113.0/24", "::ffff:203.0.113.7", None),
        ("::ffff:203.0.113.0/120", "203.0.113.7", None),
        ("203.0.113.0/24", "203.0.114.7", Refusal.NOT_ALLOWED),
        ("203.0.113.0/24", "2001:db8::1", Refusal.NOT_ALLOWED),
        ("2001:db8::/32", "2001:db8::1", None),
        ("64:ff9b::/96", "64:ff9b::10.0.0.1", Refusal.NOT_ALLOWED),
        ("64:ff9b::/96, 8.8.8.8", "64:ff9b::8.8.8.8", None),
        ("8.8.8.8", "2001:0:808:808:0:ffff:f5ff:fffe", Refusal.NOT_ALLOWED),
    ],
)
def test_only_what_is_allowed(allowed: str, address: str, found: Refusal | None) -> None:
    assert rules(allowed).verdict(address) is found


def test_denied_wins_over_allowed() -> None:
    both = rules("10.0.0.0/8", "10.0.0.5")
    assert both.verdict("10.0.0.5") is Refusal.DENIED
    assert both.verdict("10.0.0.6") is None


@pytest.mark.parametrize("bad", ["10.0.0.1/8", "10.0.0.0/33", "localhost", "10.0.0.0/8;", "*"])
def test_a_bad_network_is_named(bad: str) -> None:
    with pytest.raises(ValueError, match="is not a network such as"):
        parse_networks(f"192.168.0.0/16, {bad}")


def test_commas_and_blanks_part_networks() -> None:
    found = parse_networks(" 10.0.0.0/8,127.0.0.1\n::1 ,, ")
    assert [str(network) for network in found] == ["10.0.0.0/8", "127.0.0.1/32", "::1/128"]


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "2130706433"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError):
        rules().verdict(text)
