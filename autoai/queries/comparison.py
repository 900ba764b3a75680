"""What a run's answer was compared with, and whether it is what others are compared with."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from ..domain.changes import Difference, Watch, difference
from ..domain.runs import Status
from ..extensions import db
from ..models import Baseline, Run, RunText


@dataclass(frozen=True)
class Comparison:
    """A run's place in its task's watch for changes."""

    is_baseline: bool
    acceptable: bool
    """Can a person make its answer the baseline?"""
    other_kept: bool
    """Is the run that it was compared with still in the ledger?"""
    difference: Difference | None
    """Where the two answers differ; None where they do not, or the other one is gone."""


def comparison_of(run: Run) -> Comparison:
    """`run` is loaded with its task and texts."""
    watch = run.task.change_watch
    baseline = db.session.get(Baseline, run.task_id)
    is_baseline = baseline is not None and baseline.run_id == run.id
    text = run.texts.response_text if run.texts else None
    answered = run.status == Status.SUCCESS and bool(text)
    old = _text_of(run.compared_with, baseline) if run.changed and text else None
    return Comparison(
        is_baseline=is_baseline,
        acceptable=answered and watch != Watch.OFF and not is_baseline,
        other_kept=run.compared_with is not None
        and db.session.scalar(select(Run.id).where(Run.id == run.compared_with)) is not None,
        difference=difference(old, text, watch, run.task.change_fields) if old and text else None,
    )


def _text_of(run_id: int | None, baseline: Baseline | None) -> str | None:
    """The answer of a run; a baseline's is kept for longer than the run."""
    if baseline is not None and baseline.run_id == run_id:
        return baseline.text
    return db.session.scalar(select(RunText.response_text).where(RunText.run_id == run_id))
