"""Sums under keys, compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

_Key = TypeVar("_Key")


def differences(
    counted: Mapping[_Key, Sequence[Any]], known: Mapping[_Key, Sequence[Any]], width: int
) -> dict[_Key, list[Any]]:
    """What must be added to the `width` sums that are `known` to make them the `counted` ones, under
    each key where they differ. A key that is missing stands for zeros."""
    nothing = (0,) * width
    return {
        key: [mine - theirs for mine, theirs in zip(here, there, strict=True)]
        for key in counted.keys() | known.keys()
        if tuple(here := counted.get(key, nothing)) != tuple(there := known.get(key, nothing))
    }
