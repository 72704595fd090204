"""Presence over takeovers, broken links, killed workers and restarts of the core, as those who read devices see it."""

from pathlib import Path
from typing import Any, get_args

import pytest
from doubles.living_core import until
from doubles.pairs import Kind
from doubles.scene import LONG, SHORT, Scene, scene
from doubles.scripted_worker import ScriptedWorker

from trunkline.contract.streams.frames import (
    Activity,
    CloseSession,
    Connected,
    Deliver,
    DeviceCall,
    DeviceData,
    Reply,
    Subscribed,
    Unsubscribe,
)
from trunkline.core.presence.model import Presence
from trunkline.core.presence.tracker import PresenceTracker
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.transport_service_pb2 import DataKind, SessionKind


@pytest.fixture(params=get_args(Kind))
def kind(request: pytest.FixtureRequest) -> Any:
    """Every test below runs once per kind of wire."""
    return request.param


async def presence(s: Scene, token: str = "lamp") -> Presence:
    return (await s.core.core.devices.get(s.core.people.admin, s.core.devices[token])).presence


async def noted(tracker: PresenceTracker, written: int) -> None:
    """Something is to be written, or was since `written` rows were."""
    await until(lambda: tracker.pending or tracker.written > written)


async def test_a_device_comes_and_goes(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        session = await s.worker.device("lamp")
        came = await presence(s)
        assert came.connected and came.active
        assert came.last_connect_unix_ms and not came.last_disconnect_unix_ms
        s.worker.disconnect(session)
        await until(lambda: not s.core.core.presence.connected)
        went = await presence(s)
        assert not went.connected and went.active
        assert went.last_disconnect_unix_ms >= went.last_connect_unix_ms == came.last_connect_unix_ms


async def test_a_short_break_of_the_link_is_no_disconnect(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        before = await presence(s)
        s.cut(mend=False)
        await until(lambda: not len(s.core.core.links))
        assert await presence(s) == before
        s.worker.network.up.set()
        await s.worker.relinked()
        call = s.call()
        s.worker.reply(await s.worker.next(Deliver))
        assert (await call).outcome == Outcome.OUTCOME_SUCCEEDED
        after = await presence(s)
        assert (after.connected, after.last_disconnect_unix_ms) == (True, 0)
        assert after.last_connect_unix_ms == before.last_connect_unix_ms


async def test_a_killed_workers_devices_are_away_once_the_suspension_ends(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, suspension_ms=200) as s:
        await s.worker.device("lamp")
        await s.worker.kill()
        await until(lambda: not len(s.core.core.links))
        assert (await presence(s)).connected
        await s.lost()
        away = await presence(s)
        assert not away.connected and away.last_disconnect_unix_ms


async def test_a_worker_that_comes_back_late_connects_its_devices_anew(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **LONG) as s:
        await s.worker.device("lamp")
        s.cut(mend=False)
        await s.lost()
        away = await presence(s)
        assert not away.connected
        s.worker.network.up.set()
        await until(lambda: s.core.core.presence.connected)
        back = await presence(s)
        assert back.connected and back.last_connect_unix_ms >= away.last_disconnect_unix_ms


async def test_takeover_by_another_worker_is_no_disconnect(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s, ScriptedWorker(s.core.links(), worker_id="worker-2") as other:
        await s.worker.device("lamp")
        await other.device("lamp")
        await s.worker.next(CloseSession)
        await until(lambda: s.core.core.links.sessions == 1 and not s.core.link()._ended)
        there = await presence(s)
        assert (there.connected, there.last_disconnect_unix_ms) == (True, 0)


async def test_a_restart_of_the_core_is_no_disconnect_for_who_comes_back(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        async with ScriptedWorker(s.core.links(), worker_id="worker-2") as other:
            await s.worker.device("lamp")
            await other.device("pump")
            lamp, pump = await presence(s), await presence(s, "pump")
            s.worker.network.up.clear()
            await s.core.stop()
        await s.core.start()
        assert (await presence(s), await presence(s, "pump")) == (lamp, pump)
        s.worker.network.up.set()
        await until(lambda: s.core.core.links.sessions and not s.core.core.links.returning)
        await s.core.core.presence.dismiss(0, lambda: s.core.core.links.returning)
        assert await presence(s) == lamp
        gone = await presence(s, "pump")
        assert (gone.connected, gone.last_connect_unix_ms) == (False, pump.last_connect_unix_ms)
        assert gone.last_disconnect_unix_ms == pump.last_activity_unix_ms  # the last that is known of that core


async def test_a_restart_of_all_disconnects_all(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, suspension_ms=100) as s:
        await s.worker.device("lamp")
        await s.worker.kill()
        await s.core.stop()
        await s.core.start()
        assert (await presence(s)).connected
        await until(lambda: not s.core.core.presence.connected)
        assert not (await presence(s)).connected


async def test_whatever_a_device_says_is_activity(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.core.presence.tracker.STEP_MS", 0)
    async with scene(kind, tmp_path, **SHORT) as s:
        session = await s.worker.device("lamp")
        tracker = s.core.core.presence
        call = s.call()
        to_be_answered = await s.worker.next(Deliver)
        for frame in (
            Activity(0, (session, 99)),
            DeviceCall(session, 1, "getTime", b"{}", 1 << 60),
            DeviceData(session, 2, DataKind.DATA_KIND_TELEMETRY, b"{}"),
            Unsubscribe(session, False, True),
            Reply(session, to_be_answered.request_id, b"{}"),
        ):
            await tracker.settle()
            before = tracker.written
            s.worker.end.send(frame)
            await noted(tracker, before)
        assert (await call).outcome == Outcome.OUTCOME_SUCCEEDED


async def test_polls_are_activity_and_no_connection(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        session = s.worker.connect("lamp", kind=SessionKind.SESSION_KIND_ONE_SHOT)
        await s.worker.next(Connected)
        assert s.core.core.links.sessions == 1
        polled = await presence(s)
        assert (polled.connected, polled.active, polled.last_connect_unix_ms) == (False, True, 0)
        s.worker.disconnect(session)
        await until(lambda: not s.core.core.links.sessions)
        assert (await presence(s)).last_disconnect_unix_ms == 0


async def test_a_deleted_device_leaves_nothing(kind: Kind, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        await s.core.core.devices.delete(s.core.people.admin, s.lamp)
        await s.worker.next(CloseSession)
        tracker = s.core.core.presence
        await until(lambda: not tracker.connected)
        await tracker.settle()
        assert not tracker._records
        assert await s.core.core._store.presence.latest() == 0


async def test_many_connects_share_few_writes(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(kind, tmp_path, **SHORT, max_sessions_per_device=200) as s:
        rows = s.core.core._store.presence
        writes = 0
        write = rows.write

        async def counted(changes: Any) -> None:
            nonlocal writes
            writes += 1
            await write(changes)

        monkeypatch.setattr(rows, "write", counted)
        for number in range(200):
            s.worker.subscribe(s.worker.connect(("lamp", "pump", "door")[number % 3]))
        for _ in range(200):
            await s.worker.next(Subscribed)
        await until(lambda: not s.core.core.presence.pending)
        assert 1 <= writes < 20
        assert s.core.core.presence.connected == 3
