"""Faults, in words that a health check may tell anybody."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError


def in_short(error: Exception) -> str:
    """The database's own few words, or only the kind of the error."""
    if isinstance(error, DBAPIError):
        return f"the database cannot be used: {error.orig}"
    return type(error).__name__
