"""The tables. A change here needs a file in `migrations/versions/`; a test compares the two.

Ids are 16 bytes, times Unix milliseconds; an absent id or text that other columns refer to is NULL.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

_ID = LargeBinary(16)


def _contact() -> list[Column[str]]:
    """How to reach a customer or a tenant; every text may be empty."""
    names = ("country", "state", "city", "address", "address2", "zip", "phone", "email")
    return [Column(name, String(255), nullable=False) for name in names]


starts: Final = Table(
    "starts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("started_unix_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,  # a number is never given twice, even if rows are removed
)

tenants: Final = Table(
    "tenants",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("title", String(255), nullable=False),
    Column("region", String(255), nullable=False),
    *_contact(),
    Column("create_unix_ms", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("additional_info", LargeBinary, nullable=False),
)

customers: Final = Table(
    "customers",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("tenant_id", _ID, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("title", String(255), nullable=False),
    Column("is_public", Boolean, nullable=False),
    *_contact(),
    Column("create_unix_ms", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("additional_info", LargeBinary, nullable=False),
    UniqueConstraint("tenant_id", "title"),
)

users: Final = Table(
    "users",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("tenant_id", _ID, ForeignKey("tenants.id", ondelete="CASCADE"), index=True),
    Column("customer_id", _ID, ForeignKey("customers.id", ondelete="CASCADE"), index=True),
    Column("email", String(255), nullable=False, unique=True),
    Column("role", Integer, nullable=False),
    Column("password_hash", String(255), nullable=False),  # empty: not activated
    Column("activation_token", String(64), unique=True),
    Column("activation_end_unix_ms", BigInteger, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("last_login_unix_ms", BigInteger, nullable=False),  # 0: never
    Column("first_name", String(255), nullable=False),
    Column("last_name", String(255), nullable=False),
    Column("phone", String(255), nullable=False),
    Column("create_unix_ms", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("additional_info", LargeBinary, nullable=False),
)

revocations: Final = Table(
    "revocations",
    metadata,
    Column("user_id", _ID, primary_key=True),
    Column("token_session_id", LargeBinary(16), primary_key=True),  # empty: all sessions of the user
    Column("issued_before_unix_ms", BigInteger, nullable=False),
    Column("forget_unix_ms", BigInteger, nullable=False, index=True),
)

device_profiles: Final = Table(
    "device_profiles",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("tenant_id", _ID, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(255), nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("description", String, nullable=False),
    Column("image", String, nullable=False),
    Column("transport_type", Integer, nullable=False),
    Column("mqtt_telemetry_topic", String(255), nullable=False),
    Column("mqtt_attributes_topic", String(255), nullable=False),
    Column("mqtt_attributes_subscribe_topic", String(255), nullable=False),
    Column("mqtt_acknowledge_invalid", Boolean, nullable=False),
    Column("submit_strategy", Integer, nullable=False),
    Column("redelivery", Integer, nullable=False),
    Column("calls_through_rule_chain", Boolean, nullable=False),
    Column("deadline_in_body", Boolean, nullable=False),
    Column("default_rule_chain_id", _ID),
    Column("default_dashboard_id", _ID),
    Column("default_queue_name", String(255), nullable=False),
    Column("extra", LargeBinary, nullable=False),
    Column("create_unix_ms", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "name"),
)

devices: Final = Table(
    "devices",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("tenant_id", _ID, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("customer_id", _ID, ForeignKey("customers.id", ondelete="SET NULL"), index=True),
    Column("profile_id", _ID, ForeignKey("device_profiles.id"), nullable=False, index=True),
    Column("name", String(255), nullable=False),
    Column("label", String(255), nullable=False),
    Column("create_unix_ms", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("additional_info", LargeBinary, nullable=False),
    UniqueConstraint("tenant_id", "name"),
    Index(None, "tenant_id", "create_unix_ms"),  # the order of a list, unless another is asked for
)

device_credentials: Final = Table(
    "device_credentials",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("device_id", _ID, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("type", Integer, nullable=False),
    Column("credentials_id", String(255), nullable=False, unique=True),
    Column("credentials_value", String, nullable=False),
    Column("create_unix_ms", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
)

device_presence: Final = Table(
    "device_presence",
    metadata,
    Column("device_id", _ID, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("connected", Boolean, nullable=False),
    Column("last_connect_unix_ms", BigInteger, nullable=False),  # 0: never, as for the others
    Column("last_disconnect_unix_ms", BigInteger, nullable=False),
    Column("last_activity_unix_ms", BigInteger, nullable=False, index=True),
)

calls: Final = Table(
    "calls",
    metadata,
    Column("tenant_id", _ID, ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("device_id", _ID, nullable=False),  # rows outlive their device
    Column("ordinal", BigInteger, nullable=False, unique=True),  # the order in which calls were accepted
    Column("request_id", Integer, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("method", LargeBinary, nullable=False),  # UTF-8, as is the key: PostgreSQL's texts cannot hold U+0000
    Column("params", LargeBinary, nullable=False),
    Column("additional_info", LargeBinary, nullable=False),
    Column("idempotency_key", LargeBinary),
    Column("strategy", Integer, nullable=False),
    Column("redelivery", Integer, nullable=False),
    Column("retries_asked", BigInteger),  # as the caller said
    Column("max_retries", BigInteger, nullable=False),
    Column("timeouts", BigInteger, nullable=False),
    Column("state", Integer, nullable=False),
    Column("living", Boolean, nullable=False),
    Column("outcome", Integer, nullable=False),
    Column("reason", Integer, nullable=False),
    Column("cause", Integer, nullable=False),
    Column("detail", String, nullable=False),
    Column("reply", LargeBinary),
    Column("late_reply", LargeBinary),
    Column("create_unix_ms", BigInteger, nullable=False),
    Column("expire_unix_ms", BigInteger, nullable=False),
    Column("end_unix_ms", BigInteger, nullable=False),  # 0: it lives
    Column("version", BigInteger, nullable=False),
    Column("timeline", String, nullable=False),  # one line for each step
    Index(
        "ix_calls_idempotency_key",  # most calls have none, and no entry
        "tenant_id",
        "device_id",
        "idempotency_key",
        unique=True,
        sqlite_where=text("idempotency_key IS NOT NULL"),
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
    Index(None, "device_id", "request_id"),  # whose late reply this is
    Index(None, "device_id", "create_unix_ms"),  # a device's list
    Index("ix_calls_living", "ordinal", sqlite_where=text("living = 1"), postgresql_where=text("living")),
    Index(None, "end_unix_ms"),
)
