"""How much a template may do. The engine's own limits count each loop and each text by itself; here
everything that one message does is paid from one purse."""

from __future__ import annotations

import time
from collections.abc import Callable
from io import StringIO

from ..errors import Fault, TemplateError
from .values import Moment

MAX_RENDERED = 400_000
"""Characters of all messages of a run together."""
MAX_STEPS = 50_000
"""Tags, names and filters that are carried out, rounds of loops included."""
MAX_BYTES = 3_000_000
"""Of everything that filters make and that is written, whether it is sent in the end or not."""
MAX_SECONDS = 0.3
"""Of the processor's time: a busy machine makes no template fail."""
MAX_ITEMS = 10_000
"""In a list, or rounds of one loop."""
_ITEM_BYTES = 100


class Work:
    """The purse of one rendering."""

    def __init__(self, seconds: Callable[[], float] = time.thread_time) -> None:
        self._seconds = seconds
        self._until = seconds() + MAX_SECONDS
        self._steps = MAX_STEPS
        self._bytes = MAX_BYTES
        self.written = 0
        """Characters of the finished messages."""

    def step(self, count: int = 1) -> None:
        """So much more is carried out."""
        self._steps -= count
        if self._steps < 0 or self._seconds() > self._until:
            raise TemplateError(Fault.TOO_MUCH_WORK)

    def make(self, size: int) -> None:
        """So many bytes are about to be made."""
        self._bytes -= size
        if self._bytes < 0:
            raise TemplateError(Fault.TOO_LONG)

    def finish(self, characters: int) -> None:
        """A message of so many characters is done."""
        self.written += characters
        if self.written > MAX_RENDERED:
            raise TemplateError(Fault.TOO_LONG)


class Output(StringIO):
    """Where a template writes; paid for before it is written."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work

    def write(self, text: str, /) -> int:
        if text:
            self._work.make(size_of(text))
            return super().write(text)
        return 0


def size_of(value: object) -> int:
    """About how many bytes a value takes."""
    if isinstance(value, str):
        return len(value) if value.isascii() else 4 * len(value)
    if isinstance(value, list | tuple):
        return sum(_ITEM_BYTES + size_of(item) for item in value[: MAX_ITEMS + 1])
    return 0


def characters_of(value: object) -> int:
    """At most so many characters it has when it is written out as a text."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Moment):
        return 40
    if isinstance(value, list | tuple):
        return sum(characters_of(item) + 10 for item in value)
    return 50
