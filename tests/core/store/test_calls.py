"""Stored calls from their insert to their removal, on each database."""

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from doubles.call_rows import CREATED_MS, new_call
from doubles.device_rows import device, stored
from doubles.people import People

from trunkline.contract.channel import LARGEST_ANSWER_BYTES
from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.calls.model import Redelivery, Strategy
from trunkline.core.identity.model import Tenant
from trunkline.core.store.call_rows import CallChange, CallKey, LivingCall, NewCall, StoredCall
from trunkline.core.store.calls import CallRows
from trunkline.core.store.database import IN_LIMIT
from trunkline.core.store.pages import Page
from trunkline.core.store.store import Store
from trunkline.v1.call_pb2 import CallKind, CallState, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

DEVICE = new_id()

QUEUED, SENT, DELIVERED, SUCCESSFUL, FAILED = (
    CallState.CALL_STATE_QUEUED,
    CallState.CALL_STATE_SENT,
    CallState.CALL_STATE_DELIVERED,
    CallState.CALL_STATE_SUCCESSFUL,
    CallState.CALL_STATE_FAILED,
)


@dataclass(frozen=True)
class Bench:
    rows: CallRows
    tenant_id: bytes

    def call(self, ordinal: int, **values: Any) -> NewCall:
        return new_call(self.tenant_id, values.pop("device_id", DEVICE), ordinal, **values)

    async def add(self, *calls: NewCall) -> None:
        assert await self.rows.write(calls, []) == frozenset()

    async def find(self, call: NewCall) -> StoredCall:
        found = await self.rows.find(call.tenant_id, call.call_id)
        assert found is not None
        return found


@pytest.fixture
def bench(store: Store, people: People) -> Bench:
    return Bench(store.calls, people.tenant_id)


def key(call: NewCall) -> CallKey:
    return call.tenant_id, call.call_id


def change(call: NewCall, version: int, **values: Any) -> CallChange:
    state = values.pop("state", SENT)
    return CallChange(call.tenant_id, call.call_id, version, state, **values)


def ended(call: NewCall, at: int = CREATED_MS + 1, **values: Any) -> CallChange:
    return change(call, 2, **({"state": SUCCESSFUL, "reply": b"", "end_unix_ms": at} | values))


# --- what is written is what is read ---


async def test_every_column_comes_back(bench: Bench) -> None:
    call = bench.call(
        2**62,
        request_id=2**31 - 1,
        kind=CallKind.CALL_KIND_ONE_WAY,
        method="set Ä \U0001f600\x00",
        params=b'{"a":"\xc3\xa4"}',
        additional_info=b'{"note":1}',
        idempotency_key="k\x00\u00e9",
        strategy=Strategy.ON_RESPONSE,
        redelivery=Redelivery.NEVER,
        retries_asked=2**32 - 1,
        max_retries=0,
        timeouts=3,
        outcome=Outcome.OUTCOME_FAILED,
        reason=ErrorReason.ERROR_REASON_DEVICE_TRANSPORT_ERROR,
        cause=Cause.CAUSE_NO_REPLY,
        detail="it says no",
        reply=b"\x00\xff",
        state=FAILED,
        expire_unix_ms=2**62,
        end_unix_ms=CREATED_MS,
        version=7,
        timeline="1 1 \n2 14 failed\n",
    )
    await bench.add(call)
    fields = {name: getattr(call, name) for name in NewCall.__struct_fields__}
    assert await bench.find(call) == StoredCall(late_reply=None, **fields)


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("redelivery", Redelivery)
async def test_every_policy_comes_back(bench: Bench, strategy: Strategy, redelivery: Redelivery) -> None:
    call = bench.call(1, strategy=strategy, redelivery=redelivery)
    await bench.add(call)
    found = await bench.find(call)
    assert (found.strategy, found.redelivery, found.retries_asked) == (strategy, redelivery, None)


async def test_a_zero_byte_in_a_text_for_people_is_replaced(bench: Bench) -> None:
    call = bench.call(1, detail="a\x00b", timeline="1 1 a\x00b\n")
    await bench.add(call)
    await bench.rows.write([], [change(call, 2, detail="c\x00d", steps="2 5 c\x00d\n")])
    found = await bench.find(call)
    assert (found.detail, found.timeline) == ("c\ufffdd", "1 1 a\ufffdb\n2 5 c\ufffdd\n")


