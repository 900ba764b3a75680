"""Sockets to where requests may go, and nowhere else."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

from ...domain.errors import ProviderError
from ...domain.networks import NetworkRules, Refusal
from ...domain.runs import Kind, Reason
from .call import Call
from .resolver import Resolver

_WORDS = {
    Refusal.METADATA: "where a cloud keeps the credentials of its machines",
    Refusal.DENIED: "which DENIED_NETWORKS names",
    Refusal.NOT_ALLOWED: "which ALLOWED_NETWORKS does not name",
}


class Dialer:
    """Resolves names, judges the addresses and connects to those very addresses: a name that
    leads elsewhere when it is asked again gains nothing."""

    def __init__(self, rules: NetworkRules) -> None:
        self._rules = rules
        self._resolver = Resolver()

    def dial(self, host: str, port: int, call: Call) -> socket.socket:
        """A connected socket, within the call's deadline over all allowed addresses.

        Raises `OSError`, and `ProviderError` where no address is allowed.
        """
        found = self._resolver.resolve(host, port, call)
        addresses = [entry for entry in found if self._refusal(entry) is None]
        if not addresses and found:
            raise _denied(host, found[0], self._refusal(found[0]))
        failure = OSError(f"no address for {host}")
        for left, (family, kind, protocol, _name, address) in zip(
            range(len(addresses), 0, -1), addresses, strict=True
        ):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(call.remaining / left)
                call.attach(sock)
                sock.connect(address)
                sock.settimeout(call.remaining)
                return sock
            except OSError as error:
                failure = error
                call.attach(None)
                sock.close()
                if call.ended_by:
                    break
        raise failure

    def check(self, host: str, port: int, call: Call) -> None:
        """May a proxy be asked to connect there? It resolves the name anew and may take any of
        its addresses, so all must be allowed. Raises like `dial`."""
        found = self._resolver.resolve(host, port, call)
        for entry in found:
            if refusal := self._refusal(entry):
                raise _denied(host, entry, refusal)
        if not _same_to_all(host):
            raise ProviderError(
                Kind.NEVER_SENT,
                Reason.DENIED_NETWORK,
                f"a proxy may take {host} for another address than {found[0][4][0]};"
                " write the address in its usual form",
                final=True,
            )

    def _refusal(self, entry: Any) -> Refusal | None:
        return self._rules.verdict(entry[4][0])


def _same_to_all(host: str) -> bool:
    """010.0.0.1 is 8.0.0.1 to the C library and 10.0.0.1 to others; 127.1 is known to few."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        try:
            socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            return True  # a name
        return False
    return True


def _denied(host: str, entry: Any, refusal: Refusal | None) -> ProviderError:
    address = entry[4][0]
    leads = address if address == host else f"{host} leads to {address}"
    return ProviderError(
        Kind.NEVER_SENT,
        Reason.DENIED_NETWORK,
        f"{leads}, {_WORDS[refusal or Refusal.DENIED]}",
        final=True,
    )
