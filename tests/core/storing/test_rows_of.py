from doubles.stored_calls import stored_call

from trunkline.core.calls.model import Complete, State, Strategy
from trunkline.core.storing.rows_of import changed_row, key_of, new_row
from trunkline.v1.call_pb2 import CallState, Outcome

TENANT = b"t" * 16


def test_a_new_row_has_all_that_the_call_has() -> None:
    call = stored_call(
        device_id=b"d" * 16,
        tenant_id=TENANT,
        keeping={"idempotency_key": "key", "additional_info": b"{}", "retries_asked": 9, "strategy": Strategy.ON_ACK},
    )
    keeping = call.keeping
    assert keeping is not None
    call.request_id, keeping.version = 77, 1
    row = new_row(call, keeping, "1 1 \n", 0)
    assert (row.tenant_id, row.call_id) == key_of(call)
    assert (row.method, row.params, row.additional_info, row.request_id) == ("set", b"1", b"{}", 77)
    assert (row.idempotency_key, row.retries_asked, row.strategy) == ("key", 9, Strategy.ON_ACK)
    assert (row.state, row.version, row.timeline) == (CallState.CALL_STATE_QUEUED, 1, "1 1 \n")
    assert (row.outcome, row.reply, row.end_unix_ms) == (Outcome.OUTCOME_UNSPECIFIED, None, 0)


def test_a_change_says_where_the_call_stands() -> None:
    call = stored_call(device_id=b"d" * 16, tenant_id=TENANT, state=State.SENT, keeping={"timeouts": 2, "version": 4})
    keeping = call.keeping
    assert keeping is not None
    row = changed_row(call, keeping, "2 5 \n", 0)
    assert (row.state, row.timeouts, row.version, row.steps) == (CallState.CALL_STATE_SENT, 2, 4, "2 5 \n")


def test_only_a_success_has_a_reply() -> None:
    call = stored_call(device_id=b"d" * 16, tenant_id=TENANT)
    keeping = call.keeping
    assert keeping is not None
    keeping.end = Complete(call, Outcome.OUTCOME_SUCCEEDED, b"")
    row = changed_row(call, keeping, "", 5)
    assert (row.state, row.reply, row.end_unix_ms) == (CallState.CALL_STATE_SUCCESSFUL, b"", 5)
    keeping.end = Complete(call, Outcome.OUTCOME_CANCELLED)
    assert changed_row(call, keeping, "", 5).reply is None


def test_text_that_a_database_does_not_take_is_replaced() -> None:
    call = stored_call(device_id=b"d" * 16, tenant_id=TENANT)
    keeping = call.keeping
    assert keeping is not None
    keeping.end = Complete(call, Outcome.OUTCOME_FAILED, detail="a\0b \ud800 \u20ac")
    assert changed_row(call, keeping, "", 5).detail == "a\ufffdb ? \u20ac"
