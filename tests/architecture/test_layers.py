"""Imports run one way, and what belongs to a request stops at the outermost ring."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "autoai"

# Each room and the rooms that it may import from. The package root is where everything is put
# together, so its modules are rooms of their own. `settings` is read by whoever is told what to do.
MAY_IMPORT: dict[str, set[str]] = {
    "domain": set(),
    "settings": {"domain"},
    "language": set(),
    "extensions": set(),
    "providers": {"domain"},
    "security": {"domain", "settings"},
    "models": {"domain", "extensions"},
    "queries": {"domain", "models", "extensions"},
    "services": {"domain", "models", "providers", "security", "extensions", "settings"},
    "execution": {"domain", "services", "providers"},
    "scheduling": {"domain", "services", "execution", "providers", "extensions", "settings"},
    "logging_setup": {"security", "settings"},
    "runtime": {"providers", "scheduling", "services", "settings"},
    "api": {"domain", "services", "queries", "models", "runtime", "language"},
    "web": {"domain", "services", "queries", "models", "runtime", "api", "extensions", "language"},
    "cli": {"domain", "services", "queries", "runtime", "settings"},
    "startup": {
        "domain",
        "extensions",
        "logging_setup",
        "runtime",
        "scheduling",
        "services",
        "settings",
    },
    "migrations": {"extensions", "models"},
}
# (file, room): why this one arrow may run back.
EXCEPTIONS = {
    ("cli/common.py", "startup"): "commands bring the database up to date like a start",
}
OF_A_REQUEST = {"request", "current_app", "g", "session", "current_user"}
MAY_KNOW_REQUESTS = {"web", "api", "cli", "runtime", "startup", "factory", "migrations"}
WEB_FRAMEWORK = {"flask", "werkzeug", "flask_login", "flask_wtf", "wtforms"}
NO_DATABASE = {"domain", "providers", "security", "execution"}


def files() -> list[Path]:
    found = [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if "versions" not in path.parts and "__pycache__" not in path.parts
    ]
    assert len(found) > 50
    return found


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of each import, also those inside functions; relative ones made absolute."""
    parts = ("autoai", *path.relative_to(PACKAGE).parts)
    package = list(parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield module, alias.name


def rooms_imported(path: Path) -> set[str]:
    found = set()
    for module, name in imports(path):
        first, *rest = module.split(".")
        if first == "autoai":
            found.add(rest[0] if rest else name)
    return found


def test_the_rooms_are_the_ones_that_are_drawn() -> None:
    rooms = {room_of(path) for path in files()} - {"__init__", "factory"}
    assert rooms == set(MAY_IMPORT), "a new room needs its arrows here and in the design"


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows(path: Path) -> None:
    room = room_of(path)
    if room in ("__init__", "factory"):  # where everything is put together
        return
    here = str(path.relative_to(PACKAGE))
    wrong = {
        other
        for other in rooms_imported(path) - {room} - MAY_IMPORT[room]
        if (here, other) not in EXCEPTIONS
    }
    assert not wrong, f"autoai/{here} must not import {sorted(wrong)}"


def test_exceptions_are_still_needed() -> None:
    for here, other in EXCEPTIONS:
        assert other in rooms_imported(PACKAGE / here)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_requests_stop_at_the_outermost_ring(path: Path) -> None:
    if room_of(path) in MAY_KNOW_REQUESTS:
        return
    wrong = {
        f"{module}.{name}"
        for module, name in imports(path)
        if (module == "flask" and name in OF_A_REQUEST)
        or (module == "flask_login" and name in OF_A_REQUEST)
    }
    assert not wrong


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_pure_rooms(path: Path) -> None:
    room = room_of(path)
    modules = {module.split(".")[0] for module, _ in imports(path)}
    if room == "domain":
        assert not modules & (WEB_FRAMEWORK | {"sqlalchemy", "requests", "flask_babel"})
        clocks = {"time.time", "datetime.now", "datetime.utcnow"}
        assert not any(call in path.read_text() for call in clocks), "time is handed in"
    if room in NO_DATABASE:
        assert not modules & {"sqlalchemy", "flask_sqlalchemy"}
        assert "extensions" not in rooms_imported(path)


@pytest.mark.parametrize(
    "path",
    [path for path in files() if room_of(path) in ("web", "api", "cli")],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_views_never_touch_the_session(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr == "session":
            assert not (isinstance(node.value, ast.Name) and node.value.id == "db")
    names = {(module, name) for module, name in imports(path)}
    assert not {name for module, name in names if module.endswith("extensions") and name == "db"}
    assert "write_transaction" not in {name for _, name in names}


def test_queries_never_commit() -> None:
    for path in files():
        if room_of(path) == "queries":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute):
                    assert node.attr not in ("commit", "add", "delete", "flush"), path
            assert "write_transaction" not in path.read_text()
