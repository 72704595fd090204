import asyncio
from pathlib import Path
from typing import Any, get_args

import pytest
from doubles.living_core import LivingCore, living_core, until
from doubles.pairs import Kind
from doubles.raw_worker import RawWorker, raw_worker
from doubles.scripted_worker import ScriptedWorker

from trunkline.contract.streams.frames import (
    Activity,
    Batch,
    CloseSession,
    Drain,
    LinkHello,
    Resumed,
    Welcome,
    WorkerFrame,
)
from trunkline.contract.streams.wire import WireBroken
from trunkline.v1.error_pb2 import ErrorReason

HELLO = LinkHello(0, "worker-1", b"i" * 16, "mqtt")


@pytest.fixture(params=get_args(Kind))
def kind(request: pytest.FixtureRequest) -> Any:
    """Every test below runs once per kind of wire."""
    return request.param


async def refusal(core: LivingCore, *frames: WorkerFrame) -> ErrorReason.ValueType:
    """Why the core ends a link that begins so."""
    raw = RawWorker(await core.links().connect())
    if frames:
        await raw.say(*frames)
    with pytest.raises(WireBroken) as broken:
        await raw.wire.read()
    await raw.wire.close()
    return broken.value.error.reason


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([Activity(0, ())], ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION),
        ([HELLO, Resumed(0)], ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION),
        ([LinkHello(0, "", b"i" * 16, "mqtt")], ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION),
        ([LinkHello(0, "worker-1", b"short", "mqtt")], ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION),
        ([LinkHello(0, "worker-1", b"i" * 16, "mqtt", version=2)], ErrorReason.ERROR_REASON_NOT_SUPPORTED),
    ],
)
async def test_a_link_begins_with_a_proper_hello(
    kind: Kind, tmp_path: Path, frames: list[WorkerFrame], reason: ErrorReason.ValueType
) -> None:
    async with asyncio.timeout(20), living_core(kind, tmp_path) as core, ScriptedWorker(core.links()) as worker:
        await worker.device("lamp")
        assert await refusal(core, *frames) == reason
        assert len(core.core.links) == 1  # the one that has the name keeps it
        assert core.core.links.sessions == 1


async def test_a_link_that_says_nothing_is_ended(kind: Kind, tmp_path: Path) -> None:
    async with asyncio.timeout(20), living_core(kind, tmp_path, hello_timeout_s=0.05) as core:
        assert await refusal(core) == ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION


async def test_a_link_that_breaks_before_hello_leaves_nothing(kind: Kind, tmp_path: Path) -> None:
    async with asyncio.timeout(20), living_core(kind, tmp_path) as core:
        wire = await core.links().connect()
        await wire.close()
        raw = await raw_worker(core)
        assert len(core.core.links) == 1
        await raw.wire.close()


async def test_the_same_incarnation_takes_its_own_streams_place(kind: Kind, tmp_path: Path) -> None:
    async with asyncio.timeout(20), living_core(kind, tmp_path, suspension_ms=60_000) as core:
        first = await raw_worker(core)
        second = RawWorker(await core.links().connect())
        await second.say(LinkHello(0, "raw", b"i" * 16, "mqtt", core.core.core_id, 0))
        assert isinstance(await second.hear(), Welcome)
        with pytest.raises(WireBroken) as broken:
            await first.wire.read()
        assert broken.value.error.reason == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE
        assert len(core.core.links) == 1
        await second.wire.close()


async def test_many_of_one_name_at_once_leave_one(kind: Kind, tmp_path: Path) -> None:
    async with asyncio.timeout(20), living_core(kind, tmp_path) as core:
        workers = [ScriptedWorker(core.links()) for _ in range(5)]
        for worker in workers:
            await worker.__aenter__()
        await until(lambda: sum(worker.task.done() for worker in workers) == 4)
        assert len(core.core.links) == 1
        for worker in workers:
            await worker.kill()


async def test_a_broken_link_is_forgotten_in_time(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.core.links.links.KEEP_NUMBERS_S", 0.01)
    async with asyncio.timeout(20), living_core(kind, tmp_path, suspension_ms=60_000) as core:
        async with ScriptedWorker(core.links()) as worker:
            await worker.device("lamp")
            worker.network.up.clear()
            worker.network.cut()
            await until(lambda: not core.core.links._links)
            assert core.core._calls.runner.known(core.devices["lamp"]) is None
            worker.network.up.set()
            await until(lambda: core.core.links.sessions)  # as by a core that never knew it
        assert not worker.has(CloseSession)


async def test_workers_hear_that_the_core_drains(kind: Kind, tmp_path: Path) -> None:
    async with asyncio.timeout(20), living_core(kind, tmp_path) as core, ScriptedWorker(core.links()) as worker:
        await worker.relinked()
        core.core.links.drain(1_234)
        assert await worker.next(Drain) == Drain(0, 1_234)


async def test_a_protocol_violation_ends_the_stream_and_suspends_its_sessions(kind: Kind, tmp_path: Path) -> None:
    async with asyncio.timeout(20), living_core(kind, tmp_path) as core:
        raw = await raw_worker(core)
        await raw.wire.write(Batch([], 0, 99))
        with pytest.raises(WireBroken) as broken:
            await raw.wire.read()
        assert broken.value.error.reason == ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION
        await until(lambda: not len(core.core.links))
        await raw.wire.close()
