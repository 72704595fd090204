"""Contacts, activation, the settings of device profiles, and presence."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_CONTACT = ("country", "state", "city", "address", "address2", "zip", "phone", "email")


def upgrade() -> None:
    """Add what customers, tenants, users and device profiles have besides a name, and the table of presence."""
    with op.batch_alter_table("tenants") as tenants:
        tenants.add_column(_text("region", 255, default="Global"))
        for name in _CONTACT:
            tenants.add_column(_text(name, 255))
        tenants.add_column(_bytes("additional_info"))
    with op.batch_alter_table("customers") as customers:
        customers.add_column(_flag("is_public"))
        for name in _CONTACT:
            customers.add_column(_text(name, 255))
        customers.add_column(_bytes("additional_info"))
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("activation_token", sa.String(length=64), nullable=True))
        users.add_column(_number("activation_end_unix_ms"))
        users.add_column(_number("last_login_unix_ms"))
        users.create_unique_constraint(op.f("uq_users_activation_token"), ["activation_token"])
    with op.batch_alter_table("device_profiles") as profiles:
        for name in ("description", "image"):
            profiles.add_column(_text(name))
        for name in (
            "mqtt_telemetry_topic",
            "mqtt_attributes_topic",
            "mqtt_attributes_subscribe_topic",
            "default_queue_name",
        ):
            profiles.add_column(_text(name, 255))
        for name in ("transport_type", "submit_strategy", "redelivery"):
            profiles.add_column(_number(name, sa.Integer()))
        for name in ("mqtt_acknowledge_invalid", "calls_through_rule_chain"):
            profiles.add_column(_flag(name))
        for name in ("default_rule_chain_id", "default_dashboard_id"):
            profiles.add_column(sa.Column(name, sa.LargeBinary(length=16), nullable=True))
        profiles.add_column(_bytes("extra"))
    for table, name in (("tenants", "additional_info"), ("customers", "additional_info"), ("device_profiles", "extra")):
        # The default of a column of bytes is a text in SQLite.
        op.execute(sa.table(table, sa.column(name, sa.LargeBinary())).update().values({name: b""}))
    op.create_table(
        "device_presence",
        sa.Column("device_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("connected", sa.Boolean(), nullable=False),
        sa.Column("last_connect_unix_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_disconnect_unix_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_activity_unix_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_device_presence_device_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_device_presence")),
    )
    op.create_index(
        op.f("ix_device_presence_last_activity_unix_ms"), "device_presence", ["last_activity_unix_ms"], unique=False
    )
    op.create_index(
        op.f("ix_devices_tenant_id_create_unix_ms"), "devices", ["tenant_id", "create_unix_ms"], unique=False
    )


# Rows that exist already get the default; new ones always say a value. Every default is a plain constant: for an
# expression SQLite would have to make the table anew, and dropping the old one takes along the rows that refer to it.


def _text(name: str, length: int | None = None, *, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=False, server_default=default)


def _number(name: str, kind: Any = None) -> sa.Column[int]:
    return sa.Column(name, kind or sa.BigInteger(), nullable=False, server_default="0")


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default="0")


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False, server_default="")
