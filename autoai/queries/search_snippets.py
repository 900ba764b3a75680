"""Where the words that were searched for stand in the texts of some runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, bindparam, func, select

from ..domain.snippets import Snippet, hits_of, snippet_of
from ..models import RunText
from . import plain

LOOKED_AT = 20_000
"""Characters of an answer or an error: further on, a hit is not shown."""

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_ANSWERS = select(
    RunText.run_id,
    func.substr(RunText.response_text, 1, LOOKED_AT),
    func.substr(RunText.error_message, 1, LOOKED_AT),
).where(RunText.run_id.in_(_IDS))
_MESSAGES = select(RunText.run_id, RunText.request_messages).where(RunText.run_id.in_(_IDS))


def snippets_of(run_ids: Sequence[int], query: str) -> dict[int, tuple[str, Snippet]]:
    """Run id → "answer", "error" or "message", and the words around the first hit in it. Not every
    run has one: the index also finds other forms of a letter, and what stands further on."""
    hits = hits_of(query)
    if hits is None or not run_ids:
        return {}
    found: dict[int, tuple[str, Snippet]] = {}
    for run_id, answer, error in plain.rows(_ANSWERS, {"ids": list(run_ids)}):
        for name, text in (("answer", answer), ("error", error)):
            snippet = snippet_of(text, hits)
            if snippet is not None:
                found.setdefault(run_id, (name, snippet))
    left = [run_id for run_id in run_ids if run_id not in found]
    for run_id, messages in plain.rows(_MESSAGES, {"ids": left}) if left else ():
        texts = (message.get("content") for message in messages or ())
        snippets = (snippet_of(text[:LOOKED_AT], hits) for text in texts if isinstance(text, str))
        snippet = next(filter(None, snippets), None)
        if snippet is not None:
            found[run_id] = ("message", snippet)
    return found
