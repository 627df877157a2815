"""What automation would do: its arrivals, snapshots of what it knows, and entries that are found by checkpoint."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    on_postgres = op.get_bind().dialect.name == "postgresql"
    text = sa.Text(collation="C") if on_postgres else sa.Text()
    number = sa.BigInteger() if on_postgres else sa.Integer()
    op.add_column("checkpoints", sa.Column("alpha", sa.Double(), nullable=True))
    op.create_table(
        "arrivals",
        sa.Column("checkpoint", text, autoincrement=False, nullable=False),
        sa.Column("count", number, autoincrement=False, nullable=False),
        sa.Column("newest", text, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("checkpoint", name=op.f("pk_arrivals")),
    )
    op.create_table(
        "snapshots",
        sa.Column("checkpoint", text, autoincrement=False, nullable=False),
        sa.Column("count", number, autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", text, autoincrement=False, nullable=False),
        sa.Column("taken_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("checkpoint", name=op.f("pk_snapshots")),
    )
    op.drop_index("ix_entries_settled", "entries")
    for name, condition in (
        ("settled", "act IN ('clear', 'reject', 'expire', 'withdraw')"),
        ("decided", "kind = 'automation'"),
    ):
        only = sa.text(condition)
        op.create_index(
            f"ix_entries_{name}",
            "entries",
            ["checkpoint", "seq"],
            unique=False,
            sqlite_where=only,
            postgresql_where=only,
        )
