"""What becomes of a stored key when a task or an account is changed: it is kept, replaced or removed.

    absent, null, empty or the mask    kept
    a key                              replaced
    remove_api_key: true               removed
    keep_api_key: false                kept, but only for the host that it was entered for

A form says the last until a person has confirmed the new host. A program that names another endpoint
means it, so for it the key is kept unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from ..domain.endpoints import endpoint_host, same_recipient
from .checker import Checker
from .connection_rules import new_key
from .ports import Ports


@dataclass(frozen=True)
class Stored:
    """What an endpoint has been entrusted with so far."""

    endpoint: str
    mask: str | None
    """Of the key; None where there is none."""
    headers: bool = False
    """Are secret headers kept?"""


@dataclass(frozen=True)
class KeyChange:
    """A new key, or none instead of the stored one; neither where it is kept."""

    new: str | None = None
    removes: bool = False


def check_key_change(
    ports: Ports, values: Mapping[str, Any], stored: Stored | None = None
) -> KeyChange:
    """What `values` (fields of the API's task or account) say of the key. Raises `Invalid`.

    `stored` is None where there is nothing yet; its endpoint is the one before the change.
    """
    check = Checker(values)
    removes, keeps = check.flag("remove_api_key", False), check.flag("keep_api_key", True)
    given = str(values.get("api_key") or "").strip()
    if stored is not None and given == stored.mask:
        given = ""
    new = check.merge(lambda: {"key": new_key(ports, {"api_key": given})}).get("key")
    if given and removes:
        check.complain("remove_api_key", _("Either enter another key, or remove the stored one."))
    endpoint = str(values.get("api_endpoint") or "").strip()
    if stored is not None and endpoint and not keeps:
        kept = stored.mask is not None and not given and not removes
        if (kept or stored.headers) and not same_recipient(stored.endpoint, endpoint):
            check.complain("keep_api_key", _unasked(kept, stored.endpoint, endpoint))
    check.done()
    return KeyChange(new, removes)


def _unasked(key: bool, old: str, new: str) -> str:
    hosts = {"old": endpoint_host(old), "new": endpoint_host(new)}
    if hosts["old"] == hosts["new"]:
        return _(
            "What is stored was entered for https:// and would now be sent to %(new)s without"
            " encryption. Confirm that, or enter it again.",
            **hosts,
        )
    if key:
        return _(
            "The stored key was entered for %(old)s and would now be sent to %(new)s. Confirm that,"
            " enter another key, or remove the stored one.",
            **hosts,
        )
    return _(
        "The stored headers were entered for %(old)s and would now be sent to %(new)s. Confirm that,"
        " or enter their values again.",
        **hosts,
    )
