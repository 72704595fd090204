from doubles.stored_calls import stored_call
from doubles.told_calls import LAMP, TENANT, lightweight

from trunkline.core.calls.model import Complete, Redelivery, State, Strategy
from trunkline.core.journal.explained import ExplainedCall
from trunkline.core.records.model import of_call, of_explained, of_row
from trunkline.core.store.call_rows import StoredCall
from trunkline.v1.call_pb2 import CallKind, CallState, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

ROW = StoredCall(
    tenant_id=TENANT,
    call_id=bytes(16),
    device_id=LAMP,
    ordinal=1,
    request_id=2,
    kind=CallKind.CALL_KIND_TWO_WAY,
    method="set",
    params=b"1",
    additional_info=b"{}",
    idempotency_key="k",
    strategy=Strategy.ON_RESPONSE,
    redelivery=Redelivery.NEVER,
    retries_asked=3,
    max_retries=5,
    timeouts=1,
    state=CallState.CALL_STATE_QUEUED,
    outcome=Outcome.OUTCOME_UNSPECIFIED,
    reason=ErrorReason.ERROR_REASON_UNSPECIFIED,
    cause=Cause.CAUSE_UNSPECIFIED,
    detail="",
    reply=None,
    late_reply=None,
    create_unix_ms=10,
    expire_unix_ms=20,
    end_unix_ms=0,
    version=1,
    timeline="",
)


def test_a_row_says_all_there_is() -> None:
    record = of_row(ROW)
    told_alike = set(ROW.__struct_fields__) - {"ordinal", "max_retries", "version", "timeline"}
    assert {name: getattr(record, name) for name in told_alike} == {name: getattr(ROW, name) for name in told_alike}
    assert record.persistent


def test_a_living_call_knows_what_is_not_written_yet() -> None:
    living = stored_call(tenant_id=TENANT, device_id=LAMP, state=State.SENT, keeping={"timeouts": 4})
    record = of_row(ROW, living)
    assert (record.state, record.timeouts) == (CallState.CALL_STATE_SENT, 4)


def test_the_end_is_the_rows() -> None:
    living = stored_call(tenant_id=TENANT, device_id=LAMP, state=State.SENT)
    assert living.keeping is not None
    living.keeping.end = Complete(living, Outcome.OUTCOME_SUCCEEDED, b"1")
    record = of_row(ROW, living)  # which nobody may hear of before it is committed
    assert (record.state, record.outcome, record.reply) == (CallState.CALL_STATE_SENT, 0, None)


def test_a_lightweight_call() -> None:
    call = lightweight(state=State.DELIVERED, redelivery=Redelivery.UNDELIVERED)
    living = of_call(call, created_unix_ms=5, now_unix_ms=100, left_ms=30, end=None)
    assert (living.state, living.outcome, living.end_unix_ms) == (CallState.CALL_STATE_DELIVERED, 0, 0)
    assert (living.create_unix_ms, living.expire_unix_ms, living.persistent) == (5, 130, False)
    assert (living.params, living.redelivery, living.strategy) == (b"1", Redelivery.UNDELIVERED, None)
    end = Complete(call, Outcome.OUTCOME_SUCCEEDED, b"")
    ended = of_call(call, created_unix_ms=5, now_unix_ms=100, left_ms=30, end=end)
    assert (ended.state, ended.reply, ended.end_unix_ms) == (CallState.CALL_STATE_SUCCESSFUL, b"", 100)
    reason, cause = ErrorReason.ERROR_REASON_CALL_CANCELLED, Cause.CAUSE_CANCELLED
    end = Complete(call, Outcome.OUTCOME_CANCELLED, b"", reason, cause, "why")
    failed = of_call(call, created_unix_ms=5, now_unix_ms=100, left_ms=30, end=end)
    assert (failed.state, failed.reply, failed.detail) == (CallState.CALL_STATE_FAILED, None, "why")
    assert (failed.reason, failed.cause) == (reason, cause)


def test_what_the_journal_keeps() -> None:
    kept = ExplainedCall(
        tenant_id=TENANT,
        call_id=bytes(16),
        device_id=LAMP,
        request_id=2,
        kind=CallKind.CALL_KIND_ONE_WAY,
        method="set",
        redelivery=Redelivery.NEVER,
        persistent=True,
        outcome=Outcome.OUTCOME_EXPIRED,
        reason=ErrorReason.ERROR_REASON_CALL_EXPIRED,
        cause=Cause.CAUSE_NO_REPLY,
        detail="why",
        create_unix_ms=1,
        expire_unix_ms=2,
        end_unix_ms=3,
        steps=[],
        late_reply=b"4",
    )
    record = of_explained(kept)
    told_alike = set(kept.__struct_fields__) - {"steps"}
    assert {name: getattr(record, name) for name in told_alike} == {name: getattr(kept, name) for name in told_alike}
    assert (record.state, record.params) == (CallState.CALL_STATE_EXPIRED, b"")
