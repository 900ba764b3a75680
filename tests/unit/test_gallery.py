"""The prompts that come with AutoAI: whole in every language, and good as they are."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from flask import Flask

from autoai.domain.errors import Invalid, NotFound
from autoai.domain.prompts import LastRun, PromptContext, render_messages
from autoai.extensions import db
from autoai.models import PromptTemplate
from autoai.services.gallery import (
    CATEGORIES,
    FOLDER,
    LANGUAGES,
    Template,
    get_template,
    list_templates,
)
from autoai.services.own_templates import (
    create_own_template,
    delete_own_template,
    keep_task,
    template_values,
    update_own_template,
)
from autoai.services.ports import Ports
from autoai.services.task_fields import TASK_FIELDS, task_fields
from autoai.services.tasks import create_task
from tests.factories import make_task
from tests.fakes import START

pytestmark = pytest.mark.usefixtures("in_app")

FILES = sorted(FOLDER.glob("*.toml"))
WORDS = {"name", "description", "tags", "system_message", "message_content"}
SPRITE = (FOLDER.parents[1] / "static/vendor/lucide/icons.svg").read_text("utf-8")
WHERE = {"api_endpoint": "http://127.0.0.1:9/v1", "model": "m-1", "timezone": "UTC"}


def content(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))


def bundled(language: str) -> list[Template]:
    return [template for template in list_templates(language) if template.own is None]


def test_there_are_enough_of_them() -> None:
    assert len(FILES) >= 10
    orders = [content(path.stem)["order"] for path in FILES]
    assert len(set(orders)) == len(orders)
    ids = {language: [template.id for template in bundled(language)] for language in LANGUAGES}
    assert ids["en"] == ids["zh_Hans"] == ids["zh_Hant"]
    assert sorted(ids["en"]) == [path.stem for path in FILES]
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in ids["en"])
    assert not any(name.startswith("own-") for name in ids["en"])


@pytest.mark.parametrize("name", [path.stem for path in FILES])
class TestEach:
    def test_is_whole_in_every_language(self, name: str) -> None:
        found = content(name)
        assert set(found) == {"order", "category", "icon", "settings", *LANGUAGES}
        assert found["category"] in CATEGORIES
        assert f'id="{found["icon"]}"' in SPRITE
        assert set(found["settings"]) <= TASK_FIELDS
        texts = {language: found[language] for language in LANGUAGES}
        for language, words in texts.items():
            assert set(words) - {"variables"} == WORDS, language
            assert all(str(words[field]).strip() for field in WORDS), language
            assert len(words["description"]) <= 160
        assert len({frozenset(words.get("variables", {})) for words in texts.values()}) == 1
        named = {
            language: set(
                re.findall(r"{{ *([\w.]+)", words["system_message"] + words["message_content"])
            )
            for language, words in texts.items()
        }
        assert named["en"] == named["zh_Hans"] == named["zh_Hant"]
        assert named["en"] >= set(texts["en"].get("variables", {})), "a variable nobody uses"

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_is_a_good_task(self, ports: Ports, name: str, language: str) -> None:
        template = get_template(name, language)
        task = create_task(ports, {**template.fields, **WHERE})
        stored = task_fields(task)
        wanted = {**template.fields, "tags": sorted(template.fields["tags"])}
        for unit, seconds in (("interval_minutes", 60), ("interval_hours", 3600)):
            if unit in wanted:
                wanted["interval_seconds"] = wanted.pop(unit) * seconds
        for field, value in wanted.items():
            assert (stored[field] or None) == (value or None), field

    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize("answer", [None, "The answer of {{ last }} time"])
    def test_renders(self, ports: Ports, name: str, language: str, answer: str | None) -> None:
        template = get_template(name, language)
        task = create_task(ports, {**template.fields, **WHERE})
        sent = [
            {"role": "system", "content": task.system_message or ""},
            {"role": "user", "content": task.message_content},
        ]
        context = PromptContext(
            now=START,
            scheduled_for=START,
            zone=task.zone,
            language=task.language,
            task_name=task.name,
            variables=task.variables or {},
            last=LastRun(response=answer),
        )
        said = "\n".join(m["content"] for m in render_messages(sent, context).messages)
        for value in template.variables.values():
            assert value in said
        # What an answer or a variable says is no template, whatever it looks like.
        left = said.replace("The answer of {{ last }} time", "")
        assert "{{" not in left and "{%" not in left
        assert ("The answer of" in said) == (
            "last.response" in task.message_content and bool(answer)
        )


class TestOwn:
    def values(self, **changes: Any) -> dict[str, Any]:
        return {
            "name": "Mine",
            "description": "What I ask often",
            "system_message": "Be brief",
            "messages": [{"role": "user", "content": "Hi"}],
            "message_content": "About {{ topic }}",
            "variables": {"topic": "tea"},
            **changes,
        }

    def test_they_come_first_by_name(self, ports: Ports) -> None:
        for name in ("zebra", "Apple"):
            create_own_template(ports, self.values(name=name))
        found = list_templates("en")
        assert [template.name for template in found[:2]] == ["Apple", "zebra"]
        assert found[2].own is None and len(found) == len(FILES) + 2

    def test_a_task_begins_with_one(self, ports: Ports) -> None:
        row = create_own_template(ports, self.values())
        template = get_template(f"own-{row.id}", "zh_Hant")
        task = create_task(ports, {**template.fields, **WHERE, "schedule_type": "manual"})
        assert (task.name, task.system_message, task.message_content) == (
            "Mine",
            "Be brief",
            "About {{ topic }}",
        )
        assert (task.variables, task.language) == ({"topic": "tea"}, "zh_Hant")
        assert task.messages == [{"role": "user", "content": "Hi"}]

    def test_a_task_is_kept(self, ports: Ports) -> None:
        task = make_task(ports, message_content="About {{ topic }}", variables={"topic": "tea"})
        row = keep_task(ports, task)
        assert template_values(row) == {
            "name": "Morning news",
            "description": None,
            "system_message": None,
            "messages": None,
            "message_content": "About {{ topic }}",
            "variables": {"topic": "tea"},
        }

    def test_it_is_changed_and_deleted(self, ports: Ports) -> None:
        row = create_own_template(ports, self.values())
        update_own_template(ports, row.id, self.values(name="Renamed", variables=None))
        stored = db.session.get_one(PromptTemplate, row.id, populate_existing=True)
        assert (stored.name, stored.variables) == ("Renamed", None)
        delete_own_template(row.id)
        assert len(list_templates("en")) == len(FILES)
        with pytest.raises(NotFound):
            delete_own_template(row.id)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""),
            ("name", "x" * 201),
            ("name", "two\nlines"),
            ("description", "x" * 501),
            ("message_content", " "),
            ("message_content", "x" * 100_001),
            ("system_message", "\x00"),
            ("messages", [{"role": "system", "content": "no"}]),
            ("variables", {"no good": "x"}),
            ("variables", {"date": "x"}),
        ],
    )
    def test_what_is_refused(self, ports: Ports, field: str, value: Any) -> None:
        with pytest.raises(Invalid) as caught:
            create_own_template(ports, self.values(**{field: value}))
        assert set(caught.value.errors) == {field}

    def test_secrets_and_unfinished_texts_may_be_kept(self, ports: Ports) -> None:
        row = create_own_template(ports, self.values(message_content="{{ secrets.token }} {{ x }}"))
        assert row.message_content == "{{ secrets.token }} {{ x }}"


@pytest.mark.parametrize(
    "name", ["", "nothing", "own-", "own-x", "own-0", "own-77", "own-" + "9" * 40]
)
def test_what_there_is_not(app: Flask, name: str) -> None:
    with pytest.raises(NotFound):
        get_template(name, "en")
