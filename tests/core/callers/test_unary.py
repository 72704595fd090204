import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from doubles.living_core import LivingCore, living_core, until
from doubles.scripted_worker import ScriptedWorker

from trunkline.contract.clock import monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import from_text, to_text
from trunkline.contract.streams.frames import Deliver
from trunkline.core.callers.unary import GATHERED, UnaryCalls
from trunkline.core.calls.model import Redelivery, Strategy
from trunkline.core.store.call_rows import StoredCall
from trunkline.v1.call_pb2 import CallKind, CallState, Outcome, SubmitStrategy
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.rpc_service_pb2 import CallRequest, CallResponse, SubmitRequest, SubmitResponse


class Backend:
    """Somebody with single calls."""

    def __init__(self, core: LivingCore, worker: ScriptedWorker) -> None:
        self.core = core
        self.worker = worker
        self.unary = UnaryCalls(gate=core.core._calls.gate, clock=monotonic_ms)
        self.admin = core.people.admin

    def call(self, *, remaining_s: float | None = None, **request: Any) -> asyncio.Task[CallResponse]:
        values = {
            "device_id": to_text(self.core.devices["lamp"]),
            "method": "set",
            "params": b"1",
            "kind": CallKind.CALL_KIND_TWO_WAY,
            **request,
        }
        return asyncio.create_task(self.unary.call(self.admin, CallRequest(**values), remaining_s))

    async def deadline_ms(self, **call: Any) -> int:
        """How long a call may wait."""
        began = monotonic_ms()
        task = self.call(**call)
        delivered = await self.worker.next(Deliver)
        self.worker.reply(delivered)
        await task
        return delivered.deadline_ms - began


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[Backend]:
    async with asyncio.timeout(20), living_core("memory", tmp_path) as core, ScriptedWorker(core.links()) as worker:
        await worker.device("lamp")
        yield Backend(core, worker)


async def error(task: asyncio.Task[CallResponse]) -> TrunklineError:
    with pytest.raises(TrunklineError) as caught:
        await task
    return caught.value


async def test_a_reply(backend: Backend) -> None:
    call = backend.call(call_id="01020304-0506-4708-890a-0b0c0d0e0f10")
    backend.worker.reply(await backend.worker.next(Deliver), b'{"on":true}')
    assert await call == CallResponse(
        call_id="01020304-0506-4708-890a-0b0c0d0e0f10", outcome=Outcome.OUTCOME_SUCCEEDED, reply=b'{"on":true}'
    )


@pytest.mark.parametrize("await_delivery", [False, True])
async def test_one_way(backend: Backend, await_delivery: bool) -> None:
    response = await backend.call(kind=CallKind.CALL_KIND_ONE_WAY, await_delivery=await_delivery)
    assert response.outcome == (Outcome.OUTCOME_DELIVERED if await_delivery else Outcome.OUTCOME_SENT)


async def test_an_outcome_that_is_no_success_is_an_error_that_says_all(backend: Backend) -> None:
    call_id = "01020304-0506-4708-890a-0b0c0d0e0f10"
    expired = await error(backend.call(timeout_ms=50, call_id=call_id))
    assert expired.reason == ErrorReason.ERROR_REASON_CALL_EXPIRED
    assert expired.metadata == {"call_id": call_id, "outcome": "EXPIRED", "cause": "NO_REPLY"}


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"device_id": "lamp"}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"call_id": "seven"}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"params": b"{"}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"persistence": {"additional_info": b"{"}}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"policy": {"strategy": 1}}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
    ],
    ids=str,
)
async def test_refusals(backend: Backend, request_: dict[str, Any], reason: ErrorReason.ValueType) -> None:
    assert (await error(backend.call(**request_))).reason == reason


async def test_a_call_id_in_use_is_refused_with_its_cause(backend: Backend) -> None:
    call_id = "01020304-0506-4708-890a-0b0c0d0e0f10"
    first = backend.call(call_id=call_id)
    delivered = await backend.worker.next(Deliver)
    conflict = await error(backend.call(call_id=call_id, params=b"2"))
    assert conflict.reason == ErrorReason.ERROR_REASON_CALL_CONFLICT
    assert conflict.metadata["cause"] == "IDEMPOTENCY_CONFLICT"
    backend.worker.reply(delivered)
    await first


async def test_how_long_a_call_may_wait(backend: Backend) -> None:
    assert 9_000 < await backend.deadline_ms() <= 11_000
    assert 3_000 < await backend.deadline_ms(timeout_ms=4_000) <= 5_000
    assert 3_000 < await backend.deadline_ms(remaining_s=4.5) < 4_500
    assert 3_000 < await backend.deadline_ms(remaining_s=4.5, timeout_ms=100_000) < 4_500
    assert 3_000 < await backend.deadline_ms(remaining_s=100, timeout_ms=4_000) <= 5_000
    assert (await error(backend.call(remaining_s=0.0))).metadata["cause"] == "EXPIRED_ON_ARRIVAL"


async def test_a_cancelled_caller_has_hung_up(backend: Backend) -> None:
    offline = backend.call(device_id=to_text(backend.core.devices["pump"]))
    await until(lambda: backend.core.core._calls.runner.pending)
    offline.cancel()
    await asyncio.wait([offline])
    assert not backend.core.core._calls.runner.pending


