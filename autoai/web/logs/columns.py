"""Which columns the log shows: as the address says, else as the cookie remembers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from werkzeug.datastructures import MultiDict

from ...api.run_filters import values_of

COLUMNS: dict[str, LazyString] = {
    "task": _("Task"),
    "when": _("When"),
    "due": _("Due"),
    "lateness": _("Lateness"),
    "took": _("Took"),
    "tokens": _("Tokens"),
    "cost": _("Cost"),
    "model": _("Model"),
    "account": _("Account"),
    "attempts": _("Attempts"),
    "reason": _("Reason"),
    "source": _("Source"),
    "tags": _("Tags"),
    "what": _("What came of it"),
}
"""In the order in which they stand. The status always comes first."""
DEFAULT = ("task", "when", "took", "tokens", "what")
COOKIE = "log_columns"
_MANY = 6
"""More than so many do not fit beside each other on every screen."""


@dataclass(frozen=True)
class Columns:
    """The columns of one page."""

    names: tuple[str, ...]
    """Chosen, the task's also where it is not shown because all runs are one task's."""
    from_address: bool
    of_one_task: bool = False

    @property
    def shown(self) -> list[str]:
        """What the table has, beside the status."""
        return [name for name in self.names if not (self.of_one_task and name == "task")]

    @property
    def wide(self) -> bool:
        """Does the table need more room than a page is sure to have?"""
        return len(self.shown) > _MANY

    @property
    def text(self) -> str:
        """For addresses and the cookie."""
        return ",".join(self.names)

    @property
    def query(self) -> list[tuple[str, str]]:
        """For links that stay on this page."""
        return [("columns", self.text)] if self.from_address else []


def read_columns(args: MultiDict[str, str], cookie: str | None, of_one_task: bool) -> Columns:
    """What means nothing is left out; nothing at all means the usual ones."""
    asked = known(values_of(args, "columns"))
    if asked:
        return Columns(asked, True, of_one_task)
    return Columns(known((cookie or "").split(",")) or DEFAULT, False, of_one_task)


def known(names: Iterable[str]) -> tuple[str, ...]:
    """Those that there are, in their order."""
    wanted = set(names)
    return tuple(name for name in COLUMNS if name in wanted)
