from doubles.call_rows import new_call
from doubles.people import People

from trunkline.core.calls.model import Call, Redelivery, State, Strategy
from trunkline.core.store.store import Store
from trunkline.core.storing import take_up as module
from trunkline.core.storing.take_up import take_up
from trunkline.v1.call_pb2 import CallKind, CallState, Outcome

DEVICE = b"d" * 16


async def taken_up(store: Store, *, now: int = 0, now_unix_ms: int = 0) -> list[Call]:
    calls: list[Call] = []
    count = await take_up(store.calls, calls.append, now=now, now_unix_ms=now_unix_ms)
    assert count == len(calls)
    return calls


async def test_a_call_is_as_its_row_is_without_what_it_carries(store: Store, people: People) -> None:
    row = new_call(
        people.tenant_id,
        DEVICE,
        7,
        kind=CallKind.CALL_KIND_ONE_WAY,
        idempotency_key="key",
        strategy=Strategy.ON_ACK,
        redelivery=Redelivery.NEVER,
        retries_asked=9,
        max_retries=5,
        version=3,
        timeouts=2,
        state=CallState.CALL_STATE_TIMEOUT,
    )
    await store.calls.write([row], ())
    (call,) = await taken_up(store, now=50, now_unix_ms=row.expire_unix_ms - 1_000)
    assert (call.call_id, call.tenant_id, call.device_id, call.request_id) == (
        row.call_id,
        row.tenant_id,
        DEVICE,
        row.request_id,
    )
    assert (call.kind, call.redelivery, call.state) == (row.kind, Redelivery.NEVER, State.UNACKNOWLEDGED)
    assert (call.method, call.params, call.deadline_ms) == ("", b"", 1_050)
    keeping = call.keeping
    assert keeping is not None
    assert (keeping.version, keeping.committed, keeping.loaded, keeping.body_bytes) == (3, 3, False, 10)
    assert (keeping.strategy, keeping.retries_asked, keeping.max_retries, keeping.timeouts) == (
        Strategy.ON_ACK,
        9,
        5,
        2,
    )
    assert (keeping.idempotency_key, keeping.ordinal) == ("key", 7)


async def test_all_that_live_in_their_order_over_pages(store: Store, people: People) -> None:
    states = [*module.STATES] * 3
    rows = [new_call(people.tenant_id, DEVICE, ordinal, state=state) for ordinal, state in enumerate(states, 1)]
    ended = new_call(
        people.tenant_id,
        DEVICE,
        100,
        state=CallState.CALL_STATE_EXPIRED,
        outcome=Outcome.OUTCOME_EXPIRED,
        end_unix_ms=5,
    )
    await store.calls.write([*rows, ended], ())
    calls = await taken_up(store)
    assert [call.call_id for call in calls] == [row.call_id for row in rows]
    assert [call.state for call in calls] == [*module.STATES.values()] * 3
    assert len({id(call.device_id) for call in calls}) == 1


async def test_there_is_nothing_to_take_up(store: Store) -> None:
    assert not await taken_up(store)
