"""Calls that are kept, and profiles whose calls tell the device their deadline."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table, and add the column; profiles that exist leave the body as it was."""
    op.add_column("device_profiles", sa.Column("deadline_in_body", sa.Boolean(), nullable=False, server_default="0"))
    op.create_table(
        "calls",
        sa.Column("tenant_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("device_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("method", sa.LargeBinary(), nullable=False),
        sa.Column("params", sa.LargeBinary(), nullable=False),
        sa.Column("additional_info", sa.LargeBinary(), nullable=False),
        sa.Column("idempotency_key", sa.LargeBinary(), nullable=True),
        sa.Column("strategy", sa.Integer(), nullable=False),
        sa.Column("redelivery", sa.Integer(), nullable=False),
        sa.Column("retries_asked", sa.BigInteger(), nullable=True),
        sa.Column("max_retries", sa.BigInteger(), nullable=False),
        sa.Column("timeouts", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("living", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Integer(), nullable=False),
        sa.Column("cause", sa.Integer(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=True),
        sa.Column("late_reply", sa.LargeBinary(), nullable=True),
        sa.Column("create_unix_ms", sa.BigInteger(), nullable=False),
        sa.Column("expire_unix_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_unix_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("timeline", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_calls_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_calls")),
        sa.UniqueConstraint("ordinal", name=op.f("uq_calls_ordinal")),
    )
    for columns in (("device_id", "request_id"), ("device_id", "create_unix_ms"), ("end_unix_ms",)):
        op.create_index(op.f(f"ix_calls_{'_'.join(columns)}"), "calls", list(columns))
    _create_partial_index("ix_calls_living", ["ordinal"], sqlite="living = 1", postgresql="living")
    has_key = "idempotency_key IS NOT NULL"
    _create_partial_index(
        "ix_calls_idempotency_key",
        ["tenant_id", "device_id", "idempotency_key"],
        sqlite=has_key,
        postgresql=has_key,
        unique=True,
    )


def _create_partial_index(name: str, columns: list[str], *, sqlite: str, postgresql: str, unique: bool = False) -> None:
    op.create_index(
        name, "calls", columns, unique=unique, sqlite_where=sa.text(sqlite), postgresql_where=sa.text(postgresql)
    )
