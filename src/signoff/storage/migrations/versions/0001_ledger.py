"""The ledger: checkpoints, cases, contents, evidence, routings, verdicts, votes, attempts, entries."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("case_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("worker", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("started_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lease_until", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("finished_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("ending", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("receipt", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("problem", sa.Text(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("case_id", "attempt", name=op.f("pk_attempts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("checkpoint", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("draft_revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content_hash", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("proposer", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("deadline_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("snoozed_until", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("assigned_to", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("opinions", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("claimed_by", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("claim_expires_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("fence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("verdict_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("cleared_by", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tries", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reverses", sa.Text(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_cases_due",
        "cases",
        ["state", "due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_cases_queue", "cases", ["state", "checkpoint", "id"], unique=False)
    op.create_index(
        "ix_cases_reverses",
        "cases",
        ["reverses"],
        unique=False,
        sqlite_where=sa.text("reverses IS NOT NULL"),
        postgresql_where=sa.text("reverses IS NOT NULL"),
    )
    op.create_index(
        "uq_cases_key",
        "cases",
        ["checkpoint", "proposer", "key"],
        unique=True,
        sqlite_where=sa.text("key IS NOT NULL"),
        postgresql_where=sa.text("key IS NOT NULL"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("description", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("arguments_schema", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("label", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("oversight", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("criteria", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("delivery", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("undo_s", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("opinions", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("deadline_s", sa.Double(), autoincrement=False, nullable=True),
        sa.Column("timeout_s", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("max_tries", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("backoff_s", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("audit_share", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("chosen_by", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("reverses", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("registered_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("digest", sa.Text(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_checkpoints")),
    )
    op.create_table(
        "contents",
        sa.Column("case_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("arguments", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("author", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("rationale", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("alternatives", sa.Text(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("case_id", "revision", name=op.f("pk_contents")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "entries",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("act", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("case_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("checkpoint", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=True),
        sa.Column("from_state", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("to_state", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("actor", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("actor_kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("content_hash", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("facts", sa.Text(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_entries")),
    )
    op.create_index("ix_entries_case", "entries", ["case_id"], unique=False)
    op.create_index(
        "ix_entries_settled",
        "entries",
        ["checkpoint", "seq"],
        unique=False,
        sqlite_where=sa.text("act IN ('clear', 'reject')"),
        postgresql_where=sa.text("act IN ('clear', 'reject')"),
    )
    op.create_table(
        "evidence",
        sa.Column("case_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("items", sa.Text(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_evidence")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "routings",
        sa.Column("case_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("route", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("confidence", sa.Double(), autoincrement=False, nullable=True),
        sa.Column("drafter", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("coin", sa.Double(), autoincrement=False, nullable=True),
        sa.Column("audit_share", sa.Double(), autoincrement=False, nullable=True),
        sa.Column("routed_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("numbers", sa.Text(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("case_id", "revision", name=op.f("pk_routings")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("case_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("draft_revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("content_hash", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("reviewer", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("ruled_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seconds", sa.Double(), autoincrement=False, nullable=True),
        sa.Column("voided_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdicts")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_verdicts_case", "verdicts", ["case_id"], unique=False)
    op.create_table(
        "votes",
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("case_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reviewer", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("content_hash", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("voted_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("voided_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_votes")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "uq_votes_reviewer",
        "votes",
        ["case_id", "revision", "reviewer"],
        unique=True,
        sqlite_where=sa.text("voided_at IS NULL"),
        postgresql_where=sa.text("voided_at IS NULL"),
    )
