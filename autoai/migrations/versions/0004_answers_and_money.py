"""Prompts with versions, verdicts, change watch, and budgets."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True)
_BUDGETED = ("tasks", "accounts", "instance_state")
_BUDGETS = ("token_budget_day", "token_budget_month", "cost_budget_day", "cost_budget_month")


def _whole(name: str, type_: type[sa.types.TypeEngine[int]] = sa.Integer) -> sa.Column[int]:
    return sa.Column(name, type_(), server_default="0", nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default="0", nullable=False)


# All columns are added to the tables as they stand: a ledger of years is not copied for them.
def _columns() -> dict[str, list[sa.Column]]:
    return {
        "tasks": [
            sa.Column("prompt_version", sa.Integer(), server_default="1", nullable=False),
            sa.Column("language", sa.String(16), server_default="en", nullable=False),
            sa.Column("variables", _JSON, nullable=True),
            _flag("dynamic"),
            _whole("conversation_turns"),
            sa.Column("conversation_tokens", sa.Integer(), nullable=True),
            sa.Column("conversation_after", sa.Integer(), nullable=True),
            sa.Column("checks", _JSON, nullable=True),
            sa.Column("verdict_rules", _JSON, nullable=True),
            sa.Column("change_watch", sa.String(8), server_default="off", nullable=False),
            sa.Column("change_fields", _JSON, nullable=True),
        ],
        "runs": [
            sa.Column("spending_day", sa.Date(), nullable=True),
            sa.Column("reserved_tokens", sa.BigInteger(), nullable=True),
            sa.Column("reserved_cost", sa.BigInteger(), nullable=True),
            _flag("ignore_budget"),
            sa.Column("budget_note", _JSON, nullable=True),
            sa.Column("prompt_version", sa.Integer(), nullable=True),
            sa.Column("turns_sent", sa.Integer(), nullable=True),
            sa.Column("turns_cut", sa.Integer(), nullable=True),
            sa.Column("changed", sa.Boolean(), nullable=True),
            sa.Column("compared_with", sa.Integer(), nullable=True),
        ],
        "run_texts": [
            sa.Column("secrets", _JSON, nullable=True),
            sa.Column("findings", _JSON, nullable=True),
        ],
        "attempts": [
            sa.Column("input_tokens", sa.Integer(), nullable=True),
            sa.Column("output_tokens", sa.Integer(), nullable=True),
            sa.Column("cached_input_tokens", sa.Integer(), nullable=True),
            _flag("usage_estimated"),
            sa.Column("cost", sa.BigInteger(), nullable=True),
        ],
        "daily_totals": [_whole("degraded")],
    }


def _texts() -> list[sa.Column]:
    return [
        sa.Column("system_message", sa.Text(), nullable=True),
        sa.Column("messages", _JSON, nullable=True),
        sa.Column("message_content", sa.Text(), nullable=False),
    ]


def _of_task() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], ondelete="CASCADE")


def upgrade() -> None:
    _create_tables()
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    for table in _BUDGETED:
        for name in _BUDGETS:
            op.add_column(table, sa.Column(name, sa.BigInteger(), nullable=True))
    for name, columns, condition in (
        ("ix_runs_degraded", ["id", "started_at"], "verdict = 'degraded'"),
        ("ix_runs_changed", ["id"], "changed"),
    ):
        where = sa.text(condition)
        op.create_index(name, "runs", columns, sqlite_where=where, postgresql_where=where)
    _keep_braces()
    _number_what_is_said()
    _count_what_was_used()


def _create_tables() -> None:
    op.create_table(
        "prompt_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *_texts(),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("published_at", sa.DateTime(), nullable=True),
        sa.Column("restored_from", sa.Integer(), nullable=True),
        _of_task(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("task_id", "number"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "prompt_templates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.String(500), nullable=True),
        *_texts(),
        sa.Column("variables", _JSON, nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "task_secrets",
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("value_encrypted", sa.Text(), nullable=False),
        sa.Column("mask", sa.String(16), nullable=False),
        _of_task(),
        sa.PrimaryKeyConstraint("task_id", "name"),
    )
    op.create_table(
        "baselines",
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("accepted_at", sa.DateTime(), nullable=False),
        _of_task(),
        sa.PrimaryKeyConstraint("task_id"),
    )
    op.create_table(
        "usage_totals",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("task_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        _whole("runs"),
        _whole("input_tokens", sa.BigInteger),
        _whole("output_tokens", sa.BigInteger),
        _whole("cost", sa.BigInteger),
        _whole("unpriced"),
        _whole("estimated"),
        _whole("reserved_tokens", sa.BigInteger),
        _whole("reserved_cost", sa.BigInteger),
        sa.PrimaryKeyConstraint("day", "task_id", "account_id", "model"),
    )
    op.create_index("ix_usage_totals_task_id_day", "usage_totals", ["task_id", "day"])
    op.create_index("ix_usage_totals_account_id_day", "usage_totals", ["account_id", "day"])


def _keep_braces() -> None:
    """Texts are templates from now on: braces that somebody wrote are sent as they were."""
    tasks = sa.table(
        "tasks",
        sa.column("id"),
        sa.column("system_message"),
        sa.column("messages", _JSON),
        sa.column("message_content"),
    )
    db = op.get_bind()
    for row in db.execute(sa.select(tasks)).all():
        earlier = row.messages and [
            {**message, "content": _raw(message["content"])} for message in row.messages
        ]
        kept = {
            "system_message": _raw(row.system_message),
            "messages": earlier,
            "message_content": _raw(row.message_content),
        }
        if any(kept[name] != getattr(row, name) for name in kept):
            # The marks themselves must not be sent, so the task has to be rendered.
            db.execute(sa.update(tasks).where(tasks.c.id == row.id).values(kept))
            db.execute(
                sa.text("UPDATE tasks SET dynamic = :yes WHERE id = :id"),
                {"yes": True, "id": row.id},
            )


def _raw(text: str | None) -> str | None:
    if not text or ("{{" not in text and "{%" not in text):
        return text
    return f"{{% raw %}}{text}{{% endraw %}}"


def _number_what_is_said() -> None:
    op.execute(
        "INSERT INTO prompt_versions"
        " (task_id, number, system_message, messages, message_content, created_at, published_at)"
        " SELECT id, 1, system_message, messages, message_content, updated_at, updated_at"
        " FROM tasks"
    )


def _count_what_was_used() -> None:
    """By days in UTC: `flask rebuild-stats` counts them by the instance's own."""
    op.execute(
        "INSERT INTO usage_totals (day, task_id, account_id, model, runs, input_tokens,"
        " output_tokens, cost, unpriced, estimated)"
        " SELECT date(started_at), task_id, coalesce(account_id, 0), coalesce(model, ''), count(*),"
        " coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0), coalesce(sum(cost), 0),"
        " sum(CASE WHEN cost IS NULL AND input_tokens IS NOT NULL THEN 1 ELSE 0 END),"
        " sum(CASE WHEN usage_estimated THEN 1 ELSE 0 END)"
        " FROM runs WHERE started_at IS NOT NULL AND status NOT IN ('queued', 'running')"
        " GROUP BY 1, 2, 3, 4"
    )
    op.execute(
        "UPDATE daily_totals SET degraded = (SELECT count(*) FROM runs WHERE verdict = 'degraded'"
        " AND runs.task_id = daily_totals.task_id AND date(runs.due_at) = daily_totals.day)"
        " WHERE status = 'success'"
    )


def downgrade() -> None:
    for name in ("ix_runs_changed", "ix_runs_degraded"):
        op.drop_index(name, "runs")
    for table in _BUDGETED:
        for name in _BUDGETS:
            op.drop_column(table, name)
    for table, columns in _columns().items():
        for column in reversed(columns):
            op.drop_column(table, column.name)
    for table in (
        "usage_totals",
        "baselines",
        "task_secrets",
        "prompt_templates",
        "prompt_versions",
    ):
        op.drop_table(table)
