"""How many pages are made at once.

Threads that make pages keep the interpreter to themselves, and runs would start late: each of them
may hold it for some milliseconds whenever a run wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import BoundedSemaphore
from typing import ParamSpec, TypeVar

from flask import g

AT_ONCE = 2
_making = BoundedSemaphore(AT_ONCE)
_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


@contextmanager
def paced() -> Iterator[None]:
    """Wait for a turn. What is inside must not wait for anything but the database."""
    if getattr(g, "has_turn", False):
        yield
        return
    with _making:
        g.has_turn = True
        try:
            yield
        finally:
            g.has_turn = False


def in_turn(view: Callable[_Arguments, _Answer]) -> Callable[_Arguments, _Answer]:
    """A view that looks much up before it is drawn waits before it begins."""

    @wraps(view)
    def paced_view(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Answer:
        with paced():
            return view(*args, **kwargs)

    return paced_view
