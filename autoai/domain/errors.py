"""What can go wrong, in the words of the domain. The outer rings map these to pages and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from .runs import Kind, Reason


class DomainError(Exception):
    """Base of everything that a person's request can run into."""


class NotFound(DomainError):
    """There is no such thing (any more)."""


class Conflict(DomainError):
    """The thing is in a state that does not allow this."""


class Invalid(DomainError):
    """Input breaks a rule. `errors` maps each field's name to messages in the reader's language."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        self.errors = {field: [str(text) for text in texts] for field, texts in errors.items()}
        super().__init__("; ".join(f"{k}: {' '.join(v)}" for k, v in self.errors.items()))


class TooMany(DomainError):
    """Asked too often. `retry_after` is in whole seconds."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"too many tries, again in {retry_after} s")


class KeyUnreadable(DomainError):
    """A stored secret cannot be decrypted with the present ENCRYPTION_KEY."""


class Unstorable(DomainError):
    """What is to be recorded holds something that no database stores, however often one tries."""


class Fault(StrEnum):
    """What is wrong with a template. The screens have a sentence for each."""

    SYNTAX = "syntax"
    UNKNOWN_NAME = "unknown_name"
    UNKNOWN_FILTER = "unknown_filter"
    UNKNOWN_TAG = "unknown_tag"
    NOT_A_TEXT = "not_a_text"
    """A name that stands for several things, such as `variables`, was used as one."""
    TOO_MUCH_MARKUP = "too_much_markup"
    TOO_MUCH_WORK = "too_much_work"
    TOO_LONG = "too_long"
    ALTERED = "altered"
    FAILED = "failed"
    EMPTY = "empty"


_FAULTS = {
    Fault.SYNTAX: "the template is not written correctly",
    Fault.UNKNOWN_NAME: "there is no such name",
    Fault.UNKNOWN_FILTER: "there is no such filter",
    Fault.UNKNOWN_TAG: "there is no such tag",
    Fault.NOT_A_TEXT: "this name stands for several things",
    Fault.TOO_MUCH_MARKUP: "too much between the braces",
    Fault.TOO_MUCH_WORK: "the template takes too much work",
    Fault.TOO_LONG: "the message becomes too long",
    Fault.ALTERED: "a secret cannot go through a filter",
    Fault.FAILED: "the template cannot be carried out",
    Fault.EMPTY: "the message is empty",
}


class TemplateError(DomainError):
    """A message cannot be made from its template. `line` counts from 1; `name` is what it is about."""

    def __init__(
        self, fault: Fault, line: int | None = None, name: str = "", field: str = ""
    ) -> None:
        self.fault = fault
        self.line = line
        self.name = name
        self.field = field
        """The task's field whose text it is; empty while that is not known."""
        where = ", ".join(part for part in (field, f"line {line}" if line else "") if part)
        what = f"{_FAULTS[fault]}: {name}" if name else _FAULTS[fault]
        super().__init__(f"{where}: {what}" if where else what)

    def at(self, field: str) -> TemplateError:
        """The same, knowing whose text it is."""
        return TemplateError(self.fault, self.line, self.name, field)


class ProviderError(DomainError):
    """A call that brought no usable answer. `kind` decides about repeating, `reason` is shown."""

    def __init__(
        self,
        kind: Kind,
        reason: Reason,
        message: str,
        *,
        http_status: int | None = None,
        retry_after: float | None = None,
        final: bool = False,
        stream_refused: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.reason = reason
        self.message = message
        self.http_status = http_status
        self.retry_after = retry_after
        """Seconds, finite and not negative; None where the server did not say."""
        self.final = final
        """The other side calls it hopeless: never repeat, whatever the task asks for."""
        self.stream_refused = stream_refused
        """It does not want to stream; the same request without that may well be answered."""


class CallEnded(DomainError):
    """A call was ended from our side, by a shutdown or a cancel, before it was answered."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"ended: {reason}")
        self.reason = reason
