import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from doubles.faulty_database import FaultyDatabase
from doubles.living_core import OTHER_TENANTS_TOKEN, LivingCore, living_core, until
from doubles.recording_caller import RecordingCaller
from doubles.scripted_worker import ScriptedWorker

from trunkline.contract.clock import monotonic_ms
from trunkline.contract.streams.frames import Deliver, DeliveryPolicy, Persistence, StartCall
from trunkline.core.callers.gate import CALLS_PER_TURN, CallGate
from trunkline.core.clock import unix_ms
from trunkline.core.devices.model import DeviceEntry
from trunkline.core.identity.principal import Principal
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

TWO_WAY = CallKind.CALL_KIND_TWO_WAY
ONE_WAY = CallKind.CALL_KIND_ONE_WAY
MAX_PARAMS_BYTES = 64 * 1024
CALL_ID = b"\x07" * 16


class Entrance:
    """The gate of a real core, seen from a stream."""

    def __init__(self, core: LivingCore) -> None:
        self.core = core
        self.admin = core.people.admin

    @property
    def gate(self) -> CallGate:
        return self.core.core._calls.gate

    def enter(
        self, token: str = "lamp", *, principal: Principal | None = None, validated: bool = False, **call: Any
    ) -> RecordingCaller:
        caller = RecordingCaller()
        values = {"params": b"1", "kind": TWO_WAY, "deadline_ms": monotonic_ms() + 10_000, "method": "set", **call}
        device_id = self.core.devices.get(token, b"?" * 16)
        self.gate.enter(principal or self.admin, StartCall(0, device_id, **values), caller, validated=validated)
        self.gate.take_turn()
        return caller

    async def reason(self, token: str = "lamp", **call: Any) -> ErrorReason.ValueType:
        """Why a call is refused."""
        caller = self.enter(token, **call)
        await caller.told.wait()
        assert caller.error is not None
        return caller.error.reason


