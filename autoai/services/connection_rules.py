"""What makes an endpoint, a key, headers and a proxy valid: for tasks with their own, and accounts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from flask_babel import gettext as _

from ..domain.errors import Invalid
from .checker import Checker
from .ports import Ports

ENDPOINT_LENGTH = 2_000
KEY_LENGTH = 1_000
MODEL_LENGTH = 200
MAX_HEADERS = 20
HEADER_LENGTH = 2_000

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
"""A token of RFC 9110, 5.6.2."""
_NOT_OURS_TO_GIVE = frozenset(
    {"connection", "content-length", "content-type", "host", "transfer-encoding", "te", "upgrade"}
)
"""Headers on which the way of the message itself hangs."""


def check_endpoint(check: Checker, field: str = "api_endpoint") -> str:
    """A URL that a call may go to, as far as its text tells."""
    endpoint = check.line(field, ENDPOINT_LENGTH)
    if field in check.errors:
        return endpoint
    parts = _split(endpoint)
    if parts is None or parts.scheme not in ("http", "https") or " " in endpoint:
        check.complain(
            field,
            _(
                "Enter a URL that begins with http:// or https://, such as %(example)s.",
                example="https://api.openai.com/v1",
            ),
        )
    elif parts.username is not None or parts.password is not None:
        check.complain(field, _("Put the key into the field for it, not into the URL."))
    return endpoint


def check_key(key: str) -> str:
    """A key as it was entered → stripped, and fit for an HTTP header. Raises `Invalid`."""
    key = key.strip()
    check = Checker({"api_key": key})
    if len(key) > KEY_LENGTH:
        check.complain("api_key", _("At most %(count)s characters.", count=KEY_LENGTH))
    elif not key.isascii() or not key.isprintable() or " " in key:
        # Anything else would break the header, and the exception would show the key.
        check.complain("api_key", _("A key has only visible ASCII characters, without blanks."))
    check.done()
    return key


def new_key(ports: Ports, values: Mapping[str, Any]) -> str | None:
    """The key in `values`, checked; None where there is none. Raises `Invalid`."""
    if not values.get("api_key"):
        return None
    key = check_key(str(values["api_key"]))
    if key and not ports.keyring.readable:
        raise Invalid({"api_key": [key_unreadable()]})
    return key or None


def key_unreadable() -> str:
    """What to say where nothing can be encrypted or decrypted."""
    return _(
        "The stored keys were encrypted with another ENCRYPTION_KEY."
        " Bring that one back before you store or copy keys."
    )


def check_headers(check: Checker, field: str, value: Any) -> dict[str, str]:
    """Names and values of extra headers."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        check.complain(field, _("This must be an object of names and texts."))
        return {}
    if len(value) > MAX_HEADERS:
        check.complain(field, _("At most %(count)s headers.", count=MAX_HEADERS))
    headers = {str(name).strip(): text.strip() for name, text in value.items()}
    for name, text in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            check.complain(field, _("“%(name)s” is not the name of a header.", name=name[:100]))
        elif name.lower() in _NOT_OURS_TO_GIVE:
            check.complain(field, _("The header %(name)s cannot be set.", name=name))
        elif len(text) > HEADER_LENGTH or not text.isascii() or not text.isprintable() or not text:
            check.complain(
                field,
                _(
                    "The value of %(name)s needs visible ASCII characters, at most %(count)s.",
                    name=name,
                    count=HEADER_LENGTH,
                ),
            )
    return headers


def check_proxy(check: Checker, field: str, value: Any) -> str | None:
    """http://… or https://…, perhaps with a name and a password, and nothing behind the port."""
    text = str(value or "").strip()
    if not text:
        return None
    parts = _split(text)
    if (
        parts is None
        or parts.scheme not in ("http", "https")
        or len(text) > ENDPOINT_LENGTH
        or not text.isascii()
        or not text.isprintable()
        or " " in text
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
    ):
        check.complain(
            field,
            _(
                "Enter the proxy as %(example)s; a name and a password may stand before the host.",
                example="http://proxy.example:3128",
            ),
        )
        return None
    return text


def proxy_without_password(proxy: str) -> str:
    """What is shown of a proxy."""
    scheme, _sep, rest = proxy.partition("://")
    credentials, at, host = rest.rpartition("@")
    name = credentials.partition(":")[0]
    return f"{scheme}://{name + ':…@' if at else ''}{host}"


def _split(url: str) -> SplitResult | None:
    """The parts of a URL with a host; None for what is none."""
    try:
        parts = urlsplit(url)
        usable = parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        return None
    return parts if usable else None
