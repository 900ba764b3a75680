"""One run: what its page and the part under its row are made of, and its texts as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flask import Blueprint, Response
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from ...domain.errors import NotFound
from ...models import Account, Run
from ...queries.comparison import comparison_of
from ...queries.run_log import get_run, run_instead
from ...queries.run_neighbours import Before, answer_before, compared_with, neighbours
from ...runtime import runtime
from ...services.accounts import find_account
from ..answers.views import Answer, Text, View, as_shown, cut
from ..words import why
from .chips import chips_of
from .filters import LogFilter
from .hints import Link, links_for, status_hint
from .listing import address
from .timeline import timeline_of

run_texts = Blueprint("run_texts", __name__)
_LONG = 1_200
"""Characters, or half a screen's lines: a longer message is folded."""
_LONG_LINES = 14


@dataclass(frozen=True)
class Message:
    """One message that was sent."""

    role: str
    text: Text
    folded: bool
    """Is it so long that it is opened only when somebody wants it?"""

    @property
    def beginning(self) -> str:
        """Its first words, for what stands above it when it is folded."""
        return " ".join(self.text.text[:200].split())[:120]


@dataclass(frozen=True)
class Looking:
    """How a person looks at a run, as it stands in the address."""

    run_id: int
    view: str = ""
    whole: bool = False
    """The long texts in full."""
    compared: bool = False
    """With the difference from the run before."""
    within: Sequence[tuple[str, str]] = ()
    """The log's filter that the person came from: the runs beside this one are those that fit it."""
    saved: str = ""
    """The number of the saved view that the filter is known by."""

    @classmethod
    def read(cls, run: Run, args: Mapping[str, str], chosen: LogFilter) -> Looking:
        """What means nothing here is as if it were not there: the parts of the filter that are wrong,
        and the task alone, whose runs are beside this one anyway."""
        view, saved, within = args.get("view", ""), args.get("saved", ""), chosen.query()
        return cls(
            run.id,
            view if view in list(View) else "",
            args.get("whole") == "1",
            args.get("diff") == "previous",
            () if within == [("task_id", str(run.task_id))] else within,
            saved if within and saved.isascii() and saved.isdigit() else "",
        )

    def beside(self, run_id: int) -> str:
        """The address of another run, looked at in the same way."""
        return replace(self, run_id=run_id, whole=False).url()

    def url(self, **changes: Any) -> str:
        """This run's address, with another look."""
        now = {
            "view": self.view,
            "whole": self.whole,
            "compared": self.compared,
            "within": self.within,
            **changes,
        }
        look = {
            "view": now["view"],
            "whole": "1" if now["whole"] else "",
            "diff": "previous" if now["compared"] else "",
        }
        pairs = [(name, value) for name, value in look.items() if value]
        saved = [("saved", self.saved)] if self.saved else []
        return address(f"/logs/{self.run_id}", [*pairs, *now["within"], *saved])

    def log(self, task_id: int, **more: str) -> str:
        """The address of the log that the person came from, or else of the task's."""
        of_task = not self.within or ("task_id", str(task_id)) in self.within
        pairs = [pair for pair in self.within if not of_task or pair[0] != "task_id"]
        if self.saved:
            pairs.append(("view", self.saved))
        return address(f"/tasks/{task_id}/logs" if of_task else "/logs", pairs, **more)


def context_of(run_id: int, args: MultiDict[str, str]) -> dict[str, Any]:
    """What page and part show of a run; `NotFound` where there is none."""
    rt = runtime()
    # What grows before what is kept: a run that ends in between then shows its answer, not nothing.
    growing = rt.ports.growing_text(run_id)
    run = get_run(run_id)
    chosen = LogFilter.read(args, rt.ports.clock.now(), rt.settings.zone, None)
    looking = Looking.read(run, args, chosen)
    account = find_account(run.account_id)
    texts = run.texts
    return {
        "run": run,
        "looking": looking,
        "account": account,
        "growing": growing,
        "timeline": timeline_of(run, rt.ports.clock.now()),
        "answer": _answer(run, looking),
        "error": cut(texts.error_message, looking.whole) if texts and texts.error_message else None,
        "sent": _messages(run, looking.whole),
        "hints": _hints(run, account),
        "status_hint": status_hint(run),
        "comparison": comparison_of(run),
        "before": _before(run, looking),
        "beside": partial(neighbours, run, chosen.wanted if looking.within else None),
        "filter_chips": partial(chips_of, chosen),
        "instead": run_instead(run_id),
    }


def _answer(run: Run, looking: Looking) -> Answer | None:
    text = run.texts.response_text if run.texts else None
    return as_shown(text, looking.view, looking.whole) if text else None


def _messages(run: Run, whole: bool) -> list[Message]:
    stored = run.texts.request_messages if run.texts else None
    found = []
    for message in stored or []:
        text = message.get("content")
        text = text if isinstance(text, str) else str(text)
        long = len(text) > _LONG or text.count("\n") >= _LONG_LINES
        found.append(Message(str(message.get("role")), cut(text, whole), long))
    return found


def _hints(run: Run, account: Account | None) -> dict[str, list[Link]]:
    return {name: links_for(name, run, account) for name in why(run)}


def _before(run: Run, looking: Looking) -> Before | None:
    before = answer_before(run)
    return compared_with(run, before) if before and looking.compared else before


@run_texts.get("/logs/<int:run_id>/answer.txt")
def answer_file(run_id: int) -> Response:
    """The answer, exactly as it came."""
    texts = get_run(run_id).texts
    return _file(run_id, "answer", texts.response_text if texts else None)


@run_texts.get("/logs/<int:run_id>/error.txt")
def error_file(run_id: int) -> Response:
    """The error's text."""
    texts = get_run(run_id).texts
    return _file(run_id, "error", texts.error_message if texts else None)


@run_texts.get("/logs/<int:run_id>/input.txt")
def input_file(run_id: int) -> Response:
    """The messages that were sent, each below its role."""
    texts = get_run(run_id).texts
    messages = (texts.request_messages if texts else None) or []
    parts = [f"[{message.get('role')}]\n{message.get('content')}\n" for message in messages]
    return _file(run_id, "input", "\n".join(parts))


def _file(run_id: int, name: str, text: str | None) -> Response:
    if not text:
        raise NotFound(_("Run %(id)s has no such text.", id=run_id))
    response = Response(text.encode("utf-8", "replace"), mimetype="text/plain")
    response.headers["Content-Disposition"] = f'attachment; filename="run-{run_id}-{name}.txt"'
    # Nothing in it is for a browser to run, whatever a browser thinks of it.
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
