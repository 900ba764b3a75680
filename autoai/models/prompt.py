"""What tasks say, said, and could say: versions of their texts, secrets, templates, baselines."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Model
from .types import UtcDateTime


class PromptVersion(Model):
    """The texts of a task as they once were, or as its draft has them. Published ones never change."""

    __tablename__ = "prompt_versions"
    __table_args__ = (UniqueConstraint("task_id", "number"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    number: Mapped[int]
    """Counts from 1 within its task."""
    system_message: Mapped[str | None] = mapped_column(Text)
    messages: Mapped[list[dict[str, str]] | None] = mapped_column(JSON(none_as_null=True))
    message_content: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Null: it is the draft, and nothing has been sent by it. A task has at most one."""
    restored_from: Mapped[int | None]
    """The number of the older version whose texts it took."""


class PromptTemplate(Model):
    """A prompt that a person keeps for new tasks, beside those that come with AutoAI."""

    __tablename__ = "prompt_templates"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(String(500))
    system_message: Mapped[str | None] = mapped_column(Text)
    messages: Mapped[list[dict[str, str]] | None] = mapped_column(JSON(none_as_null=True))
    message_content: Mapped[str] = mapped_column(Text)
    variables: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TaskSecret(Model):
    """A value that a task's texts name and nobody sees: encrypted, bound to its task and name."""

    __tablename__ = "task_secrets"

    task_id: Mapped[int] = mapped_column(
        ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    value_encrypted: Mapped[str] = mapped_column(Text)
    mask: Mapped[str] = mapped_column(String(16))


class Baseline(Model):
    """The answer that a person, or the first good run, made the one to compare with."""

    __tablename__ = "baselines"

    task_id: Mapped[int] = mapped_column(
        ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True
    )
    run_id: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    """Of the text as the task's watch looks at it."""
    accepted_at: Mapped[datetime] = mapped_column(UtcDateTime)