async def test_a_change_says_all_that_changes_and_adds_its_steps(bench: Bench) -> None:
    call = bench.call(1, timeline="1 1 \n")
    await bench.add(call)
    await bench.rows.write([], [change(call, 4, timeouts=2, steps="2 5 \n")])
    assert await bench.find(call) == msgspec.structs.replace(
        await bench.find(call), version=4, state=SENT, timeouts=2, timeline="1 1 \n2 5 \n", end_unix_ms=0
    )
    told = {
        "state": SUCCESSFUL,
        "outcome": Outcome.OUTCOME_SUCCEEDED,
        "reason": ErrorReason.ERROR_REASON_CALL_EXPIRED,
        "cause": Cause.CAUSE_NO_REPLY,
        "detail": "done",
        "reply": b"\xff",
        "end_unix_ms": CREATED_MS,
    }
    await bench.rows.write([], [change(call, 5, steps="3 14 \n", **told)])
    found = await bench.find(call)
    assert {name: getattr(found, name) for name in told} == told
    assert (found.version, found.timeouts, found.timeline) == (5, 0, "1 1 \n2 5 \n3 14 \n")


async def test_a_change_that_comes_again_or_too_late_changes_nothing(bench: Bench) -> None:
    call = bench.call(1, version=3)
    await bench.add(call)
    await bench.rows.write([], [change(call, 5, steps="a\n")])
    for version in (5, 4, 1):
        await bench.rows.write([], [change(call, version, state=DELIVERED, steps="b\n")])
    found = await bench.find(call)
    assert (found.version, found.state, found.timeline) == (5, SENT, "a\n")


async def test_changes_of_rows_that_are_gone_hold_up_no_other(bench: Bench) -> None:
    call, gone = bench.call(1), bench.call(2)
    await bench.add(call)
    await bench.rows.write([], [change(gone, 2), change(call, 2)])
    assert (await bench.find(call)).version == 2
    assert await bench.rows.find(*key(gone)) is None


async def test_a_batch_may_be_large_and_may_be_empty(bench: Bench) -> None:
    calls = [bench.call(ordinal, params=b"%d" % ordinal) for ordinal in range(1, 2 * IN_LIMIT)]
    await bench.add(*calls)
    await bench.add()
    new = bench.call(5_000)
    assert await bench.rows.write([new], [change(call, 2, steps=f"{call.ordinal}\n") for call in calls]) == frozenset()
    assert await bench.rows.versions([key(call) for call in [*calls, new]]) == {
        **{key(call): 2 for call in calls},
        key(new): 1,
    }
    assert (await bench.find(calls[700])).timeline == "701\n"
    bodies = await bench.rows.bodies([key(call) for call in calls])
    assert bodies == {key(call): ("setValue", call.params) for call in calls}
    assert await bench.rows.methods([key(call) for call in calls]) == {key(call): "setValue" for call in calls}


async def test_an_empty_list_asks_nothing(bench: Bench) -> None:
    assert await bench.rows.versions([]) == {}
    assert await bench.rows.bodies([]) == {}
    assert await bench.rows.methods([]) == {}
    assert await bench.rows.bodies([(bench.tenant_id, new_id())]) == {}


# --- what is taken ---


async def test_what_is_taken_is_left_out_and_all_else_is_made(bench: Bench, people: People) -> None:
    first = bench.call(1, idempotency_key="key")
    await bench.add(first)
    same_id = bench.call(2, call_id=first.call_id)
    same_key = bench.call(3, idempotency_key="key")
    other_device = bench.call(4, idempotency_key="key", device_id=new_id())
    other_tenant = new_call(people.other_tenant_id, DEVICE, 5, call_id=first.call_id, idempotency_key="key")
    fine = bench.call(6)
    batch = [same_id, same_key, other_device, other_tenant, fine]
    assert await bench.rows.write(batch, [change(first, 2)]) == {key(same_id), key(same_key)}
    assert (await bench.find(first)).ordinal == 1
    assert (await bench.find(first)).version == 2
    for made in (other_device, other_tenant, fine):
        assert (await bench.find(made)).ordinal == made.ordinal
    assert await bench.rows.find(*key(same_key)) is None