@pytest.fixture
async def entrance(tmp_path: Path) -> AsyncIterator[Entrance]:
    async with asyncio.timeout(20), living_core("memory", tmp_path, max_params_bytes=MAX_PARAMS_BYTES) as core:
        yield Entrance(core)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ({"kind": CallKind.CALL_KIND_UNSPECIFIED}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"kind": 77}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"await_delivery": True}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"method": ""}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"params": b"{"}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"call_id": b"short"}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"persistence": Persistence(b"{")}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"persistence": Persistence(), "fail_fast": True}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"policy": DeliveryPolicy(strategy=1)}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"policy": DeliveryPolicy(redelivery=77)}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"dry_run": True}, ErrorReason.ERROR_REASON_NOT_SUPPORTED),
        ({"params": b"1" * (MAX_PARAMS_BYTES + 1)}, ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE),
        ({"method": "m" * (MAX_PARAMS_BYTES + 1)}, ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE),
        ({"method": "\u20ac" * (MAX_PARAMS_BYTES // 2)}, ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE),
        ({"token": "nobody's"}, ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND),
        ({"token": OTHER_TENANTS_TOKEN}, ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND),
    ],
    ids=str,
)
async def test_what_is_refused(entrance: Entrance, call: dict[str, Any], reason: ErrorReason.ValueType) -> None:
    assert await entrance.reason(**call) == reason


async def test_who_is_refused(entrance: Entrance) -> None:
    people = entrance.core.people
    denied = ErrorReason.ERROR_REASON_PERMISSION_DENIED
    assert await entrance.reason(principal=people.sys_admin) == denied
    assert await entrance.reason(principal=people.customer) == denied
    assert await entrance.reason(principal=people.other_admin) == ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND
    await entrance.core.revocations.revoke_user(entrance.admin.user_id, 1)
    assert await entrance.reason() == ErrorReason.ERROR_REASON_TOKEN_EXPIRED


async def test_the_largest_call_is_delivered(entrance: Entrance) -> None:
    async with ScriptedWorker(entrance.core.links()) as worker:
        await worker.device("lamp")
        caller = entrance.enter(params=b'"' + b"x" * (MAX_PARAMS_BYTES - 2) + b'"', method="m" * 256)
        worker.reply(await worker.next(Deliver))
        await caller.told.wait()
        assert caller.outcomes[0].outcome == Outcome.OUTCOME_SUCCEEDED


async def test_params_are_compacted_unless_a_part_did_and_the_frame_stays_as_it_was(entrance: Entrance) -> None:
    caller, start = RecordingCaller(), StartCall(0, entrance.core.devices["lamp"], "set", b" [1, 2] ", TWO_WAY, 1 << 50)
    entrance.gate.enter(entrance.admin, start, caller, validated=False)
    await until(lambda: caller.call)
    assert caller.call is not None and caller.call.params == b"[1,2]"
    assert start.params == b" [1, 2] "
    validated = entrance.enter(params=b" [1, 2] ", validated=True)
    assert validated.call is not None and validated.call.params == b" [1, 2] "


async def test_calls_to_a_device_that_is_being_read_keep_their_order(entrance: Entrance) -> None:
    entrance.core.hold_store()
    callers = [entrance.enter(params=str(number).encode()) for number in range(3)]
    assert not any(caller.call for caller in callers)
    entrance.core.mend_store()
    async with ScriptedWorker(entrance.core.links()) as worker:
        await worker.device("lamp")
        assert [(await worker.next(Deliver)).params for _ in callers] == [b"0", b"1", b"2"]


async def test_the_store_does_not_answer(entrance: Entrance) -> None:
    entrance.core.break_store()
    assert await entrance.reason() == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
    entrance.core.mend_store()
    caller = entrance.enter()
    await until(lambda: caller.call)


async def test_whatever_goes_wrong_at_a_look_up_is_answered(
    entrance: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(device_id: bytes) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(entrance.core.directory, "load", fail)
    assert await entrance.reason() == ErrorReason.ERROR_REASON_INTERNAL
    assert not entrance.gate._loading


async def test_a_caller_that_went_while_its_device_was_read(entrance: Entrance) -> None:
    entrance.core.hold_store()
    gone, waiting = entrance.enter(), entrance.enter()
    gone.gone = True
    entrance.core.mend_store()
    await until(lambda: waiting.call)
    assert gone.call is None and gone.error is None


async def test_a_drain_and_a_revocation_hold_for_calls_whose_device_is_being_read(
    entrance: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, goes_on = entrance.core.directory.load, asyncio.Event()

    async def load_slowly(device_id: bytes) -> DeviceEntry | None:
        await goes_on.wait()
        return await load(device_id)

    monkeypatch.setattr(entrance.core.directory, "load", load_slowly)
    revoked = entrance.enter()
    await entrance.core.revocations.revoke_user(entrance.admin.user_id, 1)
    goes_on.set()
    await revoked.told.wait()
    assert revoked.error is not None and revoked.error.reason == ErrorReason.ERROR_REASON_TOKEN_EXPIRED
    goes_on.clear()
    draining = entrance.enter("door", principal=replace(entrance.admin, user_id=b"o" * 16))
    entrance.gate.draining = True
    goes_on.set()
    await draining.told.wait()
    assert draining.error is not None and draining.error.reason == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE


async def test_expiration_is_wall_time_and_the_wait_has_a_limit(entrance: Entrance) -> None:
    entrance.enter()
    await until(lambda: entrance.core.directory.cached(entrance.core.devices["lamp"]))
    now = monotonic_ms()
    wall = entrance.enter(deadline_ms=0, expire_unix_ms=unix_ms() + 60_000)
    assert wall.call is not None and abs(wall.call.deadline_ms - now - 60_000) < 5_000
    longest = entrance.enter(deadline_ms=1 << 60)
    assert longest.call is not None and abs(longest.call.deadline_ms - now - 3_600_000) < 5_000
    past = entrance.enter(deadline_ms=0, expire_unix_ms=1)
    assert [done.cause for done in past.outcomes] == [Cause.CAUSE_EXPIRED_ON_ARRIVAL]


async def test_the_same_id_joins_the_same_call(entrance: Entrance) -> None:
    async with ScriptedWorker(entrance.core.links()) as worker:
        await worker.device("lamp")
        first, second = entrance.enter(call_id=CALL_ID), entrance.enter(call_id=CALL_ID)
        other = entrance.enter(call_id=CALL_ID, params=b"2")
        assert other.error is not None and other.error.reason == ErrorReason.ERROR_REASON_CALL_CONFLICT
        assert other.cause == Cause.CAUSE_IDEMPOTENCY_CONFLICT
        worker.reply(await worker.next(Deliver), b"7")
        await first.told.wait()
        assert [done.payload for done in (*first.outcomes, *second.outcomes)] == [b"7", b"7"]
        assert len(worker.deliveries) == 1


async def test_one_of_two_joined_callers_hangs_up(entrance: Entrance) -> None:
    async with ScriptedWorker(entrance.core.links()) as worker:
        await worker.device("lamp")
        first, second = entrance.enter(call_id=CALL_ID), entrance.enter(call_id=CALL_ID)
        assert first.call is not None
        entrance.gate.hang_up(first.call, first)
        assert [done.outcome for done in first.outcomes] == [Outcome.OUTCOME_CANCELLED]
        worker.reply(await worker.next(Deliver))
        await second.told.wait()
        assert [done.outcome for done in second.outcomes] == [Outcome.OUTCOME_SUCCEEDED]
        assert len(first.outcomes) == 1


async def test_both_joined_callers_hang_up(entrance: Entrance) -> None:
    entrance.enter("pump")
    await until(lambda: entrance.core.directory.cached(entrance.core.devices["pump"]))
    first, second = entrance.enter("pump", call_id=CALL_ID), entrance.enter("pump", call_id=CALL_ID)
    for caller in (first, second):
        assert caller.call is not None
        entrance.gate.hang_up(caller.call, caller)
    assert [done.outcome for done in (*first.outcomes, *second.outcomes)] == [Outcome.OUTCOME_CANCELLED] * 2
    again = entrance.enter("pump", call_id=CALL_ID)
    assert again.call is not first.call


# --- idempotency keys ---


async def test_a_key_joins_the_living_call_and_then_gets_its_answer(entrance: Entrance) -> None:
    async with ScriptedWorker(entrance.core.links()) as worker:
        await worker.device("lamp")
        first, second = entrance.enter(idempotency_key="key", call_id=CALL_ID), entrance.enter(idempotency_key="key")
        other = entrance.enter(idempotency_key="key", params=b"2")
        assert other.error is not None and other.cause == Cause.CAUSE_IDEMPOTENCY_CONFLICT
        worker.reply(await worker.next(Deliver), b"7")
        await second.told.wait()
        third = entrance.enter(idempotency_key="key")
        for caller in (first, second, third):
            assert [done.payload for done in caller.outcomes] == [b"7"]
            assert caller.call is not None and caller.call.call_id == CALL_ID
        assert len(worker.deliveries) == 1
        elsewhere = entrance.enter("pump", idempotency_key="key")
        await until(lambda: elsewhere.call)
        assert not elsewhere.outcomes


async def test_with_a_key_an_id_in_use_is_but_a_wish(entrance: Entrance) -> None:
    first = entrance.enter(call_id=CALL_ID)
    await until(lambda: first.call)
    keyed = entrance.enter(call_id=CALL_ID, idempotency_key="key", params=b"2")
    assert keyed.call is not None and keyed.call.call_id != CALL_ID


async def test_a_call_with_a_key_outlasts_its_caller_if_its_device_may_have_it(entrance: Entrance) -> None:
    async with ScriptedWorker(entrance.core.links()) as worker:
        await worker.device("lamp")
        first = entrance.enter(idempotency_key="key")
        delivered = await worker.next(Deliver)
        assert first.call is not None
        entrance.gate.hang_up(first.call, first)
        assert [done.cause for done in first.outcomes] == [Cause.CAUSE_HUNG_UP]
        second = entrance.enter(idempotency_key="key")
        worker.reply(delivered, b"7")
        await second.told.wait()
        assert [done.payload for done in second.outcomes] == [b"7"]
        third = entrance.enter(idempotency_key="key")
        assert [done.payload for done in third.outcomes] == [b"7"] and len(worker.deliveries) == 1


async def test_a_call_with_a_key_that_was_never_sent_ends_with_its_caller(entrance: Entrance) -> None:
    first = entrance.enter(idempotency_key="key")
    await until(lambda: first.call)
    assert first.call is not None
    entrance.gate.hang_up(first.call, first)
    assert [done.cause for done in first.outcomes] == [Cause.CAUSE_HUNG_UP]
    again = entrance.enter(idempotency_key="key", params=b"2")
    assert again.call is not first.call and not again.outcomes


# --- stored calls ---


async def test_a_stored_call_whose_caller_leaves_is_stored(entrance: Entrance) -> None:
    stored: dict[str, Any] = {"persistence": Persistence(), "call_id": CALL_ID}
    known = entrance.enter()
    await until(lambda: known.call)
    database = FaultyDatabase(entrance.core.core._store)
    database.takes_its_time()
    gone = entrance.enter(**stored)
    assert gone.call is not None
    entrance.gate.hang_up(gone.call, gone)
    assert [done.cause for done in gone.outcomes] == [Cause.CAUSE_HUNG_UP]
    again = entrance.enter(**stored)  # before it is stored
    assert again.call is gone.call
    database.mend()
    await again.told.wait()
    assert [done.outcome for done in again.outcomes] == [Outcome.OUTCOME_ACCEPTED] and len(gone.outcomes) == 1


async def test_a_repetition_that_is_hung_up_while_it_is_compared(entrance: Entrance) -> None:
    stored: dict[str, Any] = {"persistence": Persistence(), "call_id": CALL_ID}
    await entrance.enter(**stored).told.wait()
    database = FaultyDatabase(entrance.core.core._store)
    database.takes_its_time()
    gone, waits = entrance.enter(**stored), entrance.enter(**stored)
    assert gone.call is not None
    entrance.gate.hang_up(gone.call, gone)
    database.mend()
    await waits.told.wait()
    assert [done.outcome for done in waits.outcomes] == [Outcome.OUTCOME_ACCEPTED]
    assert [done.outcome for done in gone.outcomes] == [Outcome.OUTCOME_CANCELLED]


async def test_nobody_joins_a_call_of_which_nobody_can_tell_whether_it_is_stored(tmp_path: Path) -> None:
    async with asyncio.timeout(20), living_core("memory", tmp_path, store_wait_ms=20) as core:
        entrance = Entrance(core)
        known = entrance.enter()
        await until(lambda: known.call)
        database = FaultyDatabase(core.core._store)
        database.takes_its_time()
        first = entrance.enter(persistence=Persistence(), call_id=CALL_ID)
        await first.told.wait()
        assert [done.outcome for done in first.outcomes] == [Outcome.OUTCOME_UNKNOWN]
        assert (
            await entrance.reason(persistence=Persistence(), call_id=CALL_ID)
            == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
        )
        database.mend()


async def test_an_id_is_of_stored_or_of_lightweight_calls(entrance: Entrance) -> None:
    lightweight = entrance.enter(call_id=CALL_ID)
    await until(lambda: lightweight.call)
    assert await entrance.reason(call_id=CALL_ID, persistence=Persistence()) == ErrorReason.ERROR_REASON_CALL_CONFLICT


# --- bounds ---


async def test_bounds_per_device_tenant_and_server(tmp_path: Path) -> None:
    bounds = {"max_stored_per_device": 2, "max_pending_per_tenant": 4, "max_pending": 5}
    async with asyncio.timeout(20), living_core("memory", tmp_path, **bounds) as core:
        entrance = Entrance(core)
        stored = [entrance.enter(persistence=Persistence()) for _ in range(3)]
        for caller in stored:
            await caller.told.wait()
        assert [done.cause for caller in stored for done in caller.outcomes] == [
            Cause.CAUSE_UNSPECIFIED,
            Cause.CAUSE_UNSPECIFIED,
            Cause.CAUSE_QUEUE_FULL,
        ]
        lightweight = [entrance.enter() for _ in range(2)]  # a bound of its own
        assert not any(caller.outcomes or caller.error for caller in lightweight)
        full = ErrorReason.ERROR_REASON_QUEUE_FULL
        assert await entrance.reason("pump") == full
        others: dict[str, Any] = {"principal": core.people.other_admin}
        waiting = entrance.enter(OTHER_TENANTS_TOKEN, **others)
        await until(lambda: waiting.call)
        assert await entrance.reason(OTHER_TENANTS_TOKEN, **others) == full
        assert waiting.call is not None
        entrance.gate.hang_up(waiting.call, waiting)
        assert entrance.enter(OTHER_TENANTS_TOKEN, **others).call is not None


async def test_tenants_take_turns(entrance: Entrance) -> None:
    core = entrance.core
    async with ScriptedWorker(core.links()) as worker:
        await worker.device("lamp", max_inflight=10_000)
        await worker.device(OTHER_TENANTS_TOKEN)
        crowd = []
        for _ in range(3 * CALLS_PER_TURN):  # of one stream's batch
            caller = RecordingCaller()
            start = StartCall(0, core.devices["lamp"], "set", b"1", ONE_WAY, monotonic_ms() + 10_000)
            entrance.gate.enter(entrance.admin, start, caller, validated=True)
            crowd.append(caller)
        single = RecordingCaller()
        start = StartCall(0, core.devices[OTHER_TENANTS_TOKEN], "set", b"1", ONE_WAY, monotonic_ms() + 10_000)
        entrance.gate.enter(core.people.other_admin, start, single, validated=True)
        entrance.gate.take_turn()
        await single.told.wait()
        assert sum(bool(caller.outcomes) for caller in crowd) <= CALLS_PER_TURN
        for caller in crowd:
            await caller.told.wait()


async def test_a_call_that_is_hung_up_before_its_turn_never_gets_one(entrance: Entrance) -> None:
    async with ScriptedWorker(entrance.core.links()) as worker:
        await worker.device("lamp")
        caller = RecordingCaller()
        start = StartCall(0, entrance.core.devices["lamp"], "set", b"1", ONE_WAY, monotonic_ms() + 10_000)
        entrance.gate.enter(entrance.admin, start, caller, validated=True)
        assert caller.call is not None
        entrance.gate.hang_up(caller.call, caller)
        assert [done.outcome for done in caller.outcomes] == [Outcome.OUTCOME_CANCELLED]
        entrance.gate.take_turn()
        after = entrance.enter(kind=ONE_WAY)
        await after.told.wait()
        assert len(worker.deliveries) == len(caller.outcomes) == 1
