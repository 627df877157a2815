"""Audits of automated cases, and notes beside the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "audits",
        sa.Column("case_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("checkpoint", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("drawn_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("coin", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("share", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("finding", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("severity", sa.Double(), autoincrement=False, nullable=True),
        sa.Column("judged_by", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("judged_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_audits")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_audits_open",
        "audits",
        ["checkpoint", "case_id"],
        unique=False,
        sqlite_where=sa.text("finding IS NULL"),
        postgresql_where=sa.text("finding IS NULL"),
    )
    op.create_table(
        "notes",
        sa.Column("case_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("about", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("author", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("written_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("case_id", "number", name=op.f("pk_notes")),
    )
