"""Titles of cases, reasons and blindness of checkpoints, who is at the desk, and what each person has in hand."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_REASONS = '["Not correct","Something is missing","Wrong tone","Should not happen"]'


def upgrade() -> None:
    on_postgres = op.get_bind().dialect.name == "postgresql"
    text = sa.Text(collation="C") if on_postgres else sa.Text()
    number = sa.BigInteger() if on_postgres else sa.Integer()
    op.add_column("checkpoints", sa.Column("reasons", text, server_default=sa.text(f"'{_REASONS}'"), nullable=False))
    op.add_column("checkpoints", sa.Column("blind", number, server_default=sa.text("0"), nullable=False))
    op.add_column("cases", sa.Column("title", text, server_default=sa.text("''"), nullable=False))
    op.create_table(
        "presences",
        sa.Column("person", text, autoincrement=False, nullable=False),
        sa.Column("seen_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("away_since", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_presences")),
    )
    for name, column in (("claimed", "claimed_by"), ("assigned", "assigned_to"), ("snoozed", "snoozed_until")):
        is_set = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_cases_{name}",
            "cases",
            ["state", column, "checkpoint"],
            unique=False,
            sqlite_where=is_set,
            postgresql_where=is_set,
        )
    op.create_index("ix_verdicts_ruled", "verdicts", ["ruled_at", "reviewer"], unique=False)
