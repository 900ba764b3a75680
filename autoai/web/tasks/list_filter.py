"""The filter of the list of tasks as it stands in the address: q, tag, status, account_id, sort."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from ...domain.runs import Status
from ...queries.task_filter import DEGRADED, FLAGGED, NEVER, OFF, PAUSED, Sort, TaskFilter
from ..pagination import search_text
from ..urls import id_of

STATES = (
    FLAGGED,
    Status.RUNNING.value,
    PAUSED,
    OFF,
    Status.SUCCESS.value,
    DEGRADED,
    *(s.value for s in (Status.FAILED, Status.INTERRUPTED, Status.CANCELLED)),
    Status.EXPIRED.value,
    NEVER,
)
SORTS = {
    Sort.NAME.value: _("Name"),
    Sort.NEXT_RUN.value: _("Next run"),
    Sort.LAST_RUN.value: _("Last run"),
}


@dataclass(frozen=True)
class ListFilter:
    """What was asked for; what means nothing is left out."""

    text: str = ""
    tag: str = ""
    status: str = ""
    sort: str = Sort.NAME.value
    account_id: int | None = None

    @classmethod
    def read(cls, args: MultiDict[str, str]) -> ListFilter:
        """From the query string."""
        status, sort = args.get("status", ""), args.get("sort", "")
        return cls(
            text=search_text(args.get("q", "")),
            tag=search_text(args.get("tag", "")),
            status=status if status in STATES else "",
            sort=sort if sort in SORTS else Sort.NAME.value,
            account_id=id_of(args.get("account_id", "")),
        )

    @property
    def active(self) -> bool:
        """Is anything left out?"""
        return bool(self.text or self.tag or self.status or self.account_id)

    def query(self) -> list[tuple[str, str]]:
        """The filter as it goes into an address."""
        pairs = [("q", self.text), ("tag", self.tag), ("status", self.status)]
        pairs.append(("account_id", str(self.account_id or "")))
        pairs.append(("sort", "" if self.sort == Sort.NAME.value else self.sort))
        return [(name, value) for name, value in pairs if value]

    def rows(self) -> TaskFilter:
        """For the database."""
        return TaskFilter(
            self.text, self.tag or None, self.status or None, Sort(self.sort), self.account_id
        )
