"""Regular expressions that cannot run away: RE2's take time that grows with the text alone."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

LONGEST_TEXT = 2_000_000
"""Characters that are looked through: an answer beyond that is not what a pattern is about."""
_MEMORY = 4 * 1024 * 1024
_LARGEST_PROGRAM = 10_000


class BadPattern(ValueError):
    """RE2 does not take it, in its own words. `known`: other engines do."""

    def __init__(self, text: str, known: bool = False) -> None:
        super().__init__(text)
        self.known = known


_OPTIONS = re2.Options()
_OPTIONS.max_mem = _MEMORY
_OPTIONS.log_errors = False
_LEFT_OUT = ("(?=", "(?!", "(?<=", "(?<!", "(?>", "(?(", "(?P=", "(?#", "++", "*+", "?+", "\\Z")


def check_pattern(pattern: str) -> None:
    """Raises `BadPattern` where `pattern` cannot be used."""
    _compiled(pattern)


def is_found(pattern: str, text: str) -> bool:
    """Does `pattern` match anywhere in `text`? Raises `BadPattern`."""
    return _compiled(pattern).search(text[:LONGEST_TEXT]) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    try:
        found = re2.compile(pattern, _OPTIONS)
    except (re2.error, UnicodeEncodeError) as error:
        text = error.args[0] if error.args else ""
        words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(error)
        back = any(f"\\{digit}" in pattern for digit in range(1, 10))
        raise BadPattern(words, known=back or any(part in pattern for part in _LEFT_OUT)) from error
    if found.programsize > _LARGEST_PROGRAM:
        raise BadPattern("pattern too large - compile failed")
    return found
