"""Who waits for long is looked up, in order and with one timer; who got a result is not woken again."""

import asyncio

import pytest
from starlette.types import Message

from trunkline.contract.streams.frames import CallResult
from trunkline.facade.request_body import CallerGone
from trunkline.facade.waiting import Patience, Waiting, hung_up, unless_hung_up
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


class Line:
    """A caller's connection."""

    def __init__(self, *messages: str) -> None:
        self._messages = list(messages)

    async def receive(self) -> Message:
        if not self._messages:
            await asyncio.get_running_loop().create_future()  # nothing more comes
        return {"type": self._messages.pop(0)}


async def test_what_a_caller_says_while_it_waits_is_no_hang_up() -> None:
    async with asyncio.timeout(10):
        await hung_up(Line("http.request", "http.request", "http.disconnect").receive)


async def test_work_that_is_done_in_time() -> None:
    async def work() -> int:
        return 7

    async def broken() -> int:
        raise ZeroDivisionError

    assert await unless_hung_up(Line("http.request").receive, work()) == 7
    with pytest.raises(ZeroDivisionError):
        await unless_hung_up(Line().receive, broken())


async def test_work_for_nobody_is_given_up() -> None:
    given_up = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            given_up.set()

    async with asyncio.timeout(10):
        with pytest.raises(CallerGone):
            await unless_hung_up(Line("http.request", "http.disconnect").receive, work())
        await given_up.wait()