async def test_a_caller_that_is_cancelled_while_its_device_is_read(backend: Backend) -> None:
    backend.core.hold_store()
    call = backend.call(device_id=to_text(backend.core.devices["pump"]))
    await until(lambda: backend.core.core._calls.gate._loading)
    call.cancel()
    await asyncio.wait([call])
    backend.core.mend_store()
    await until(lambda: not backend.core.core._calls.gate._loading)
    assert not backend.core.core._calls.runner.pending


async def test_calls_gather_while_many_are_open(backend: Backend) -> None:
    calls = [backend.call(params=str(number).encode()) for number in range(3 * GATHERED)]
    for _ in calls:
        delivered = await backend.worker.next(Deliver)
        backend.worker.reply(delivered, delivered.params)
    assert [response.reply for response in await asyncio.gather(*calls)] == [
        str(number).encode() for number in range(3 * GATHERED)
    ]
    assert not backend.unary._open and not backend.unary._gathered


async def test_a_caller_that_is_cancelled_while_others_gather(backend: Backend) -> None:
    calls = [backend.call(params=str(number).encode()) for number in range(5)]
    await until(lambda: backend.unary._gathered)
    calls[-1].cancel()
    for _ in calls[:-1]:
        backend.worker.reply(await backend.worker.next(Deliver))
    await asyncio.gather(*calls[:-1])
    await asyncio.wait(calls[-1:])
    assert len(backend.worker.deliveries) == 4


# --- Submit ---


def submit(backend: Backend, **request: Any) -> asyncio.Task[SubmitResponse]:
    values = {
        "device_id": to_text(backend.core.devices["lamp"]),
        "method": "set",
        "params": b"1",
        "kind": CallKind.CALL_KIND_TWO_WAY,
        **request,
    }
    return asyncio.create_task(backend.unary.submit(backend.admin, SubmitRequest(**values)))


async def row_of(backend: Backend, task: asyncio.Task[SubmitResponse]) -> StoredCall:
    call_id = from_text((await task).call_id)
    row = await backend.core.core._store.calls.find(backend.admin.tenant_id, call_id)
    assert row is not None
    return row


async def test_a_call_is_submitted_with_all_that_its_caller_says(backend: Backend) -> None:
    call_id = "01020304-0506-4708-890a-0b0c0d0e0f10"
    policy = {"strategy": SubmitStrategy.SUBMIT_STRATEGY_SEQUENTIAL_ON_ACK_FROM_DEVICE, "redelivery": 3}
    info = {"call_id": call_id, "idempotency_key": "key", "additional_info": b' {"a": 1}', "retries": 2}
    row = await row_of(backend, submit(backend, timeout_ms=60_000, policy=policy, **info))
    assert (row.call_id, row.idempotency_key, row.additional_info) == (from_text(call_id), "key", b'{"a":1}')
    assert (row.strategy, row.redelivery, row.retries_asked, row.max_retries) == (
        Strategy.ON_ACK,
        Redelivery.NEVER,
        2,
        2,
    )
    assert 55_000 < row.expire_unix_ms - row.create_unix_ms <= 60_000


async def test_a_submitted_call_has_ten_seconds_or_until_its_expiry(backend: Backend) -> None:
    row = await row_of(backend, submit(backend))
    assert 5_000 < row.expire_unix_ms - row.create_unix_ms <= 10_000 and row.retries_asked is None
    expiring = await row_of(backend, submit(backend, expire_time={"seconds": 4_000_000_000, "nanos": 5_000_000}))
    assert expiring.expire_unix_ms == 4_000_000_000_005
    past = await row_of(backend, submit(backend, expire_time={"seconds": 1}, timeout_ms=50_000))
    assert past.state == CallState.CALL_STATE_EXPIRED and past.cause == Cause.CAUSE_EXPIRED_ON_ARRIVAL


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"device_id": "lamp"}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"call_id": "seven"}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"params": b"{"}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"kind": CallKind.CALL_KIND_UNSPECIFIED}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"method": ""}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"additional_info": b"{"}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"idempotency_key": "k" * 256}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"policy": {"strategy": 77}}, ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        ({"device_id": to_text(b"?" * 16)}, ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND),
    ],
    ids=str,
)
async def test_refused_submits(backend: Backend, request_: dict[str, Any], reason: ErrorReason.ValueType) -> None:
    with pytest.raises(TrunklineError) as caught:
        await submit(backend, **request_)
    assert caught.value.reason == reason


async def test_a_submit_while_the_store_is_down_says_when_to_try_again(backend: Backend) -> None:
    await submit(backend)
    backend.core.break_store()
    with pytest.raises(TrunklineError) as caught:
        await submit(backend)
    assert caught.value.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
    assert caught.value.metadata["retry_after_ms"] == "1000"
    backend.core.mend_store()


async def test_a_submitter_who_leaves_leaves_its_call_alone(backend: Backend) -> None:
    await submit(backend)
    delivered = await backend.worker.next(Deliver)
    backend.core.hold_store()
    task = submit(backend, params=b"2")
    await until(lambda: len(backend.core.core._calls.runner.living) == 2)
    task.cancel()
    await asyncio.wait([task])
    backend.core.mend_store()
    backend.worker.reply(delivered)
    assert (await backend.worker.next(Deliver)).params == b"2"
