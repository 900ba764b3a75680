"""The task form. It parses types; what is valid is decided by the service, for the API alike."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.widgets import CheckboxInput, ListWidget

from ...domain.changes import Watch
from ...domain.policies import CatchUp, Overlap
from ...domain.retries import RETRYABLE_STATUSES
from ...domain.runs import Priority
from ...domain.schedules import ScheduleType
from ...language import ReaderWords
from ...models import BUDGET_COLUMNS, PromptVersion, Task
from ...runtime import runtime
from ...services.parameter_rules import FORMATS
from ...services.prompt_secrets import masks
from ...services.publishing import texts_of
from ...services.task_fields import task_fields
from ..budget_fields import BudgetFields
from ..fold_words import (
    USUAL_ATTEMPTS,
    USUAL_FAILURES,
    USUAL_WINDOW,
    Fold,
    answer_fold,
    attempts_fold,
    budgets_fold,
    checks_fold,
    policies_fold,
    prompt_fold,
    when_fold,
)
from ..forms import ServiceForm, newlines, whole_number
from .answer_fields import ANSWER_FIELDS, AnswerFields, shown_answer
from .check_fields import DEMANDS, CheckFields, shown_checks
from .prompt_fields import PROMPT_FIELDS, PromptFields, shown_prompt
from .schedule_fields import MORE_WHEN, ScheduleFields, shown_schedule
from .target_fields import TargetFields

_NUMBERS = ("timeout_seconds", "max_attempts")
_ADVANCED = (*_NUMBERS, "retry_network", "retry_statuses")
_POLICY_NUMBERS = ("catch_up_window_seconds", "expires_after_seconds", "pause_after_failures")
_POLICIES = (*_POLICY_NUMBERS, "catch_up", "overlap", "priority", "rerun_interrupted")
_COMMA = re.compile(r"[,，、]")


class PolicyFields(ServiceForm):
    """What happens when things go wrong. The words of each choice stand in the template."""

    catch_up = RadioField(
        _("Runs that came due while AutoAI was off"),
        choices=[CatchUp.LATEST.value, CatchUp.ALL.value, CatchUp.NONE.value],
        validate_choice=False,
    )
    catch_up_window_seconds = StringField(_("Caught up until so many seconds late"))
    overlap = RadioField(
        _("A run comes due while the one before it is still going"),
        choices=[choice.value for choice in Overlap],
        validate_choice=False,
    )
    expires_after_seconds = StringField(_("Too late after seconds"))
    pause_after_failures = StringField(_("Pause after failures in a row"))
    rerun_interrupted = BooleanField(_("Run again what a crash or a shutdown cut off"))
    priority = SelectField(
        _("Priority"),
        choices=[priority.name.lower() for priority in Priority],
        validate_choice=False,
    )

    def policy_values(self) -> dict[str, Any]:
        """As the service takes them."""
        return {
            "catch_up": self.catch_up.data,
            "overlap": self.overlap.data,
            "priority": self.priority.data,
            "rerun_interrupted": self.rerun_interrupted.data,
            # Absent is not empty: who does not send a field at all gets its default.
            **{
                name: whole_number(self[name].data)
                for name in _POLICY_NUMBERS
                if self[name].data is not None
            },
        }


class TaskForm(
    TargetFields,
    PromptFields,
    AnswerFields,
    CheckFields,
    ScheduleFields,
    PolicyFields,
    BudgetFields,
):
    """Fields have the API's names."""

    name = StringField(_("Name"))
    tags = StringField(_("Tags"))
    system_message = TextAreaField(_("System message"))
    message_content = TextAreaField(_("Message"))
    timeout_seconds = StringField(_("Time-out in seconds"))
    max_attempts = StringField(_("Attempts"))
    retry_network = BooleanField(_("Try again after network errors"))
    retry_statuses = SelectMultipleField(
        _("Try again after these answers"),
        choices=[str(code) for code in RETRYABLE_STATUSES],
        coerce=whole_number,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        validate_choice=False,
    )
    enabled = BooleanField(_("Enabled"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer_windows()
        self.offer_message_rows()
        self.offer_check_rows()
        self.offer_prompt_rows()

    def folds(self) -> dict[str, Fold]:
        """The parts that are folded away, by their ids. Open is what holds a mistake."""
        values, wrong = self.values(), self.wrong_in
        usual, whose = runtime().ports.default_timeout, gettext("what this task may cost")
        return {
            "prompt": prompt_fold(values, open=wrong(*PROMPT_FIELDS)),
            "answer": answer_fold(values, open=wrong(*ANSWER_FIELDS)),
            "more-checks": checks_fold(values, open=wrong(*DEMANDS)),
            "more-when": when_fold(values, open=wrong(*MORE_WHEN)),
            "policies": policies_fold(values, open=wrong(*_POLICIES)),
            "more-budgets": budgets_fold(values, whose, open=wrong(*BUDGET_COLUMNS)),
            "attempts": attempts_fold(values, usual, open=wrong(*_ADVANCED)),
        }

    def values(self, task: Task | None = None) -> dict[str, Any]:
        """All fields as the service takes them; `task` is the one being edited."""
        return {
            **self.schedule_values(task),
            **self.policy_values(),
            **self.target_values(),
            **self.answer_values(),
            **self.check_values(),
            **self.prompt_values(),
            **self.budget_values(),
            "name": self.name.data,
            "tags": [tag for part in _COMMA.split(self.tags.data or "") if (tag := part.strip())],
            "system_message": newlines(self.system_message.data),
            "message_content": newlines(self.message_content.data),
            **{name: whole_number(self[name].data) for name in _NUMBERS},
            "retry_network": self.retry_network.data,
            "retry_statuses": self.retry_statuses.data or [],
            "enabled": self.enabled.data,
        }


def new_form(
    timezone: str, timeout: int, account_id: str | None = None, begun: Task | None = None
) -> TaskForm:
    """A form with what most tasks have, or with what `begun`, a task that is not stored, has."""
    usual = {
        "account_id": account_id,
        "language": ReaderWords().locale,
        "response_format": FORMATS[0],
        "stream": True,
        "change_watch": Watch.OFF.value,
        "schedule_type": ScheduleType.INTERVAL.value,
        "interval_minutes": 60,
        "fixed_time": "09:00",
        "cron": "0 9 * * 1-5",
        "timezone": timezone,
        "catch_up": CatchUp.LATEST.value,
        "catch_up_window_seconds": USUAL_WINDOW,
        "overlap": Overlap.SKIP.value,
        "pause_after_failures": USUAL_FAILURES,
        "priority": "normal",
        "timeout_seconds": timeout,
        "max_attempts": USUAL_ATTEMPTS,
        "retry_network": True,
        "enabled": True,
    }
    chosen = _shown(begun) if begun is not None else {}
    return TaskForm(data={**usual, **{n: v for n, v in chosen.items() if v not in (None, "", [])}})


def edit_form(task: Task, draft: PromptVersion | None = None) -> TaskForm:
    """A form filled with a stored task, its texts the draft's. The key stays where it is."""
    return TaskForm(data=_shown(task, draft))


def _shown(task: Task, draft: PromptVersion | None = None) -> dict[str, Any]:
    fields = {**task_fields(task), **(texts_of(draft) if draft else {})}
    values = {
        **shown_schedule(fields, task),
        **shown_answer(fields),
        **shown_checks(fields),
        **shown_prompt(fields, masks(task)),
    }
    return {**values, "tags": ", ".join(task.tags)}
