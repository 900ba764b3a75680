"""What templates get to see: texts, numbers, lists and instants, and names that hold them. Nothing
of it has an attribute or a method that a template could reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ..errors import Fault, TemplateError


class Moment(datetime):
    """An instant on the task's clocks; printed as ISO 8601 with its offset."""

    def __str__(self) -> str:
        return self.isoformat(timespec="seconds")

    @classmethod
    def of(cls, instant: datetime) -> Moment:
        """The same instant; `instant` is aware, and already on the clocks that are to be shown."""
        return cls.fromisoformat(instant.isoformat())


class Group(Mapping[str, Any]):
    """Values by name, of which a template can only take one: it can neither print nor count nor go
    through them."""

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        self.name = name
        self._values = values

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __contains__(self, key: object) -> bool:
        raise self._refusal()

    def __iter__(self) -> Iterator[str]:
        raise self._refusal()

    def __len__(self) -> int:
        raise self._refusal()

    def __bool__(self) -> bool:
        raise self._refusal()

    def __str__(self) -> str:
        raise self._refusal()

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise self._refusal()

    def __hash__(self) -> int:
        raise self._refusal()

    def _refusal(self) -> TemplateError:
        return TemplateError(Fault.NOT_A_TEXT, name=self.name)


def is_plain(value: object) -> bool:
    """May a filter see it?"""
    return value is None or isinstance(value, str | int | float | Moment | list | tuple)
