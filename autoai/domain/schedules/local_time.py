"""Clocks that change.

Debian cron's rule (cron(8), "Notes"): a fixed local time that does not exist runs at the first
instant after the gap; one that exists twice runs once, the first time. Wildcards follow real time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Stretch:
    """Real time from `start` up to `end` (UTC, exclusive) during which clocks are `offset` ahead."""

    start: datetime
    end: datetime
    offset: timedelta


def instant_of(local: datetime, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """A naive local time → its instant, by the rule above; with `last`, the second of two."""
    instant = local.replace(tzinfo=zone, fold=1 if last else 0).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local:
        return instant
    # It falls into a gap: fold=0 counts with the offset before the change, fold=1 with the later
    # one, so the change lies between the two.
    other = local.replace(tzinfo=zone, fold=0 if last else 1).astimezone(UTC)
    return _change_between(min(instant, other) - _DAY, max(instant, other), zone)


@lru_cache(maxsize=4096)
def stretches(day: date, zone: ZoneInfo) -> tuple[Stretch, ...]:
    """The real time in which local clocks show `day`, parted where they change.

    Usually one stretch; two on a day of a change; none for a day that the zone left out.
    """
    midnight = datetime.combine(day, time(), UTC)
    begin, end = midnight - timedelta(hours=26), midnight + timedelta(hours=50)
    found = []
    for start, stop, offset in _offsets(begin, end, zone):
        # On these clocks, the day goes from midnight to midnight.
        first = max(start, midnight - offset)
        last = min(stop, midnight + _DAY - offset)
        if first < last:
            found.append(Stretch(first, last, offset))
    return tuple(found)


def offset_at(instant: datetime, zone: ZoneInfo) -> timedelta:
    """How far `zone`'s clocks are ahead of UTC."""
    return instant.astimezone(zone).utcoffset() or timedelta()


def changes_between(
    begin: datetime, end: datetime, zone: ZoneInfo, step: timedelta
) -> Iterator[datetime]:
    """The instants in (begin, end] from which on the zone's offset is another one.

    Two changes within `step` that cancel each other out are not seen.
    """
    at = begin
    while at < end:
        following = min(at + step, end)
        if offset_at(at, zone) != offset_at(following, zone):
            change = _change_between(at, following, zone)
            yield change
            following = change
        at = following


def quiet_days(
    first: datetime, last: datetime, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime]]:
    """Stretches of whole local days between `first` and `last`, from midnight to midnight, which no
    change of the clocks is near: there every day is like any other."""
    margin = 2 * _DAY
    changes = changes_between(first - margin, last + margin, zone, timedelta(hours=6))
    start = first
    for end, next_start in [*((c - margin, c + margin) for c in changes), (last, last)]:
        if start < end:
            offset = offset_at(start, zone)
            begin = _midnight_after(start + offset) - offset
            whole = (min(end, last) - begin) // _DAY
            if whole > 0:
                yield begin, begin + whole * _DAY
        start = max(start, next_start)


def _midnight_after(clock: datetime) -> datetime:
    """`clock` itself where it is midnight, else the next one."""
    midnight = clock.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == clock else midnight + _DAY


def _offsets(
    begin: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    start = begin
    for change in changes_between(begin, end, zone, timedelta(hours=6)):
        yield start, change, offset_at(start, zone)
        start = change
    yield start, end, offset_at(start, zone)


def _change_between(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The first second in (low, high] that does not have the offset of `low`."""
    before = offset_at(low, zone)
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle <= low:
            break
        if offset_at(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)
