"""The core's keeping of stored calls, over restarts in this process."""

import asyncio
from pathlib import Path
from typing import Any

from doubles.living_core import until
from doubles.scene import SHORT, Scene, ended, scene

from trunkline.contract.ids import new_id
from trunkline.contract.streams.frames import CallResult, Deliver, DeliveryPolicy, Persistence
from trunkline.core.clock import unix_ms
from trunkline.core.store.call_rows import StoredCall
from trunkline.v1.call_pb2 import CallState, Outcome, SubmitStrategy
from trunkline.v1.error_pb2 import Cause, ErrorReason

ON_RESPONSE = DeliveryPolicy(strategy=SubmitStrategy.SUBMIT_STRATEGY_SEQUENTIAL_ON_RESPONSE_FROM_DEVICE)


async def submit(s: Scene, device: str = "lamp", **call: Any) -> bytes:
    result = await s.part.call(s.core.devices[device], persistence=Persistence(b'{"why": 1}'), **call)
    assert result.outcome == Outcome.OUTCOME_ACCEPTED, result
    return result.call_id


async def row(s: Scene, call_id: bytes) -> StoredCall:
    found = await s.core.core._store.calls.find(s.core.people.tenant_id, call_id)
    assert found is not None
    return found


async def in_state(s: Scene, call_id: bytes, state: CallState.ValueType) -> StoredCall:
    async with asyncio.timeout(10):
        while (found := await row(s, call_id)).state != state:
            pass
        return found


async def restart(s: Scene) -> None:
    await s.core.stop()
    await s.core.start()


async def test_a_call_goes_its_way(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        call_id = await submit(s, params=b'{"pin":7}')
        delivered = await s.worker.next(Deliver)
        assert (delivered.call_id, delivered.durable, delivered.params) == (call_id, True, b'{"pin":7}')
        await in_state(s, call_id, CallState.CALL_STATE_DELIVERED)
        s.worker.reply(delivered, b'"done"')
        found = await in_state(s, call_id, CallState.CALL_STATE_SUCCESSFUL)
        assert (found.reply, found.additional_info, found.request_id) == (b'"done"', b'{"why":1}', delivered.request_id)
        await until(lambda: not s.core.core._calls.runner.living)
        assert s.core.core._calls.runner.known(s.lamp) is not None  # its session is there
        assert not s.core.core._calls.runner.pending


async def test_waiting_calls_are_read_when_their_device_comes_in_their_order(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        ids = [await submit(s, params=str(number).encode()) for number in range(100)]
        calls = [s.core.core._calls.runner.living_call(s.core.people.tenant_id, call_id) for call_id in ids]
        assert all(call is not None and not call.params for call in calls)  # they are in the store
        await s.worker.device("lamp", max_inflight=5)
        for number in range(100):
            delivered = await s.worker.next(Deliver)
            assert (delivered.params, delivered.call_id) == (str(number).encode(), ids[number])
            s.worker.reply(delivered)
        for call_id in ids:
            await in_state(s, call_id, CallState.CALL_STATE_SUCCESSFUL)


async def test_a_restart_takes_up_what_waits_and_what_is_under_way(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        waiting = [await submit(s, "pump", params=str(number).encode()) for number in range(3)]
        await s.worker.device("lamp")
        under_way = await submit(s)
        delivered = await s.worker.next(Deliver)
        await in_state(s, under_way, CallState.CALL_STATE_DELIVERED)
        await restart(s)
        assert s.core.core._calls.runner.living.stored == 4
        s.worker.reply(delivered, b"5")
        assert (await in_state(s, under_way, CallState.CALL_STATE_SUCCESSFUL)).reply == b"5"
        await s.worker.device("pump")
        assert [(await s.worker.next(Deliver)).call_id for _ in waiting] == waiting


async def test_later_calls_go_behind_those_of_a_former_start(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        first = await submit(s, policy=ON_RESPONSE)
        await restart(s)
        second = await submit(s, policy=ON_RESPONSE)
        await s.worker.device("lamp")
        one = await s.worker.next(Deliver)
        assert one.call_id == first
        s.worker.reply(one)
        assert (await s.worker.next(Deliver)).call_id == second


async def test_what_expired_while_no_core_ran_ends_without_its_device(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        call_id = await submit(s, timeout_ms=150)
        expires = (await row(s, call_id)).expire_unix_ms
        await s.core.stop()
        await until(lambda: unix_ms() > expires)
        await s.core.start()
        found = await in_state(s, call_id, CallState.CALL_STATE_EXPIRED)
        assert found.cause == Cause.CAUSE_DEVICE_OFFLINE


async def test_calls_of_a_device_that_is_gone_have_ended_at_the_next_start(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        call_id = await submit(s)
        assert await s.core.core._store.devices.delete(s.lamp)  # and the core is killed
        await restart(s)
        found = await in_state(s, call_id, CallState.CALL_STATE_FAILED)
        assert found.cause == Cause.CAUSE_DEVICE_DELETED
        assert not s.core.core._calls.runner.living.stored


async def test_a_submitter_waits_only_so_long_for_the_store(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, store_wait_ms=50, **SHORT) as s:
        await submit(s)
        s.core.hold_store()
        results = [s.part.call(s.lamp, persistence=Persistence(), call_id=new_id()) for _ in range(2)]
        first = await results[0]
        assert ended(first) == (Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_COMMIT_UNKNOWN)
        s.core.mend_store()
        await until(lambda: len(s.core.core._calls.runner.living) == 1)  # the first one
        found = await row(s, first.call_id)
        assert found.state == CallState.CALL_STATE_FAILED and found.cause == Cause.CAUSE_COMMIT_UNKNOWN


async def test_a_store_that_is_gone_refuses_and_says_when_to_try_again(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        await submit(s)
        s.core.break_store()
        result: CallResult = await s.part.call(s.lamp, persistence=Persistence())
        assert (result.reason, result.retry_after_ms) == (ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, 1_000)
        s.core.mend_store()
        await submit(s)


async def test_figures(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        await submit(s)
        figures = {metric.name: metric.samples for metric in s.core.core.counters.collect()}
        assert figures["trunkline_stored_calls"][0].value == 1
        assert figures["trunkline_store_commits"][0].value >= 1
        assert figures["trunkline_store_rows"][0].value >= 1
        assert figures["trunkline_store_down"][0].value == 0
