import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from doubles.living_core import LivingCore, living_core, until
from doubles.scripted_worker import ScriptedWorker

from trunkline.contract.clock import monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import to_text
from trunkline.contract.streams.frames import Deliver
from trunkline.core.callers.unary import GATHERED, UnaryCalls
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import CallRequest, CallResponse


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