async def test_of_two_in_a_batch_the_first_gets_the_key(bench: Bench) -> None:
    pairs = [
        [bench.call(2 * number + half, idempotency_key=f"key {number}") for half in (0, 1)] for number in range(50)
    ]
    refused = await bench.rows.write([call for pair in pairs for call in pair], [])
    assert refused == {key(second) for _, second in pairs}


async def test_calls_of_a_tenant_that_is_gone_are_refused_alone(bench: Bench, store: Store, people: People) -> None:
    await bench.add(old := new_call(people.other_tenant_id, DEVICE, 1))
    await store.tenants.delete(people.other_tenant_id, 0)
    orphan, fine = new_call(people.other_tenant_id, DEVICE, 2), bench.call(3)
    assert await bench.rows.write([orphan, fine], [change(old, 2)]) == {key(orphan)}
    assert await bench.rows.find(*key(old)) is None
    assert (await bench.find(fine)).version == 1


async def test_tenants_go_while_their_calls_are_written(store: Store, bench: Bench) -> None:
    """Neither side fails, and nothing of the tenant's is left."""
    for turn in range(10):
        tenant = new_id()
        await store.tenants.add(Tenant(tenant, tenant.hex(), 0))
        calls = [new_call(tenant, DEVICE, 1000 * turn + number) for number in range(100)]
        await bench.rows.write(calls[:50], [])
        keep = bench.call(1000 * turn + 500)
        batch = bench.rows.write([keep, *calls[50:]], [change(call, 2) for call in calls[:50]])
        _, refused = await asyncio.gather(store.tenants.delete(tenant, 0), batch)
        assert key(keep) not in refused
        assert await bench.rows.versions([key(call) for call in [keep, *calls]]) == {key(keep): 1}


async def test_a_batch_that_is_written_again_is_there_once(bench: Bench) -> None:
    call = bench.call(1, timeline="1 1 \n")
    await bench.add(call)
    await bench.add(call)
    assert (await bench.find(call)).timeline == "1 1 \n"


# --- what a core that starts reads ---


async def test_the_living_come_in_order_and_in_pages(bench: Bench) -> None:
    calls = [bench.call(ordinal, method="ä", params=b"x" * ordinal) for ordinal in (5, 3, 9, 4, 7)]
    await bench.add(*calls)
    over = next(call for call in calls if call.ordinal == 4)
    await bench.rows.write([], [ended(over)])
    first = await bench.rows.living(-1, 2)
    assert [(call.ordinal, call.body_bytes) for call in first] == [(3, 5), (5, 7)]
    rest = await bench.rows.living(first[-1].ordinal, 10)
    assert [call.ordinal for call in rest] == [7, 9]
    assert await bench.rows.living(9, 10) == []


async def test_a_living_call_has_all_but_its_body(bench: Bench) -> None:
    call = bench.call(
        1, idempotency_key="k", retries_asked=9, max_retries=5, timeouts=2, state=SENT, strategy=Strategy.ON_ACK
    )
    await bench.add(call)
    (living,) = await bench.rows.living(0, 10)
    fields = {name: getattr(call, name) for name in LivingCall.__struct_fields__ if name != "body_bytes"}
    assert living == LivingCall(body_bytes=len("setValue{}"), **fields)


async def test_living_calls_whose_device_is_gone_name_it_once(bench: Bench, store: Store) -> None:
    there = await stored(store.devices, device(bench.tenant_id, "there"))
    gone, ended_before = new_id(), new_id()
    await bench.add(
        *(bench.call(ordinal, device_id=gone) for ordinal in (1, 2)),
        bench.call(3, device_id=there.id),
        bench.call(4, device_id=ended_before, end_unix_ms=1),
    )
    assert await bench.rows.orphaned_devices() == [gone]
    await store.devices.delete(there.id)
    assert set(await bench.rows.orphaned_devices()) == {gone, there.id}


async def test_of_no_calls_none_lives(bench: Bench) -> None:
    assert await bench.rows.living(-1, 10) == []


# --- what is looked for ---


