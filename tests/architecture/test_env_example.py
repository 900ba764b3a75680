"""`.env.example` is the list that people read: it names every setting, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from autoai.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
# A line that is a setting once its comment sign is taken away.
SETTING = re.compile(r"^(?P<off># )?(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)$")


def listed() -> list[re.Match[str]]:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return [match for line in lines if (match := SETTING.match(line))]


def test_names_every_setting_and_nothing_else() -> None:
    assert {match["name"] for match in listed()} == {name.upper() for name in Settings.model_fields}


def test_only_the_password_has_to_be_filled_in() -> None:
    """A copy of the file is right once ADMIN_PASSWORD is typed into it."""
    assert [match["name"] for match in listed() if not match["off"]] == ["ADMIN_PASSWORD"]
    assert [match["value"] for match in listed() if not match["off"]] == [""]


def test_shows_the_defaults() -> None:
    """What stands behind the = is what one gets anyway, as far as it is not the machine's affair."""
    for match in listed():
        default = Settings.model_fields[match["name"].lower()].default
        if match["value"] and match["off"] and isinstance(default, str | int | bool):
            assert match["value"].lower() == str(default).lower(), match["name"]


def test_every_setting_has_a_comment() -> None:
    """The line above a setting belongs to it, or to the setting right before it."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if SETTING.match(line) and not line.startswith("# PORT="):
            assert lines[number - 1].startswith("# "), line
