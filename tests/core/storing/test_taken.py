"""Submits that repeat earlier ones whose calls are in the store."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from doubles.living_core import until
from doubles.scene import SHORT, Scene, scene

from trunkline.contract.ids import new_id
from trunkline.contract.streams.frames import CallResult, Deliver, Persistence
from trunkline.v1.call_pb2 import CallState, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

CALL_ID = b"\x07" * 16
ACCEPTED = Outcome.OUTCOME_ACCEPTED


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene("memory", tmp_path, **SHORT) as opened:
        yield opened


def begin(s: Scene, device: str = "lamp", **call: Any) -> asyncio.Future[CallResult]:
    return s.part.call(s.core.devices[device], persistence=Persistence(), **call)


async def submit(s: Scene, device: str = "lamp", **call: Any) -> CallResult:
    async with asyncio.timeout(10):
        return await begin(s, device, **call)


async def end_all(s: Scene) -> None:
    """The device answers whatever waits for it."""
    await s.worker.device("lamp")
    s.worker.reply(await s.worker.next(Deliver))
    await until(lambda: not s.core.core._calls.runner.living)


def is_conflict(result: CallResult) -> bool:
    return (result.reason, result.cause) == (
        ErrorReason.ERROR_REASON_CALL_CONFLICT,
        Cause.CAUSE_IDEMPOTENCY_CONFLICT,
    )


async def rows(s: Scene) -> int:
    return len(await s.core.core._store.calls.versions([(s.core.people.tenant_id, CALL_ID)]))


@pytest.mark.parametrize("moment", ["living", "restarted", "ended"])
async def test_the_same_id_again_is_answered_as_the_first_time(s: Scene, moment: str) -> None:
    assert (await submit(s, call_id=CALL_ID)).outcome == ACCEPTED
    if moment == "restarted":
        await s.core.stop()
        await s.core.start()
    elif moment == "ended":
        await end_all(s)
    again = await submit(s, call_id=CALL_ID)
    assert (again.outcome, again.call_id) == (ACCEPTED, CALL_ID)
    assert is_conflict(await submit(s, call_id=CALL_ID, params=b"2"))
    assert is_conflict(await submit(s, "pump", call_id=CALL_ID))
    assert len(s.core.core._calls.runner.living) == (moment != "ended") and await rows(s) == 1
    if moment != "ended":
        await end_all(s)
        assert len(s.worker.deliveries) == 1


@pytest.mark.parametrize("moment", ["living", "restarted", "ended"])
async def test_the_same_key_again_is_answered_as_the_first_time(s: Scene, moment: str) -> None:
    assert (await submit(s, call_id=CALL_ID, idempotency_key="key")).outcome == ACCEPTED
    if moment == "restarted":
        await s.core.stop()
        await s.core.start()
    elif moment == "ended":
        await end_all(s)
    for call_id in (b"", new_id(), CALL_ID):
        again = await submit(s, call_id=call_id, idempotency_key="key")
        assert (again.outcome, again.call_id) == (ACCEPTED, CALL_ID)
    assert is_conflict(await submit(s, idempotency_key="key", params=b"2"))
    other = await submit(s, "pump", idempotency_key="key")  # another device's key
    assert other.outcome == ACCEPTED and other.call_id != CALL_ID


@pytest.mark.parametrize("moment", ["living", "ended"])
async def test_with_a_key_the_id_is_but_a_wish(s: Scene, moment: str) -> None:
    assert (await submit(s, call_id=CALL_ID)).outcome == ACCEPTED
    if moment == "ended":
        await end_all(s)
    other = await submit(s, "pump", call_id=CALL_ID, idempotency_key="key")
    assert other.outcome == ACCEPTED and other.call_id != CALL_ID
    row = await s.core.core._store.calls.find(s.core.people.tenant_id, other.call_id)
    assert row is not None and row.device_id == s.core.devices["pump"]
    again = await submit(s, "pump", call_id=CALL_ID, idempotency_key="key")
    assert again.call_id == other.call_id


async def test_those_that_come_while_the_first_one_is_stored_wait_with_it(s: Scene) -> None:
    await submit(s, "pump")  # the lamp is known now
    await submit(s)
    s.core.hold_store()
    same = [begin(s, call_id=CALL_ID), begin(s, call_id=CALL_ID)]
    keyed = [begin(s, idempotency_key="key"), begin(s, idempotency_key="key")]
    assert is_conflict(await submit(s, call_id=CALL_ID, params=b"2"))
    assert is_conflict(await submit(s, idempotency_key="key", params=b"2"))
    s.core.mend_store()
    for results in (same, keyed):
        first, second = [await result for result in results]
        assert first.outcome == second.outcome == ACCEPTED and first.call_id == second.call_id


async def test_a_repetition_while_the_store_is_down(s: Scene) -> None:
    await submit(s, call_id=CALL_ID)
    s.core.break_store()
    again = await submit(s, call_id=CALL_ID)
    assert again.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
    s.core.mend_store()
    assert (await submit(s, call_id=CALL_ID)).outcome == ACCEPTED


async def test_a_key_of_a_call_of_the_other_kind(s: Scene) -> None:
    await submit(s, idempotency_key="key")
    assert is_conflict(await s.call(idempotency_key="key"))
    assert (await submit(s, idempotency_key="another")).outcome == ACCEPTED


async def test_a_key_is_free_when_the_row_is_gone(s: Scene) -> None:
    first = await submit(s, idempotency_key="key")
    await end_all(s)
    row = await s.core.core._store.calls.find(s.core.people.tenant_id, first.call_id)
    assert row is not None and row.state == CallState.CALL_STATE_SUCCESSFUL
    await s.core.core._store.calls.delete(s.core.people.tenant_id, first.call_id)
    second = await submit(s, idempotency_key="key", params=b"2")
    assert second.outcome == ACCEPTED and second.call_id != first.call_id
