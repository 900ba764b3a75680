"""Stand-ins for secrets: the engine never has a value of one, and neither has what is stored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from secrets import choice
from typing import Any

from .values import Group

_ALPHABET = "".join(chr(code) for code in range(0xF0000, 0xF0040))
"""Characters that nobody uses, and that no change of case alters."""
_LENGTH = 24


class Marks:
    """The stand-ins of one rendering. Nobody can guess them, so no text that came from outside can
    hold one."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        nonce = "".join(choice(_ALPHABET) for _ in range(_LENGTH))
        self._nonce = nonce
        self._of = {name: f"{nonce}{number}\U000fffff" for number, name in enumerate(names)}
        self._names = {mark: name for name, mark in self._of.items()}
        self._pattern = re.compile(f"{nonce}[0-9]+\U000fffff")

    def group(self) -> Group:
        """What the name `secrets` stands for in a template."""
        return Group("secrets", self._of)

    def is_in(self, text: str) -> bool:
        """Is there a stand-in, or a part of one, in it?"""
        return self._nonce in text

    def used_in(self, text: str) -> set[str]:
        """The names of the secrets that it holds."""
        return {self._names[mark] for mark in self._pattern.findall(text)}

    def put(self, text: str, values: Mapping[str, str]) -> str:
        """`text` with `values` (by name) in the places of the stand-ins."""
        return self._pattern.sub(lambda found: values[self._names[found[0]]], text)
