"""What no page may do: run inline code, load from elsewhere, name what is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.settings import ROOT

from ..fakes import START

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STATIC = ROOT / "static"
INLINE = re.compile(
    r"""\sstyle\s*=|<style|\son[a-z]+\s*=|hx-on|["'=\s(]js:|javascript:|hx-trigger="[^"]*\w\[[^\]=]*[=!<>(]""",
    re.I,
)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(ROOT / "templates")))
def test_a_template_carries_no_code_and_loads_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text()
    assert not INLINE.search(text)
    for script in re.findall(r"<script[^>]*>", text):
        assert "src=" in script
    for address in re.findall(r'(?:src|href|action)="((?:https?:)?//[^"]*)"', text):
        raise AssertionError(f"leads away: {address}")
    assert "|safe" not in text and "autoescape" not in text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(ROOT / "templates")))
def test_what_a_template_names_is_there(path: Path) -> None:
    text = path.read_text()
    for name in re.findall(r"asset\(['\"]([^'\"]+)['\"]\)", text):
        assert (STATIC / name).is_file()
    icons = set(
        re.findall(r'symbol id="([^"]+)"', (STATIC / "vendor/lucide/icons.svg").read_text())
    )
    assert set(re.findall(r'ui\.icon\("([^"]+)"', text)) <= icons
    for name in re.findall(r'{% (?:include|extends|import) "([^"]+)"', text):
        assert (ROOT / "templates" / name).is_file()


def test_the_icons_of_the_words_are_there() -> None:
    from autoai.web.words import STATUSES

    icons = set(
        re.findall(r'symbol id="([^"]+)"', (STATIC / "vendor/lucide/icons.svg").read_text())
    )
    assert {icon for _, icon in STATUSES.values()} <= icons


def test_what_is_vendored_says_what_it_is() -> None:
    folders = [folder for folder in (STATIC / "vendor").iterdir() if folder.is_dir()]
    assert len(folders) == 3
    for folder in folders:
        assert (folder / "VERSION").read_text().strip() and (folder / "LICENSE").read_text().strip()


def test_styles_and_scripts_of_ours_load_nothing_from_elsewhere() -> None:
    for path in (STATIC / "css/app.css", STATIC / "js/app.js"):
        text = path.read_text()
        assert not re.search(r"https?://|//cdn|eval\(|new Function|innerHTML", text), path.name


PAGES = ["/", "/tasks/new", "/tasks/1/edit", "/tasks/1/delete", "/tasks/1/logs", "/logs", "/logs/1"]


@pytest.mark.parametrize("locale", ["en", "zh_Hans", "zh_Hant"])
def test_every_page_in_every_language(signed_in: FlaskClient, task, run, locale: str) -> None:
    run(task(), START)
    signed_in.set_cookie("locale", locale)
    for path in (*PAGES, "/health", "/nix"):
        answer = signed_in.get(path)
        assert answer.status_code == (404 if path == "/nix" else 200)
        check_page(signed_in, answer.text)


def check_page(signed_in: FlaskClient, text: str) -> None:
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son[a-z]+=", text)
    assert re.search(r"<title>[^<]+ · AutoAI</title>", text)
    assert text.count("<h1") == 1 and 'class="skip"' in text and '<main class="page' in text
    assert 'name="csrf-token" content="' in text and "hx-headers:inherited=" in text
    assert "%(" not in text and "None" not in text
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids)), "an id twice"
    for address in re.findall(r'(?:src|href)="(/static/[^"#]+)', text):
        assert signed_in.get(address).status_code == 200


def test_every_answer_says_what_the_browser_may_do(app: Flask, signed_in: FlaskClient) -> None:
    for path in ("/", "/nix", "/login", "/api/tasks", "/static/css/app.css"):
        headers = signed_in.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        if not path.startswith("/static"):
            assert headers["Cache-Control"] == "no-store"
    found = re.search(r'href="(/static/css/app\.css\?v=\w+)"', signed_in.get("/").text)
    assert found and "immutable" in signed_in.get(found[1]).headers["Cache-Control"]


def test_only_one_file_reads_what_htmx_says() -> None:
    readers = [
        path.name
        for path in (ROOT / "autoai").rglob("*.py")
        if re.search(r"""headers\.get\(["']HX-""", path.read_text(), re.I)
    ]
    assert readers == ["htmx.py"]


def test_views_never_touch_the_session_of_the_database() -> None:
    for path in (ROOT / "autoai" / "web").rglob("*.py"):
        assert "db.session" not in path.read_text(), path
