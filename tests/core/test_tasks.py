import asyncio
from collections.abc import AsyncIterator

import pytest

from trunkline.core.tasks import Tasks, uncancelled


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    owned = Tasks()
    running = asyncio.create_task(owned.run())
    await asyncio.sleep(0)
    assert owned.running
    async with asyncio.timeout(10):
        yield owned
    running.cancel()
    await asyncio.wait([running])
    assert not owned.running


async def test_a_failure_ends_nothing_else(tasks: Tasks) -> None:
    done = asyncio.Event()

    async def fail() -> None:
        raise RuntimeError("a bug")

    async def work() -> None:
        done.set()

    tasks.spawn(fail(), name="fails")
    tasks.spawn(work(), name="works")
    await done.wait()
    assert tasks.running


async def test_tasks_end_with_their_owner() -> None:
    tasks, began, ended = Tasks(), asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(tasks.run())
    await asyncio.sleep(0)

    async def wait() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    tasks.spawn(wait(), name="waits")
    await began.wait()
    running.cancel()
    await asyncio.wait([running])
    assert ended.is_set()


async def test_nothing_begins_without_an_owner() -> None:
    async def work() -> None:
        raise AssertionError("nobody owns this")

    tasks = Tasks()
    assert not tasks.running
    tasks.spawn(work(), name="works")
    await asyncio.sleep(0)


async def test_what_is_uncancelled_goes_on_without_its_caller() -> None:
    began, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @uncancelled
    async def change(fail: bool) -> None:
        began.set()
        await go_on.wait()
        ended.set()
        if fail:
            raise ValueError("nobody hears this, and nobody complains of it")

    for fail in (False, True):
        for event in (began, go_on, ended):
            event.clear()
        caller = asyncio.create_task(change(fail))
        await began.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        go_on.set()
        async with asyncio.timeout(10):
            await ended.wait()
    with pytest.raises(ValueError, match="nobody"):
        await change(True)
