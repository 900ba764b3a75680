"""Takes secrets out of texts before they are stored, logged or shown."""

from __future__ import annotations

import base64
import html
import json
import re
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from urllib.parse import quote, quote_plus

HIDDEN = "[redacted]"
_SHORTEST = 8
"""Characters: a shorter secret ("ollama", "test") is an ordinary word of many answers."""
_SHORTEST_IN_ERRORS = 4
_REMEMBERED = 1_000

# Looks like a credential, whoever it belongs to.
_PATTERNS = (
    re.compile(r"(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{6,}"),
    re.compile(
        r"(?i)((?:api[-_]?key|authorization|x-api-key)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;]{6,}"
    ),
    re.compile(r"()\bsk-[A-Za-z0-9_-]{16,}"),
)


class Redactor:
    """Knows the secrets that are in use and hides them, however they are quoted."""

    def __init__(self) -> None:
        self._forms: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        # A spelling's first characters → the spellings that begin so. Every log line passes here:
        # with hundreds of keys, to try one spelling after the other took longer than to write it.
        self._by_start: dict[str, set[str]] = {}
        self._lock = Lock()

    def learn(self, secret: str) -> None:
        """Hide `secret` from now on. The thousand used last are remembered."""
        if len(secret) < _SHORTEST:
            return
        with self._lock:
            if secret not in self._forms:
                self._forms[secret] = _spellings(secret)
                for spelling in self._forms[secret]:
                    self._by_start.setdefault(spelling[:_SHORTEST], set()).add(spelling)
            self._forms.move_to_end(secret)
            if len(self._forms) > _REMEMBERED:
                _, forgotten = self._forms.popitem(last=False)
                for spelling in forgotten:
                    start = spelling[:_SHORTEST]
                    self._by_start[start].discard(spelling)
                    if not self._by_start[start]:
                        del self._by_start[start]

    def clean(self, text: str, secret: str | None = None) -> str:
        """`text` without `secret`, or without any secret that was learnt where none is given."""
        if secret is not None:
            return _without(text, self._known(secret)) if len(secret) >= _SHORTEST else text
        with self._lock:
            suspects = [
                spelling for start in self._starts(text) for spelling in self._by_start[start]
            ]
        return _without(text, sorted(suspects, key=len, reverse=True))

    def _starts(self, text: str) -> set[str]:
        """The starts of known spellings that `text` holds, found by whichever are fewer: the
        starts, or the places in the text."""
        if len(self._by_start) < len(text):
            return {start for start in self._by_start if start in text}
        places = range(len(text) - _SHORTEST + 1)
        return {text[at : at + _SHORTEST] for at in places} & self._by_start.keys()

    def clean_error(self, text: str, secret: str | None = None) -> str:
        """Like `clean`, and also without anything that looks like somebody's credential.

        Errors are where keys are echoed, so a short `secret` goes as well.
        """
        if secret is not None and len(secret) >= _SHORTEST_IN_ERRORS:
            text = _without(text, self._known(secret))
        else:
            text = self.clean(text, secret)
        for pattern in _PATTERNS:
            text = pattern.sub(lambda found: found.group(1) + HIDDEN, text)
        return text

    def _known(self, secret: str) -> Iterable[str]:
        return self._forms.get(secret) or _spellings(secret)


def _without(text: str, spellings: Iterable[str]) -> str:
    for spelling in spellings:
        if spelling in text:
            text = text.replace(spelling, HIDDEN)
    return text


def _spellings(secret: str) -> tuple[str, ...]:
    """The secret as it stands, and as JSON, HTML, URLs, repr and Base64 write it; the longest first."""
    raw = secret.encode("utf-8", "surrogatepass")
    forms = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret)[1:-1].replace("/", "\\/"),  # as PHP writes JSON
        html.escape(secret),
        repr(secret)[1:-1],
        quote(secret, safe=""),
        quote_plus(secret),
        secret[::-1],
        raw.hex(),
        base64.b64encode(raw).decode("ascii").rstrip("="),
        base64.urlsafe_b64encode(raw).decode("ascii").rstrip("="),
    }
    return tuple(sorted(forms, key=len, reverse=True))
