"""The gallery: prompts to begin a task with. Those that come with AutoAI, read from the files of
`autoai/gallery/`; and those that a person keeps, from the database."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select

from ..domain.errors import NotFound
from ..extensions import db
from ..models import LARGEST_ID, PromptTemplate, Task
from .ports import Ports
from .prompt_rules import LANGUAGES
from .publishing import TEXTS, texts_of
from .task_fields import TASK_FIELDS
from .tasks import unsaved_task

FOLDER = Path(__file__).resolve().parents[1] / "gallery"
CATEGORIES = ("reading", "work", "learning", "ideas", "watching", "life")
OWN_ICON = "bookmark"
_OWN = "own-"
# What a template leaves open, so that the rest can be checked like a task.
_OPEN = {
    "api_endpoint": "http://localhost/v1",
    "model": "-",
    "message_content": "-",
}
_EVERY_HOUR = {"schedule_type": "interval", "interval_minutes": 60}


@dataclass(frozen=True)
class Template:
    """A prompt of the gallery in one language. `fields` are those of a task, as the API takes them."""

    id: str
    name: str
    description: str
    icon: str
    category: str | None
    """None for a person's own."""
    fields: Mapping[str, Any]
    own: PromptTemplate | None = None

    @property
    def variables(self) -> Mapping[str, str]:
        """What its texts can name, and what that is at first."""
        return self.fields.get("variables") or {}


def list_templates(language: str) -> list[Template]:
    """All of them: a person's own by name, then those that come with AutoAI."""
    return [*own_templates(language), *_bundled(language).values()]


def own_templates(language: str) -> list[Template]:
    """Those that a person keeps, by name."""
    query = select(PromptTemplate).order_by(func.lower(PromptTemplate.name), PromptTemplate.id)
    return [own_template(row, language) for row in db.session.scalars(query)]


def get_template(template_id: str, language: str) -> Template:
    """By its id: `daily-digest`, or `own-3`. `NotFound` where there is none."""
    if template_id.startswith(_OWN):
        number = template_id.removeprefix(_OWN)
        row = None
        if number.isascii() and number.isdigit() and len(number) <= 19:
            row = db.session.get(PromptTemplate, min(int(number), LARGEST_ID))
        found = own_template(row, language) if row is not None else None
    else:
        found = _bundled(language).get(template_id)
    if found is None:
        raise NotFound(_("There is no template %(id)s.", id=template_id[:80]))
    return found


def task_of(ports: Ports, template: Template, timezone: str) -> Task:
    """A task as it would come of a template, for the form to show; it is not stored.

    Its texts are not checked: what they name may be missing until the form is filled.
    """
    texts = {field: template.fields.get(field) for field in TEXTS}
    rest = {field: value for field, value in template.fields.items() if field not in TEXTS}
    if "schedule_type" not in rest:
        rest |= _EVERY_HOUR
    task = unsaved_task(ports, {**_OPEN, "timezone": timezone, **rest})
    for field, value in {**texts, "api_endpoint": None, "model": None}.items():
        setattr(task, field, value)
    return task


def own_template(row: PromptTemplate, language: str) -> Template:
    """A stored one as the gallery shows it."""
    fields = {
        "name": row.name,
        **texts_of(row),
        "variables": row.variables or {},
        "language": language,
    }
    return Template(
        f"{_OWN}{row.id}", row.name, row.description or "", OWN_ICON, None, _known(fields), row
    )


def _bundled(language: str) -> Mapping[str, Template]:
    """Those that come with AutoAI, in order."""
    return _read(FOLDER, language if language in LANGUAGES else LANGUAGES[0])


@lru_cache(maxsize=len(LANGUAGES))
def _read(folder: Path, language: str) -> Mapping[str, Template]:
    files = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in folder.glob("*.toml")}
    in_order = sorted(files.items(), key=lambda item: item[1]["order"])
    return {name: _template(name, content, language) for name, content in in_order}


def _template(template_id: str, content: Mapping[str, Any], language: str) -> Template:
    words = content[language]
    texts = {field: words.get(field) for field in TEXTS}
    fields = {
        **content["settings"],
        **{field: text.strip() if isinstance(text, str) else text for field, text in texts.items()},
        "name": words["name"],
        "tags": words["tags"],
        "variables": {name: text.strip() for name, text in words.get("variables", {}).items()},
        "language": language,
    }
    return Template(
        template_id,
        words["name"],
        words["description"],
        content["icon"],
        content["category"],
        _known(fields),
    )


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if field in TASK_FIELDS}
