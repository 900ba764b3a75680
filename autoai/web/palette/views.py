"""To find a task, a page or a command by typing: as a page, and as data for the palette."""

from __future__ import annotations

from itertools import groupby

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from ...runtime import runtime
from ..htmx import render
from ..pagination import search_text
from ..urls import own_path
from .commands import about_tasks, find

palette = Blueprint("palette", __name__)


@palette.get("/find")
def index() -> ResponseReturnValue:
    """The page that does without JavaScript what the palette does with it."""
    text = search_text(request.args.get("q"))
    tasks, commands = find(text, runtime().ports.clock.now(), runtime().settings.zone)
    return render(
        "palette/find.html",
        "palette/find.html",
        text=text,
        tasks=tasks,
        groups=[(name, list(group)) for name, group in groupby(commands, lambda c: c.group)],
        next=own_path(request.args.get("next")) or "/",
    )


@palette.get("/find/items")
def items() -> ResponseReturnValue:
    """`{"items": [{group, label, icon, href, post, fields}, …]}`, the likeliest first."""
    text = search_text(request.args.get("q"))
    tasks, commands = find(text, runtime().ports.clock.now(), runtime().settings.zone)
    found = [*about_tasks(text, tasks), *commands]
    return jsonify(items=[command.shown() for command in found])
