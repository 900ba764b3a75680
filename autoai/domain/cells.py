"""Text in a cell of a spreadsheet."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet may take for the beginning of a formula: OWASP's list, the wide signs that
programs in Chinese and Japanese read as the narrow ones included."""

LONGEST = 32_767
"""Characters that a cell of Excel holds."""


def is_formula(text: str) -> bool:
    """Would a spreadsheet calculate with it?"""
    return text.startswith(_FORMULA)


def harmless(text: str | None) -> str:
    """Text that a spreadsheet does not take for a formula."""
    if not text:
        return ""
    return f"'{text}" if is_formula(text) else text
