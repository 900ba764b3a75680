"""The rules of a task that are not the usual ones, each as a name and what it says."""

from __future__ import annotations

from collections.abc import Iterator

from flask_babel import gettext as _
from flask_babel import ngettext

from ...domain.policies import CatchUp, Overlap
from ...domain.runs import Priority
from ...models import Task
from .. import formats

_FAILURES = 5
"""After so many a task pauses itself unless it says otherwise."""


def rules_of(task: Task) -> list[tuple[str, str]]:
    """(name, what it says), in the order of the form."""
    return [*_when(task), *_how(task), *_afterwards(task)]


def _when(task: Task) -> Iterator[tuple[str, str]]:
    if task.starts_at:
        yield _("Begins"), formats.moment_full(task.starts_at)
    if task.ends_at:
        yield _("Ends"), formats.moment_full(task.ends_at)
    if task.jitter_seconds:
        yield _("Shifted by up to"), _seconds(task.jitter_seconds)
    for window in task.blackouts or ():
        days = formats.listed([formats.weekday_name(day) for day in window.get("weekdays") or ()])
        hours = f"{window['from']}–{window['to']}"
        yield _("Never between"), f"{hours} ({days})" if days else hours
    if task.catch_up == CatchUp.ALL:
        yield _("What was missed"), _("all of it runs")
    elif task.catch_up == CatchUp.NONE:
        yield _("What was missed"), _("none of it runs")
    if task.overlap == Overlap.QUEUE:
        yield _("While a run goes on"), _("the next one waits")
    elif task.overlap == Overlap.ALLOW:
        yield _("While a run goes on"), _("the next one starts beside it")
    if task.expires_after_seconds is not None:
        yield _("Too late after"), _seconds(task.expires_after_seconds)
    if task.priority == Priority.HIGH:
        yield _("Priority"), _("High")
    elif task.priority == Priority.LOW:
        yield _("Priority"), _("Low")


def _how(task: Task) -> Iterator[tuple[str, str]]:
    if task.temperature is not None:
        yield _("Temperature"), formats.number(task.temperature)
    if task.max_tokens is not None:
        yield _("Tokens at most"), formats.number(task.max_tokens)
    if task.response_format != "text":
        schema = task.response_format == "json_schema"
        yield _("Format"), _("JSON by a schema") if schema else _("JSON")
    if task.conversation_turns:
        yield (
            _("Conversation"),
            ngettext(
                "%(num)s earlier run goes along",
                "%(num)s earlier runs go along",
                task.conversation_turns,
            ),
        )
    yield _("Time-out"), _seconds(task.timeout_seconds)
    yield (
        _("Attempts"),
        ngettext("%(num)s at most", "%(num)s at most", task.max_attempts),
    )
    if task.retry_statuses:
        yield (
            _("Sent again also after"),
            formats.listed([str(code) for code in task.retry_statuses]),
        )


def _afterwards(task: Task) -> Iterator[tuple[str, str]]:
    if task.checks:
        count = len(task.checks)
        yield _("Checks"), ngettext("%(num)s check", "%(num)s checks", count)
    if task.change_watch != "off":
        yield (
            _("Watched for changes"),
            _("as JSON") if task.change_watch == "json" else _("as text"),
        )
    if task.pause_after_failures is None:
        yield _("Pauses itself"), _("never")
    elif task.pause_after_failures != _FAILURES:
        yield (
            _("Pauses itself"),
            ngettext("after %(num)s failure", "after %(num)s failures", task.pause_after_failures),
        )
    if task.rerun_interrupted:
        yield _("Interrupted runs"), _("are run again")


def _seconds(seconds: int) -> str:
    return formats.duration(seconds * 1000)
