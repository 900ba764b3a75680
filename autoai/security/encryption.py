"""Encryption of stored secrets, with key rotation.

Fernet by itself binds nothing: a token copied into another row would decrypt there. So the
plaintext carries the row's random id and the purpose, and both are checked when it is read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ..domain.errors import KeyUnreadable

_REMEMBERED = 1_000
_CANARY = ("canary", "instance", "canary")


class Keyring:
    """The instance's Fernet keys: the first encrypts, all decrypt."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        # A task's key is opened once, not in the very second in which hundreds of runs are due.
        # They stay in memory, where the redactor has them as well.
        self._open = lru_cache(_REMEMBERED)(self._unseal)
        self.readable = True
        """False when the database was written with other keys: then nothing new is encrypted."""

    def encrypt(self, plaintext: str, row: str, purpose: str) -> str:
        """`plaintext` → a token that decrypts only for the same `row` and `purpose`."""
        if not self.readable:
            raise KeyUnreadable("the stored keys belong to another ENCRYPTION_KEY")
        return self._seal(plaintext, row, purpose)

    def decrypt(self, token: str, row: str, purpose: str) -> str:
        """The plaintext; `KeyUnreadable` for another key, another row, or another purpose."""
        try:
            sealed = self._open(token)
        except (InvalidToken, ValueError) as error:
            raise KeyUnreadable("the stored key belongs to another ENCRYPTION_KEY") from error
        if sealed.get("row") != row or sealed.get("purpose") != purpose:
            raise KeyUnreadable("the stored key belongs to another row")
        return str(sealed["secret"])

    def make_canary(self) -> str:
        """A token that proves later whether the keys are still the same."""
        return self._seal(*_CANARY)

    def check_canary(self, token: str) -> bool:
        """Do these keys read what the database was written with? Remembers the answer."""
        try:
            self.readable = self.decrypt(token, *_CANARY[1:]) == _CANARY[0]
        except KeyUnreadable:
            self.readable = False
        return self.readable

    def _unseal(self, token: str) -> dict[str, Any]:
        sealed: dict[str, Any] = json.loads(self._fernet.decrypt(token.encode("ascii")))
        return sealed

    def _seal(self, secret: str, row: str, purpose: str) -> str:
        sealed = json.dumps({"secret": secret, "row": row, "purpose": purpose})
        return self._fernet.encrypt(sealed.encode()).decode("ascii")


def mask(key: str) -> str:
    """What is shown of a key: "sk-…abcd". A short key shows nothing of itself."""
    return f"{key[:3]}…{key[-4:]}" if len(key) >= 16 else "…"
