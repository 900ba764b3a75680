"""How runs ended, as the kinds of a stacked bar and as words.

The kinds are fewer than the statuses: what a person does about them is what tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from ..domain.runs import Status
from . import formats

KINDS: dict[str, LazyString] = {
    "ok": _("Successful"),
    "degraded": _("Degraded"),
    "failed": _("Without success"),
    "missed": _("Missed or too late"),
    "skipped": _("Left out or cancelled"),
    "active": _("Under way"),
}
"""From the floor of a bar upwards, and as the columns of the table behind it."""

_KIND_OF = {
    Status.SUCCESS: "ok",
    Status.FAILED: "failed",
    Status.INTERRUPTED: "failed",
    Status.MISSED: "missed",
    Status.EXPIRED: "missed",
    Status.SKIPPED: "skipped",
    Status.CANCELLED: "skipped",
    Status.QUEUED: "active",
    Status.RUNNING: "active",
}


def by_kind(by_status: Mapping[str, int], degraded: int) -> dict[str, int]:
    """How many of each kind; `degraded` are those of the successes whose answer was not good."""
    counts = dict.fromkeys(KINDS, 0)
    for status, count in by_status.items():
        counts[_KIND_OF[Status(status)]] += count
    counts["ok"] = max(counts["ok"] - degraded, 0)
    counts["degraded"] = degraded
    return counts


def listed(counts: Mapping[str, int]) -> str:
    """ "12 successful, 1 degraded, 2 without success": what is 0 is not told, but for the successes
    where there is nothing else."""
    found = [_counted(kind, count) for kind, count in counts.items() if count]
    return _joined(found or [_counted("ok", 0)])


def summed(counts: Mapping[str, int]) -> str:
    """The same for many at once: it says so where none failed."""
    found = []
    for kind, count in counts.items():
        if kind == "failed" and not count:
            found.append(gettext("none failed"))
        elif count or kind == "ok":
            found.append(_counted(kind, count))
    return _joined(found)


def lines_of(name: str, counts: Mapping[str, int], most: int = 3) -> tuple[str, ...]:
    """A bar's figures in at most so many lines that fit a phone, the first with its `name`."""
    first, *rest = [_counted(kind, count) for kind, count in counts.items() if count] or [
        _counted("ok", 0)
    ]
    lines = [gettext("%(day)s: %(counts)s", day=name, counts=first)]
    while rest and len(lines) < most - 1:
        lines.append(_joined(rest[:2]))
        rest = rest[2:]
    return (*lines, _joined(rest)) if rest else tuple(lines)


def _counted(kind: str, count: int) -> str:
    num = formats.number(count)
    match kind:
        case "ok":
            return gettext("%(num)s successful", num=num)
        case "degraded":
            return gettext("%(num)s degraded", num=num)
        case "failed":
            return gettext("%(num)s without success", num=num)
        case "missed":
            return gettext("%(num)s missed", num=num)
        case "skipped":
            return gettext("%(num)s left out", num=num)
        case _:
            return gettext("%(num)s under way", num=num)


def _joined(parts: list[str]) -> str:
    return reduce(lambda first, next: gettext("%(first)s, %(next)s", first=first, next=next), parts)
