"""What can be chosen by its name: pages, filters of the log, appearance, language, and tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from ...queries.task_names import NamedTask, tasks_named
from ..i18n import LOCALES

MOST_TASKS = 8
_FEW = 3
"""So many tasks are offered with all that can be done with them."""
MOST_COMMANDS = 12


@dataclass(frozen=True)
class Command:
    """Something to choose: an address to go to, or a form to post."""

    group: str
    label: str
    icon: str
    href: str = ""
    post: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    also: str = ""
    """Other words by which it is found; English ones too, whatever the language."""

    def fits(self, words: list[str]) -> bool:
        """Does every one of the casefolded `words` occur in it?"""
        text = f"{self.label} {self.also}".casefold()
        return all(word in text for word in words)

    def shown(self) -> dict[str, Any]:
        """As the palette gets it."""
        names = ("group", "label", "icon", "href", "post", "fields")
        return {name: getattr(self, name) for name in names}


def find(text: str, now: datetime, zone: ZoneInfo) -> tuple[list[NamedTask], list[Command]]:
    """The tasks and the commands that fit what was typed; without a text, all commands.

    "run", "edit" and "logs" before a part of a task's name say what to do with it.
    """
    verb, rest = _verb(text)
    tasks = tasks_named(rest if verb else text, MOST_TASKS)
    words = text.casefold().split()
    fitting = [command for command in _commands(now, zone) if command.fits(words)]
    return tasks, fitting[:MOST_COMMANDS] if words else fitting


def about_tasks(text: str, tasks: list[NamedTask]) -> list[Command]:
    """What can be done with tasks that were found by `text`."""
    verb, _rest = _verb(text)
    if verb:
        return [_of_task(task)[verb] for task in tasks]
    if len(tasks) > _FEW:
        return [_of_task(task)["open"] for task in tasks]
    return [command for task in tasks for command in _of_task(task).values()]


def _verb(text: str) -> tuple[str, str]:
    """("run", "news") from "run news"; ("", text) where no such word stands first."""
    verbs = {"run": _("run"), "edit": _("edit"), "logs": _("logs")}
    for verb, word in verbs.items():
        for name in (verb, word):
            rest = text[len(name) :]
            # Chinese needs no space between the two.
            apart = rest[:1].isspace() or not name.isascii()
            if apart and rest.strip() and text.casefold().startswith(name.casefold()):
                return verb, rest.strip()
    return "", text


def _of_task(task: NamedTask) -> dict[str, Command]:
    path, group, name = f"/tasks/{task.id}", _("Tasks"), task.name
    then = {"next": f"{path}/logs"}  # where the new run is seen
    return {
        "open": Command(group, name, "calendar-clock", path),
        "run": Command(
            group, _("Run now: %(name)s", name=name), "play", post=f"{path}/run", fields=then
        ),
        "edit": Command(group, _("Edit: %(name)s", name=name), "pencil", f"{path}/edit"),
        "logs": Command(group, _("Logs: %(name)s", name=name), "scroll-text", f"{path}/logs"),
    }


def _commands(now: datetime, zone: ZoneInfo) -> Iterator[Command]:
    go, log = _("Go to"), _("Filter the log")
    yield Command(go, _("Dashboard"), "layout-dashboard", "/", also="dashboard home")
    yield Command(go, _("Tasks"), "calendar-clock", "/tasks", also="tasks")
    yield Command(go, _("New task"), "plus", "/tasks/new", also="new task create")
    yield Command(go, _("Logs"), "scroll-text", "/logs", also="logs runs")
    yield Command(go, _("Usage"), "chart-column", "/usage", also="usage cost tokens budget")
    yield Command(go, _("Gallery"), "layout-template", "/gallery", also="gallery prompts")
    yield Command(go, _("Accounts"), "key-round", "/accounts", also="accounts keys")
    yield Command(go, _("Settings"), "settings", "/settings", also="settings budgets")
    yield Command(go, _("Health"), "heart-pulse", "/health", also="health status")
    yield Command(go, _("Time zone"), "globe", "/zone", also="time zone timezone clock")
    yield Command(go, _("Keyboard shortcuts"), "keyboard", "/shortcuts", also="keyboard shortcuts")

    def filtered(**query: Any) -> str:
        return f"/logs?{urlencode(query, doseq=True)}"

    today = now.astimezone(zone).date().isoformat()
    yield Command(
        log,
        _("Failed today"),
        "circle-x",
        filtered(status="failed", **{"from": today}),
        also="failed today errors",
    )
    yield Command(log, _("Failed"), "circle-x", filtered(status="failed"), also="failed errors")
    yield Command(
        log, _("Degraded"), "badge-alert", filtered(verdict="degraded"), also="degraded bad answers"
    )
    yield Command(
        log, _("Missed"), "clock-alert", filtered(status="missed"), also="missed downtime"
    )
    active = filtered(status=["queued", "running"])
    yield Command(log, _("Running now"), "loader-circle", active, also="running queued now")
    yield Command(
        log, _("Answers that changed"), "git-compare", filtered(changed="true"), also="changed"
    )

    themes = {
        "light": (_("Light"), "sun"),
        "dark": (_("Dark"), "moon"),
        "contrast": (_("High contrast"), "contrast"),
        "auto": (_("As the system"), "monitor"),
    }
    for theme, (label, icon) in themes.items():
        fields, also = {"theme": theme}, f"theme appearance {theme} mode"
        yield Command(_("Appearance"), label, icon, post="/theme", fields=fields, also=also)
    for code, name in LOCALES.items():
        fields, also = {"locale": code}, f"language {code} chinese" if "zh" in code else "language"
        yield Command(_("Language"), name, "languages", post="/locale", fields=fields, also=also)
