"""Who waits for long is looked up, in order and with one timer; who got a result is not woken again."""

import asyncio

from trunkline.contract.streams.frames import CallResult
from trunkline.facade.waiting import Patience, Waiting
from trunkline.v1.call_pb2 import OUTCOME_SUCCEEDED


async def test_a_result_wakes_at_once() -> None:
    waiting = Patience(asyncio.get_running_loop(), 60).begin()
    result = CallResult(1, OUTCOME_SUCCEEDED, b"1")
    waiting.settle(result)
    async with asyncio.timeout(10):
        await waiting.wake
    assert waiting.result is result


async def test_long_waits_are_looked_up_in_order() -> None:
    patience = Patience(asyncio.get_running_loop(), 0.02)
    woken: list[int] = []

    async def wait(number: int, waiting: Waiting) -> None:
        await waiting.wake
        assert waiting.result is None
        woken.append(number)

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for number in range(3):
            tasks.create_task(wait(number, patience.begin()))
    assert woken == [0, 1, 2]


async def test_after_everybody_left_others_are_looked_up_too() -> None:
    patience = Patience(asyncio.get_running_loop(), 0.01)
    async with asyncio.timeout(10):
        await patience.begin().wake
        await patience.begin().wake


async def test_who_was_answered_in_time_is_left_alone() -> None:
    patience = Patience(asyncio.get_running_loop(), 0.01)
    answered = patience.begin()
    answered.settle(CallResult(1, OUTCOME_SUCCEEDED))
    async with asyncio.timeout(10):
        await patience.begin().wake
    assert answered.result is not None
