"""Both Chinese catalogues say everything that the source says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[2]
TRANSLATIONS = ROOT / "autoai" / "translations"
LOCALES = ("zh_Hans", "zh_Hant")
KEYWORDS = {**DEFAULT_KEYWORDS, "lazy_gettext": None}
_VARIABLE = re.compile(r"%\(\w+\)[sd]")


@pytest.fixture(scope="module")
def source() -> set[str | tuple[str, str]]:
    """What the code and the templates say, freshly read."""
    with open(TRANSLATIONS / "babel.cfg", encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    found: set[str | tuple[str, str]] = set()
    # Not from the root: .venv lies there.
    for folder in ("autoai", "templates"):
        for _, _, message, _, _ in extract_from_dir(
            ROOT / folder,
            [(re.sub(rf"^{folder}/", "", pattern), method) for pattern, method in methods],
            {re.sub(rf"^{folder}/", "", pattern): values for pattern, values in options.items()},
            KEYWORDS,
        ):
            found.add(message if isinstance(message, str) else tuple(message))
    assert len(found) > 100
    return found


@pytest.fixture(params=LOCALES)
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    path = TRANSLATIONS / request.param / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        return read_po(file, locale=request.param)


def messages(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id)


def first(message: str | tuple[str, ...] | list[str]) -> str:
    return message if isinstance(message, str) else message[0]


def test_nothing_is_missing(catalogue: Catalog, source: set[str | tuple[str, str]]) -> None:
    known = {first(message.id) for message in messages(catalogue)}
    assert {first(message) for message in source} - known == set()


def test_nothing_is_left_over(catalogue: Catalog, source: set[str | tuple[str, str]]) -> None:
    said = {first(message) for message in source}
    assert {first(message.id) for message in messages(catalogue)} - said == set()
    assert not catalogue.obsolete


def test_everything_is_translated_and_nothing_guessed(catalogue: Catalog) -> None:
    for message in messages(catalogue):
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(text.strip() for text in texts), message.id
        assert not message.fuzzy, message.id


def test_variables_and_blanks_survive(catalogue: Catalog) -> None:
    for message in messages(catalogue):
        sources = [message.id] if isinstance(message.id, str) else list(message.id)
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        for text in texts:
            assert set(_VARIABLE.findall(text)) == set(_VARIABLE.findall(sources[-1])), message.id
            assert (text != text.strip()) == (sources[0] != sources[0].strip()), message.id


def test_the_scripts_are_not_mixed(catalogue: Catalog) -> None:
    """A few characters that exist in one script only."""
    others = {"zh_Hans": "這時間設誤個說對", "zh_Hant": "这时间设误个说对"}[str(catalogue.locale)]
    for message in messages(catalogue):
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        assert not set(others) & set("".join(texts)), message.id
