"""Whatever breaks, every call has exactly one outcome, continued: cores and callers die, the store does not answer."""

import asyncio
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from doubles.calling_part import calling_part
from doubles.living_core import until
from doubles.pairs import Kind
from doubles.scene import SHORT, ended, scene
from doubles.scripted_worker import ScriptedWorker

from trunkline.contract.streams.frames import (
    CloseSession,
    Deliver,
    PrincipalRevoked,
    Refused,
    Subscribed,
    Unsubscribe,
)
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

SUCCEEDED: Final = Outcome.OUTCOME_SUCCEEDED


@pytest.fixture(params=get_args(Kind))
def kind(request: pytest.FixtureRequest) -> Any:
    """Every test below runs once per kind of wire."""
    return request.param


# --- cores die ---


async def test_core_killed_with_replies_in_flight(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        call = s.call()
        delivered = await s.worker.next(Deliver)
        await s.core.stop()
        assert ended(await call) == (Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_CORE_LOST)
        s.worker.reply(delivered)
        await s.core.start()
        await until(lambda: s.stray("unknown"))  # late: its call is of the core's former start
        call = s.call()
        fresh = await s.worker.next(Deliver)
        assert fresh.request_id != delivered.request_id
        s.worker.reply(fresh, b"5")
        assert (await call).payload == b"5"
        s.worker.reply(fresh, b"6")
        await until(lambda: s.stray("duplicate"))
    assert not s.worker.has(CloseSession)


async def test_core_killed_and_the_device_comes_back_on_another_worker(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        call = s.call()
        delivered = await s.worker.next(Deliver)
        await s.core.stop()
        assert ended(await call) == (Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_CORE_LOST)
        await s.worker.kill()
        await s.core.start()
        async with ScriptedWorker(s.core.links(), worker_id="worker-2") as other:
            session = await other.device("lamp")
            other.reply(Deliver(session, delivered.request_id, "", b"", 0, delivered.kind), b"of another life")
            await until(lambda: s.stray("unknown"))
            call = s.call()
            other.reply(await other.next(Deliver))
            assert (await call).outcome == SUCCEEDED


async def test_calls_wait_for_the_devices_of_a_core_that_just_started(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.worker.network.up.clear()
        await s.core.stop()
        await s.core.start()
        call = s.call(fail_fast=True)
        await until(lambda: s.core.core._calls.runner.pending)
        s.worker.network.up.set()
        s.worker.reply(await s.worker.next(Deliver))
        assert (await call).outcome == SUCCEEDED


async def test_core_drained_with_calls_waiting(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        sent = s.call()
        await s.worker.next(Deliver)
        await until(lambda: not s.core.link().end.unacked(1))
        offline = s.part.call(s.core.devices["pump"])
        await until(lambda: s.core.core._calls.runner.pending == 2)
        await s.core.core.drain()
        assert ended(await sent) == (Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_CORE_DRAINING)
        assert ended(await offline) == (Outcome.OUTCOME_FAILED, Cause.CAUSE_CORE_DRAINING)


# --- callers die ---


async def test_facade_killed(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        async with calling_part(s.core.calls(), s.core.people.admin) as facade:
            calls = [facade.call(s.lamp), facade.call(s.core.devices["pump"])]
            delivered = await s.worker.next(Deliver)
            await until(lambda: s.core.core._calls.runner.pending == 2)
        assert {ended(await call) for call in calls} == {(Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_CORE_LOST)}
        await until(lambda: s.core.core._calls.runner.pending == 1)  # the one that was never sent is withdrawn
        s.worker.reply(delivered)
        await until(lambda: s.stray("late"))
        assert not s.core.core._calls.runner.pending


async def test_a_call_streams_cut_ends_what_was_written_and_sends_what_was_not(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        written = s.call()
        await s.worker.next(Deliver)
        s.part.network.up.clear()
        s.part.network.cut()
        assert ended(await written) == (Outcome.OUTCOME_UNKNOWN, Cause.CAUSE_CORE_LOST)
        unwritten = s.call()
        s.part.network.up.set()
        s.worker.reply(await s.worker.next(Deliver))
        assert (await unwritten).outcome == SUCCEEDED


async def test_revocation_crossing_a_start_call(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        heard: asyncio.Future[PrincipalRevoked] = asyncio.get_running_loop().create_future()
        s.part.stream.on_revoked = heard.set_result
        before = s.call()
        s.worker.reply(await s.worker.next(Deliver))
        assert (await before).outcome == SUCCEEDED
        crossing = s.call()
        await s.core.revocations.revoke_user(s.part.principal.user_id, 1)
        crossing_too = s.call()
        assert (await crossing_too).reason == ErrorReason.ERROR_REASON_TOKEN_EXPIRED
        assert (await heard).user_id == s.part.principal.user_id
        s.worker.reply(await s.worker.next(Deliver))
        assert (await crossing).outcome == SUCCEEDED  # it was in before


# --- the store, and credentials ---


async def test_store_down_with_lightweight_traffic_going_on(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.core.break_store()
        for _ in range(3):
            call = s.call()
            s.worker.reply(await s.worker.next(Deliver))
            assert (await call).outcome == SUCCEEDED
        result = await s.part.call(s.core.devices["pump"])
        assert result.reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
        session = s.worker.connect("pump")
        assert await s.worker.next(Refused) == Refused(
            session, ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "no answer, says the test"
        )
        s.cut()
        call = s.call()
        s.worker.reply(await s.worker.next(Deliver))
        assert (await call).outcome == SUCCEEDED


async def test_a_session_resumed_while_the_store_is_down_lives_on(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        session = await s.worker.device("lamp")
        call = s.call()
        delivered = await s.worker.next(Deliver)
        s.core.directory.forget(s.lamp)
        s.core.break_store()
        s.cut()
        await s.worker.relinked()
        s.worker.reply(delivered)
        assert (await call).outcome == SUCCEEDED  # replies need no store
        s.worker.end.send(Unsubscribe(session, True))  # what changes the session waits for it
        s.worker.subscribe(session)
        await until(lambda: session in s.core.link()._openings)
        s.core.mend_store()
        await s.worker.next(Subscribed)
        call = s.call()
        s.worker.reply(await s.worker.next(Deliver))
        assert (await call).outcome == SUCCEEDED
    assert not s.worker.has(CloseSession)


async def test_credentials_replaced_while_the_link_is_down(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.worker.network.wires[-1].deaf.set()
        call = s.call()
        old = await s.worker.next(Deliver)
        s.cut(mend=False)
        await until(lambda: not len(s.core.core.links))
        await s.core.replace_token(s.lamp, "new secret")
        s.worker.network.up.set()
        assert (await s.worker.next(CloseSession)).reason == ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED
        s.worker.connect("lamp")
        assert (await s.worker.next(Refused)).reason == ErrorReason.ERROR_REASON_BAD_CREDENTIALS
        await s.worker.device("new secret")
        again = await s.worker.next(Deliver)
        assert again.request_id == old.request_id
        s.worker.reply(again)
        assert (await call).outcome == SUCCEEDED
    assert not s.worker.has(CloseSession)


async def test_credentials_replaced_while_no_core_runs(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.worker.network.up.clear()
        await s.core.stop()
        await s.core.start()
        await s.core.replace_token(s.lamp, "new secret")
        s.worker.network.up.set()
        assert (await s.worker.next(CloseSession)).reason == ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED


async def test_a_device_deleted_with_calls_under_way(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        call = s.call()
        await s.worker.next(Deliver)
        await s.core.core.devices.delete(s.core.people.admin, s.lamp)
        assert ended(await call) == (Outcome.OUTCOME_FAILED, Cause.CAUSE_DEVICE_DELETED)
        assert (await s.worker.next(CloseSession)).reason == ErrorReason.ERROR_REASON_DEVICE_DELETED
        await until(lambda: not s.core.core.links.sessions and not s.core.link()._ended)
        assert s.core.core._calls.runner.known(s.lamp) is None
