"""Accounts, tokens, sessions, paces and webhooks; on PostgreSQL also one order of text, and the order of commits."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("roles", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("groups", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("password_hash", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_by", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("failures", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("locked_until", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("scopes", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_by", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
    )
    op.create_index("uq_tokens_digest", "tokens", ["digest"], unique=True)
    op.create_table(
        "sessions",
        sa.Column("digest", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ended_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sessions")),
    )
    op.create_table(
        "paces",
        sa.Column("checkpoint", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("free_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("checkpoint", name=op.f("pk_paces")),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("url", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("events", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("secret", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("max_age_s", sa.Double(), autoincrement=False, nullable=True),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_by", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    if op.get_bind().dialect.name == "postgresql":
        _one_order()


def _one_order() -> None:
    # Text sorts by its bytes, as on SQLite, whatever the database's locale; whole numbers are as large as there.
    connection = op.get_bind()
    columns = sa.inspect(connection)
    for table in columns.get_table_names():
        changes = [
            f'ALTER COLUMN "{column["name"]}" TYPE {wanted}'
            for column in columns.get_columns(table)
            for kind, wanted in ((sa.Text, 'TEXT COLLATE "C"'), (sa.Integer, "BIGINT"))
            if isinstance(column["type"], kind) and not isinstance(column["type"], sa.BigInteger)
        ]
        if changes:
            op.execute(f'ALTER TABLE "{table}" {", ".join(changes)}')
    # A number is drawn before its transaction is committed, so a higher one can be seen first. Whoever reads the ledger
    # leaves out an entry while a transaction is open that may have drawn a lower number: every write notes the highest
    # transaction that has begun before it draws, and every entry keeps that note, read after its number was drawn. The
    # note is a sequence because what is written to one is seen at once. Only the database itself reads these columns.
    op.execute("CREATE SEQUENCE entries_begun")
    op.execute(_BEGIN)
    op.execute("ALTER TABLE entries ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id()")
    op.execute(
        "ALTER TABLE entries ADD COLUMN waits_for xid8 NOT NULL "
        "DEFAULT coalesce(pg_sequence_last_value('entries_begun'), 0)::text::xid8"
    )


_BEGIN = """
CREATE FUNCTION signoff_begin() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    mine bigint := pg_current_xact_id()::text::bigint;
BEGIN
    -- For the session, not for the transaction: it is held for this moment only.
    PERFORM pg_advisory_lock(7235433449664442222);
    IF coalesce(pg_sequence_last_value('entries_begun'), 0) < mine THEN
        PERFORM setval('entries_begun', mine);
    END IF;
    PERFORM pg_advisory_unlock(7235433449664442222);
    RETURN mine::text;
END
$$
"""
