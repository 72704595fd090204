"""How the rows of stored calls are written, many in one statement, and read.

What is written goes to the driver as it is: SQLAlchemy's share would be larger than the database's.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Dialect, Row, Select, and_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.core.calls.model import REDELIVERY, STRATEGY, Redelivery, Strategy
from trunkline.core.store.call_rows import CallChange, LivingCall, NewCall, StoredCall
from trunkline.core.store.tables import calls
from trunkline.core.store.texts import any_holds
from trunkline.v1.call_pb2 import CallKind, CallState, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

_STRATEGY_NUMBER: Final[dict[Strategy, int]] = {strategy: number for number, strategy in STRATEGY.items()}
_REDELIVERY_NUMBER: Final[dict[Redelivery, int]] = {redelivery: number for number, redelivery in REDELIVERY.items()}

_INSERTED: Final = tuple(column for column in calls.c if column.name != "late_reply")

_CHANGED: Final = tuple(
    calls.c[name]
    for name in ("state", "living", "timeouts", "outcome", "reason", "cause", "detail", "reply", "end_unix_ms")
)

_ASKED: Final = (calls.c.tenant_id, calls.c.id, calls.c.version, *_CHANGED, calls.c.timeline)
"""A change's values: whose row, if it is older than which version, what it shall say, and the steps to add."""

_LIVING: Final[Select[*tuple[Any, ...]]] = select(
    calls.c.tenant_id,
    calls.c.id,
    calls.c.device_id,
    calls.c.ordinal,
    calls.c.request_id,
    calls.c.kind,
    calls.c.idempotency_key,
    calls.c.strategy,
    calls.c.redelivery,
    calls.c.retries_asked,
    calls.c.max_retries,
    calls.c.timeouts,
    calls.c.state,
    calls.c.create_unix_ms,
    calls.c.expire_unix_ms,
    calls.c.version,
    func.length(calls.c.method) + func.length(calls.c.params),
).where(calls.c.living)
"""In the order of LivingCall's fields."""

LISTED: Final[Select[*tuple[Any, ...]]] = select(
    calls.c.ordinal,
    sum(
        (
            func.coalesce(func.length(column), 0)
            for column in (calls.c.method, calls.c.params, calls.c.additional_info, calls.c.reply, calls.c.late_reply)
        ),
        start=literal(0),
    ).label("bytes"),
)
"""Which calls, and how much each carries: whoever reads a page has to know before."""

SORTABLE: Final = {
    "create_time": calls.c.create_unix_ms,
    "expire_time": calls.c.expire_unix_ms,
    "end_time": calls.c.end_unix_ms,
    "state": calls.c.state,
    "method": calls.c.method,
    "call_id": calls.c.id,
}

SEARCH: Final = any_holds(calls.c.method, calls.c.params, calls.c.reply)


async def insert(connection: AsyncConnection, new: Sequence[NewCall]) -> int:
    """Insert those of the rows whose tenant is there and whose ids and keys are free; how many these are."""
    return await _execute(connection, _insert_statement, [_new_values(call) for call in new])


async def change(connection: AsyncConnection, changes: Sequence[CallChange]) -> None:
    """Change those of the rows, each named at most once, that are older than what they shall say."""
    await _execute(connection, _change_statement, [_changed_values(call) for call in changes])


async def _execute(connection: AsyncConnection, statement: Any, rows: list[tuple[Any, ...]]) -> int:
    """Execute the dialect's statement for all rows; how many it touched."""
    sql = statement(connection.dialect)
    if connection.dialect.name == "sqlite":
        # By the driver: its thread is asked once, not thrice.
        driver: Any = (await connection.get_raw_connection()).driver_connection
        return int((await driver.executemany(sql, rows)).rowcount)
    columns = tuple(list(column) for column in zip(*rows, strict=True))
    return (await connection.exec_driver_sql(sql, columns)).rowcount


@cache
def _insert_statement(dialect: Dialect) -> str:
    names = ", ".join(column.name for column in _INSERTED)
    if dialect.name == "sqlite":
        values = ", ".join(f"?{place}" for place in range(1, len(_INSERTED) + 1))
        return (
            f"INSERT INTO calls ({names}) SELECT {values} WHERE EXISTS (SELECT 1 FROM tenants WHERE id = ?1) "
            "ON CONFLICT DO NOTHING"
        )
    # The tenant's row is locked: whoever deletes it meanwhile would make the whole batch fail.
    return (
        f"INSERT INTO calls ({names}) SELECT new.* FROM {_unnested(dialect, _INSERTED, 'new')} "
        "JOIN tenants ON tenants.id = new.tenant_id ORDER BY new.ordinal FOR KEY SHARE OF tenants "
        "ON CONFLICT DO NOTHING"
    )


