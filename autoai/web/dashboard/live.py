"""What has changed on the dashboard since somebody's browser last asked.

With hundreds of tasks the table is long, and something happens every second: the answer to a
refresh holds only the rows that look different from what that browser was sent. What rows looked
like at the last few moments is remembered here, in memory; where it is not known (another process,
a browser that slept), the whole table is sent again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from flask import Flask, current_app
from flask_babel import get_locale
from markupsafe import Markup

from ...queries.task_list import TaskRow
from ...runtime import runtime
from .. import formats
from ..templating import zone_name

_KEPT = 16
_NAME = "autoai_dashboard"
_DRAWINGS = 2048  # of about 2 kB each
_drawings: dict[tuple[object, ...], Markup] = {}
Looks = dict[int, tuple[object, ...]]


class Memory:
    """Stamp → how each row looked. One per app; threads share it."""

    def __init__(self) -> None:
        self._looks: OrderedDict[str, Looks] = OrderedDict()
        self._lock = Lock()

    def changed(self, seen: str, stamp: str, rows: Sequence[TaskRow]) -> list[TaskRow] | None:
        """The rows to send to a browser that has what `seen` stands for; None: send everything.

        Remembers `rows` as what `stamp` stands for.
        """
        now = {row.task.id: _look(row) for row in rows}
        with self._lock:
            before = self._looks.get(seen)
            # Two readers may have caught the same stamp before and after a change: trust neither.
            self._looks[stamp] = now if self._looks.get(stamp, now) == now else {}
            self._looks.move_to_end(stamp)
            while len(self._looks) > _KEPT:
                self._looks.popitem(last=False)
        if before is None or list(before) != list(now) or _day(seen) != _day(stamp):
            return None
        return [row for row in rows if before[row.task.id] != now[row.task.id]]


def drawn(row: TaskRow) -> Markup:
    """A row's HTML. What looks the same to the same kind of reader is drawn once."""
    today = formats.local(runtime().ports.clock.now()).date()
    key = (_look(row), str(get_locale()), zone_name(), today)
    html = _drawings.get(key)
    if html is None:
        template = current_app.jinja_env.get_template("dashboard/_row.html")
        html = Markup(template.render(row=row))  # noqa: S704 - a template's own output
        if len(_drawings) >= _DRAWINGS:
            _drawings.clear()
        _drawings[key] = html
    return html


def memory() -> Memory:
    """The present app's."""
    found: Memory = current_app.extensions[_NAME]
    return found


def init_app(app: Flask) -> None:
    """Remember nothing yet."""
    app.extensions[_NAME] = Memory()
    app.jinja_env.globals["drawn"] = drawn


def _look(row: TaskRow) -> tuple[object, ...]:
    """Everything that the row's template shows."""
    task = row.task
    return (
        task.id,
        task.name,
        task.model,
        task.api_endpoint,
        task.schedule_type,
        task.interval_seconds,
        task.fixed_time,
        task.timezone,
        task.enabled,
        task.last_run_at,
        task.last_status,
        task.next_run_at,
        row.active_runs,
    )


def _day(stamp: str) -> str:
    return stamp.partition("-")[2]