async def test_each_is_found_by_what_it_is_known_by(bench: Bench, people: People) -> None:
    call = bench.call(1, idempotency_key="k")
    await bench.add(call, bench.call(2))
    found = await bench.find(call)
    assert await bench.rows.find_by_key(bench.tenant_id, DEVICE, "k") == found
    assert await bench.rows.find_by_request(DEVICE, call.request_id) == found
    assert await bench.rows.find(people.other_tenant_id, call.call_id) is None
    for tenant_id, device_id, idempotency_key in (
        (people.other_tenant_id, DEVICE, "k"),
        (bench.tenant_id, new_id(), "k"),
        (bench.tenant_id, DEVICE, "K"),
    ):
        assert await bench.rows.find_by_key(tenant_id, device_id, idempotency_key) is None
    assert await bench.rows.find_by_request(new_id(), call.request_id) is None
    assert await bench.rows.find_by_request(DEVICE, 1) is None


async def test_of_one_request_id_the_living_goes_before_the_newest(bench: Bench) -> None:
    calls = [bench.call(ordinal, request_id=77) for ordinal in (1, 2, 3)]
    await bench.add(*calls)
    for call, found in ((calls[2], 2), (calls[0], 2), (calls[1], 3)):
        await bench.rows.write([], [ended(call)])
        by_request = await bench.rows.find_by_request(DEVICE, 77)
        assert by_request is not None
        assert by_request.ordinal == found


# --- late replies ---


async def test_a_late_reply_is_kept_once_and_leaves_the_end_as_it_was(bench: Bench) -> None:
    call = bench.call(1, timeline="1 1 \n")
    await bench.add(call)
    assert not await bench.rows.add_late_reply(*key(call), b"early", "2 15 \n")
    await bench.rows.write([], [ended(call, state=FAILED, reply=None)])
    before = await bench.find(call)
    assert await bench.rows.add_late_reply(*key(call), b"\x00late", "3 15 a\x00\n")
    assert not await bench.rows.add_late_reply(*key(call), b"later", "4 15 \n")
    expected = msgspec.structs.replace(before, late_reply=b"\x00late", timeline="1 1 \n3 15 a\ufffd\n")
    assert await bench.find(call) == expected


async def test_a_call_with_a_reply_and_one_that_is_gone_get_no_late_one(bench: Bench) -> None:
    call = bench.call(1)
    await bench.add(call)
    await bench.rows.write([], [ended(call, reply=b"")])
    assert not await bench.rows.add_late_reply(*key(call), b"late", "")
    assert not await bench.rows.add_late_reply(bench.tenant_id, new_id(), b"late", "")


# --- lists ---


async def ordinals(bench: Bench, page: Page, *states: CallState.ValueType, device_id: bytes = DEVICE) -> list[int]:
    listed = await bench.rows.page(bench.tenant_id, device_id, states, page)
    assert listed.total == len(listed.items)
    return [call.ordinal for call in listed.items]


async def test_a_list_has_the_device_s_calls_newest_first(bench: Bench, people: People) -> None:
    await bench.add(*(bench.call(ordinal) for ordinal in (2, 3, 1)), bench.call(4, device_id=new_id()))
    await bench.add(new_call(people.other_tenant_id, DEVICE, 5))
    assert await ordinals(bench, Page()) == [3, 2, 1]
    second = await bench.rows.page(bench.tenant_id, DEVICE, (), Page(size=2, number=1))
    assert ([call.ordinal for call in second.items], second.total) == ([1], 3)
    assert await ordinals(bench, Page(), device_id=new_id()) == []


async def test_a_list_can_be_of_some_states(bench: Bench) -> None:
    await bench.add(bench.call(1), bench.call(2, state=SENT), bench.call(3, state=DELIVERED))
    assert await ordinals(bench, Page(), SENT) == [2]
    assert await ordinals(bench, Page(), QUEUED, DELIVERED) == [3, 1]
    assert await ordinals(bench, Page(), FAILED) == []


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [
        ("create_unix_ms", 1, 2),
        ("expire_unix_ms", 1, 2),
        ("end_unix_ms", 0, 2),
        ("state", QUEUED, SENT),
        ("method", "B", "a"),
        ("method", "\uffff", "\U00010000"),
        ("call_id", b"\x7f" * 16, b"\x80" * 16),
    ],
)
async def test_a_list_sorts_by(bench: Bench, field: str, low: object, high: object) -> None:
    await bench.add(bench.call(1, **{field: low}), bench.call(2, **{field: high}))
    sort_by = field.replace("_unix_ms", "_time")
    assert await ordinals(bench, Page(sort_by=sort_by)) == [1, 2]
    assert await ordinals(bench, Page(sort_by=sort_by, descending=True)) == [2, 1]