@cache
def _change_statement(dialect: Dialect) -> str:
    if dialect.name == "sqlite":
        places = {column.name: f"?{place}" for place, column in enumerate(_ASKED, 1)}
        source = ""
    else:
        places = {column.name: f"new.{column.name}" for column in _ASKED}
        source = f"FROM {_unnested(dialect, _ASKED, 'new')} "
    sets = ", ".join(f"{column.name} = {places[column.name]}" for column in (calls.c.version, *_CHANGED))
    return (
        f"UPDATE calls SET {sets}, timeline = calls.timeline || {places['timeline']} {source}"
        f"WHERE calls.tenant_id = {places['tenant_id']} AND calls.id = {places['id']} "
        f"AND calls.version < {places['version']}"
    )


def _unnested(dialect: Dialect, columns: Sequence[Column[Any]], name: str) -> str:
    """PostgreSQL's table of one array for each column."""
    arrays = ", ".join(f"${place}::{column.type.compile(dialect)}[]" for place, column in enumerate(columns, 1))
    return f"unnest({arrays}) AS {name}({', '.join(column.name for column in columns)})"


def _new_values(call: NewCall) -> tuple[Any, ...]:
    """In the order of `_INSERTED`."""
    return (
        call.tenant_id,
        call.call_id,
        call.device_id,
        call.ordinal,
        call.request_id,
        call.kind,
        call.method.encode(),
        call.params,
        call.additional_info,
        call.idempotency_key.encode() or None,
        _STRATEGY_NUMBER[call.strategy],
        _REDELIVERY_NUMBER[call.redelivery],
        call.retries_asked,
        call.max_retries,
        call.timeouts,
        call.state,
        not call.end_unix_ms,
        call.outcome,
        call.reason,
        call.cause,
        keepable(call.detail),
        call.reply,
        call.create_unix_ms,
        call.expire_unix_ms,
        call.end_unix_ms,
        call.version,
        keepable(call.timeline),
    )


def _changed_values(call: CallChange) -> tuple[Any, ...]:
    """In the order of `_ASKED`."""
    return (
        call.tenant_id,
        call.call_id,
        call.version,
        call.state,
        not call.end_unix_ms,
        call.timeouts,
        call.outcome,
        call.reason,
        call.cause,
        keepable(call.detail),
        call.reply,
        call.end_unix_ms,
        keepable(call.steps),
    )


def keepable(text: str) -> str:
    """The text as PostgreSQL can keep it; those that are for people lose nothing by that."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def living(after_ordinal: int, limit: int) -> Select[*tuple[Any, ...]]:
    """The first `limit` calls behind this ordinal that have not ended, in order."""
    return _LIVING.where(calls.c.ordinal > after_ordinal).order_by(calls.c.ordinal).limit(limit)


def with_ids(tenant_id: bytes, call_ids: Sequence[bytes]) -> ColumnElement[bool]:
    """Whether it is one of these calls of the tenant, at most IN_LIMIT."""
    return and_(calls.c.tenant_id == tenant_id, calls.c.id.in_(call_ids))


def with_key(tenant_id: bytes, device_id: bytes, idempotency_key: str) -> ColumnElement[bool]:
    """Whether it is the device's call with this key, which is not empty."""
    return and_(
        calls.c.tenant_id == tenant_id,
        calls.c.device_id == device_id,
        calls.c.idempotency_key == idempotency_key.encode(),
    )


def ended_before(unix_ms: int, limit: int) -> Select[int]:
    """The ordinals of up to `limit` calls that ended before this time, the earliest first."""
    ended = select(calls.c.ordinal).where(calls.c.end_unix_ms > 0, calls.c.end_unix_ms < unix_ms)
    return ended.order_by(calls.c.end_unix_ms).limit(limit)


def living_of(row: Row[*tuple[Any, ...]]) -> LivingCall:
    """The call in a row of `living`; a core that starts waits for many of them."""
    tenant_id, call_id, device_id, ordinal, request_id, kind, key, strategy, redelivery, *others = row
    policy = STRATEGY[strategy], REDELIVERY[redelivery]
    return LivingCall(tenant_id, call_id, device_id, ordinal, request_id, kind, _key(key), *policy, *others)


def stored_of(row: Row[*tuple[Any, ...]]) -> StoredCall:
    """The call in a whole row."""
    return StoredCall(
        tenant_id=row.tenant_id,
        call_id=row.id,
        device_id=row.device_id,
        ordinal=row.ordinal,
        request_id=row.request_id,
        kind=CallKind.ValueType(row.kind),
        method=row.method.decode(),
        params=row.params,
        additional_info=row.additional_info,
        idempotency_key=_key(row.idempotency_key),
        strategy=STRATEGY[row.strategy],
        redelivery=REDELIVERY[row.redelivery],
        retries_asked=row.retries_asked,
        max_retries=row.max_retries,
        timeouts=row.timeouts,
        state=CallState.ValueType(row.state),
        outcome=Outcome.ValueType(row.outcome),
        reason=ErrorReason.ValueType(row.reason),
        cause=Cause.ValueType(row.cause),
        detail=row.detail,
        reply=row.reply,
        late_reply=row.late_reply,
        create_unix_ms=row.create_unix_ms,
        expire_unix_ms=row.expire_unix_ms,
        end_unix_ms=row.end_unix_ms,
        version=row.version,
        timeline=row.timeline,
    )


def _key(stored: bytes | None) -> str:
    return stored.decode() if stored is not None else ""
