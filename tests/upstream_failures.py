"""docs/upstream-failures.md, made from the table of misbehaviours and the app's own sentences.

`python -m tests.upstream_failures` writes it anew.
"""

from __future__ import annotations

from pathlib import Path

from autoai.domain.runs import PERSON_MUST_MEND, Kind, Status
from autoai.web.words import REASONS
from tests.misbehaviours import MISBEHAVIOURS, Misbehaviour

PAGE = Path(__file__).resolve().parents[1] / "docs" / "upstream-failures.md"

_KINDS = {
    Kind.OK: "answered",
    Kind.NEVER_SENT: "never sent",
    Kind.MAYBE_BILLED: "may have been billed",
    Kind.THROTTLED: "throttled",
    Kind.SERVER_ERROR: "server error",
    Kind.REJECTED: "rejected",
    Kind.UNUSABLE_ANSWER: "unusable answer",
}
_INTRODUCTION = """\
# When the other side misbehaves

What becomes of a run when the API, or whatever answers in its place, does something wrong. Every line
is played against the real sender in `tests/unit/test_misbehaviours.py`, and this page is made from
the same table: `python -m tests.upstream_failures` writes it anew.

A task repeats network trouble by itself, at most three attempts by default; after the statuses 429,
500, 502, 503 and 504 it tries again only where the task asks for it. Whatever happens, a run ends
at its time-out, takes no more than `MAX_RESPONSE_BYTES` of an answer, and never shows its key.
"""


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for status, reason in dict.fromkeys((row.status, row.reason) for row in MISBEHAVIOURS):
        rows = [row for row in MISBEHAVIOURS if (row.status, row.reason) == (status, reason)]
        parts += [
            f"## {reason or 'success'}\n",
            *([_sentences(reason, status)] if reason else ["It does not matter: a good answer.\n"]),
            "| The other side … | The attempts |\n| --- | --- |",
            *map(_line, rows),
            "",
        ]
    return "\n".join(parts).rstrip() + "\n"


def _sentences(reason: str, status: Status) -> str:
    what, hint = REASONS[reason]
    ending = {Status.SUCCESS: "The run is a success, and degraded."}.get(status, "The run fails.")
    if reason in PERSON_MUST_MEND:
        ending += " Several such failures in a row pause the task, if it is set to."
    return f"**{what}** {hint}\n\n{ending}\n"


def _line(row: Misbehaviour) -> str:
    kind = _KINDS[row.kinds[0]]
    times = f"{len(row.kinds)} × {kind}" if len(row.kinds) > 1 else kind
    if row.statuses:
        times += ", as the task asks for it"
        if row.waits:
            times += f"; {' and '.join(f'{wait:g} s' for wait in row.waits)} between"
    return f"| {row.what} | {times} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
