"""The receipt: what the schedule in the form promises, before it is saved."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from ...models import Task
from ...queries.receipt import Preview, Usage, measured_usage, preview, tasks_in_minute
from ...runtime import runtime
from ...services.tasks import draft_schedule
from .forms import TaskForm

_SHOWN = 10


@dataclass(frozen=True)
class Receipt:
    """A schedule's promise, and what stands around it."""

    promise: Preview
    jitter_seconds: int
    neighbours: int
    """Other tasks that are due in the minute of the next run."""
    usage: Usage | None

    @property
    def tokens_sent(self) -> int:
        """A month's."""
        return (
            round(self.usage.input_tokens * self.promise.frequency.per_month) if self.usage else 0
        )

    @property
    def tokens_received(self) -> int:
        """A month's."""
        per_month = self.promise.frequency.per_month
        return round(self.usage.output_tokens * per_month) if self.usage else 0

    @property
    def cost(self) -> Decimal | None:
        """A month's, in dollars; None where it is not known."""
        if self.usage is None or self.usage.cost is None:
            return None
        return self.usage.cost * Decimal(self.promise.frequency.per_month)


def receipt_of(form: TaskForm, task: Task | None) -> Receipt:
    """What saving `form` would promise; `task` is the one being edited. Raises `Invalid`."""
    draft = draft_schedule(runtime().ports, form.schedule_values(task), task)
    zone = ZoneInfo(draft.timezone)
    promise = preview(draft.schedule, draft.blackouts, zone, draft.now, _SHOWN)
    own = task.id if task else None
    return Receipt(
        promise=promise,
        jitter_seconds=draft.jitter_seconds,
        neighbours=tasks_in_minute(promise.next[0], own) if promise.next else 0,
        usage=measured_usage(task.id) if task else None,
    )
