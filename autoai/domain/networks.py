"""Which network addresses a request may go to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Refusal(StrEnum):
    """Why an address is not to be connected to."""

    METADATA = "metadata"
    DENIED = "denied"
    NOT_ALLOWED = "not_allowed"


_METADATA: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local: nearly every cloud at .169.254, tasks and pods at .170.x
        "fe80::/10",  # link-local: OpenStack at fe80::a9fe:a9fe
        "fd00:ec2::/32",  # AWS: ::254 for instances, ::23 for pods
        "fd20:ce::254/128",  # Google Cloud
        "fd00:c1::a9fe:a9fe/128",  # Oracle Cloud
        "fd00:42::42/128",  # Scaleway
        "192.0.0.192/32",  # Oracle Cloud, the older one
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",  # Azure: keys and certificates of the machine
    )
)
"""Where clouds hand a machine its credentials, to whoever asks from inside. Never an API."""

_MAPPED = IPv6Network("::ffff:0:0/96")
_EMBEDDING = tuple(
    IPv6Network(text)
    for text in (
        "::/96",  # IPv4-compatible (RFC 4291, 2.5.5.1)
        "::ffff:0:0:0/96",  # IPv4-translated (RFC 2765, 2.1)
        "64:ff9b::/96",  # NAT64 (RFC 6052, 2.1)
    )
)
"""Whose last 32 bits are an IPv4 address."""
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
"""NAT64 by a prefix of the operator's own below this one (RFC 8215)."""


class NetworkRules:
    """`allowed` empty: everything that is not denied. Metadata addresses are denied always."""

    def __init__(self, allowed: Iterable[Network] = (), denied: Iterable[Network] = ()) -> None:
        self.allowed = tuple(map(_plain, allowed))
        self.denied = tuple(map(_plain, denied))

    def verdict(self, address: str) -> Refusal | None:
        """None where `address` may be connected to. `ValueError` for what is no address.

        An address that holds another one is judged by each of them: all must pass.
        """
        forms = list(_forms(ip_address(address.partition("%")[0])))
        if any(_within(form, _METADATA) for form in forms):
            return Refusal.METADATA
        if any(_within(form, self.denied) for form in forms):
            return Refusal.DENIED
        if self.allowed and not all(_within(form, self.allowed) for form in forms):
            return Refusal.NOT_ALLOWED
        return None


def parse_networks(text: str) -> tuple[Network, ...]:
    """Networks and single addresses with commas or blanks between; `ValueError` names a bad one."""
    found: list[Network] = []
    for part in re.split(r"[,\s]+", text):
        if part:
            try:
                found.append(ip_network(part))
            except ValueError as error:
                raise ValueError(
                    f"{part!r} is not a network such as 10.0.0.0/8 or 2001:db8::/32"
                ) from error
    return tuple(found)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _plain(network: Network) -> Network:
    """A network of IPv4-mapped addresses → the IPv4 network: so are the addresses judged."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        packed = network.network_address.packed[12:]
        return IPv4Network((packed, network.prefixlen - _MAPPED.prefixlen))
    return network


def _forms(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 addresses that a packet to it may end at."""
    if isinstance(address, IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:  # the kernel itself connects to the IPv4 address
        yield address.ipv4_mapped
        return
    yield address
    packed = address.packed
    if any(address in network for network in _EMBEDDING):
        yield IPv4Address(packed[12:])
    elif address in _LOCAL_NAT64:
        yield from {IPv4Address(part) for part in _nat64(packed)}
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield from address.teredo


def _nat64(packed: bytes) -> Iterator[bytes]:
    """Where the address is with a prefix of 48, 56, 64 and 96 bits: byte 8 is skipped (RFC 6052)."""
    yield packed[6:8] + packed[9:11]
    yield packed[7:8] + packed[9:12]
    yield packed[9:13]
    yield packed[12:16]