@pytest.mark.parametrize("page", [Page(sort_by="params"), Page(size=0), Page(number=-1), Page(text_search="\x00")])
async def test_a_list_that_cannot_be_is_refused(bench: Bench, page: Page) -> None:
    with pytest.raises(TrunklineError) as caught:
        await ordinals(bench, page)
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("text_search", "found"),
    [
        ("SetGpio", [1]),
        ('"PIN":7', [1]),
        ("on", [2]),
        ("\u00e4", [3]),
        ("\u00c4", []),  # of other letters the case counts
        ("%", [4]),
        ("_", []),
        ("\\", [5]),
        ("303", []),  # as PostgreSQL writes a byte of ä
        ("nothing of the kind", []),
    ],
)
async def test_a_list_is_searched_in_method_params_and_reply(bench: Bench, text_search: str, found: list[int]) -> None:
    await bench.add(
        bench.call(1, method="setgpio", params=b'{"pin":7}'),
        bench.call(2, reply=b'\xff\x00"ON"', end_unix_ms=1),
        bench.call(3, params="\u00e4".encode()),
        bench.call(4, params=b'"100%"'),
        bench.call(5, reply=b"a\\000\xc3b", end_unix_ms=1),
        bench.call(6, reply=b"", end_unix_ms=1),
    )
    assert await ordinals(bench, Page(text_search=text_search)) == found


async def test_a_page_that_no_answer_can_carry_is_refused(bench: Bench) -> None:
    half = LARGEST_ANSWER_BYTES // 2
    await bench.add(
        bench.call(1, method="", params=b"x" * half),
        bench.call(2, method="", params=b"", reply=b"x" * half, end_unix_ms=1),
        bench.call(3, method="", params=b"", additional_info=b"x"),
    )
    assert await ordinals(bench, Page(text_search="x")) == [2, 1]
    with pytest.raises(TrunklineError, match="ask for fewer items") as caught:
        await ordinals(bench, Page())
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT


async def test_a_list_of_many_stays_in_its_order(bench: Bench) -> None:
    methods = {ordinal: f"{ordinal * 7919 % 1000:03}" for ordinal in range(1, 1_000)}
    await bench.add(*(bench.call(ordinal, method=method) for ordinal, method in methods.items()))
    in_order = sorted(methods, key=methods.__getitem__)
    assert await ordinals(bench, Page(size=2_000, sort_by="method")) == in_order


# --- removal ---


async def test_a_removed_call_is_gone_and_its_key_is_free(bench: Bench, people: People) -> None:
    call = bench.call(1, idempotency_key="k")
    await bench.add(call)
    assert not await bench.rows.delete(people.other_tenant_id, call.call_id)
    assert await bench.rows.delete(*key(call))
    assert not await bench.rows.delete(*key(call))
    await bench.add(bench.call(2, idempotency_key="k"))


async def test_only_ended_calls_are_cleaned_up_the_earliest_first(bench: Bench) -> None:
    ends = {1: 0, 2: 500, 3: 300, 4: 400, 5: 1_000}
    await bench.add(*(bench.call(ordinal, end_unix_ms=end) for ordinal, end in ends.items()))
    assert await bench.rows.delete_ended_before(501, 2) == 2
    assert await ordinals(bench, Page()) == [5, 2, 1]
    assert await bench.rows.delete_ended_before(501, 2) == 1
    assert await bench.rows.delete_ended_before(501, 2) == 0
    assert await ordinals(bench, Page()) == [5, 1]


async def test_calls_outlive_their_device_and_go_with_their_tenant(bench: Bench, store: Store) -> None:
    call = bench.call(1)
    await bench.add(call)
    await store.devices.delete(DEVICE)
    assert await bench.find(call)
    await store.tenants.delete(bench.tenant_id, 0)
    assert await bench.rows.find(*key(call)) is None
