"""How often a password may be tried, by address and in all.

An address has five fails in a quarter of an hour. In all there are sixty fails in twenty seconds,
which bounds guessing from many addresses; so that the owner still gets in during such a flood,
each address then has one try a minute, and the flood cannot use up what is left.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=15)
FAILS_PER_ADDRESS = 5
FLOOD = 50
"""Fails of all addresses within WINDOW from which on each address has one try a minute."""
FLOOD_PAUSE = timedelta(minutes=1)
BURST, BURST_WINDOW = 60, timedelta(seconds=20)


def address_key(address: str) -> str:
    """What counts as one address: IPv4 as it is, IPv6 by its /64, which one person has whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def seconds_to_wait(
    now: datetime, own_fails: Sequence[datetime], fails_in_all: int, recent_fails: int
) -> int:
    """0 when a password may be tried now, else the whole seconds until it may be.

    `own_fails` are this address's fails within WINDOW, ascending; `fails_in_all` counts everybody's
    within WINDOW, `recent_fails` everybody's within BURST_WINDOW.
    """
    if len(own_fails) >= FAILS_PER_ADDRESS:
        return _seconds(own_fails[-FAILS_PER_ADDRESS] + WINDOW - now)
    if fails_in_all >= FLOOD and own_fails and own_fails[-1] + FLOOD_PAUSE > now:
        return _seconds(own_fails[-1] + FLOOD_PAUSE - now)
    if recent_fails >= BURST:
        return 5
    return 0


def _seconds(wait: timedelta) -> int:
    return max(1, -(-wait // timedelta(seconds=1)))
