import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from doubles.calling_part import bound
from doubles.living_core import LivingCore, living_core, until
from doubles.pairs import Kind

from trunkline.contract.clock import monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import (
    AnswerFrame,
    Batch,
    BindPrincipal,
    CallerFrame,
    CallerHello,
    CallerWelcome,
    CallResult,
    HangUp,
    RenewCredentials,
    StartCall,
)
from trunkline.contract.streams.wire import Unreadable, Wire, WireBroken
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason


class RawCaller:
    """A caller that is only a wire."""

    def __init__(self, core: LivingCore, wire: Wire[CallerFrame, AnswerFrame | Unreadable]) -> None:
        self.core = core
        self.wire = wire

    async def say(self, *frames: CallerFrame) -> None:
        await self.wire.write(Batch(list(frames)))

    async def hear(self) -> AnswerFrame | Unreadable:
        """The next frame; there must be only one in its batch."""
        (frame,) = await self.hear_all()
        return frame

    async def hear_all(self) -> list[AnswerFrame | Unreadable]:
        while True:
            batch = await self.wire.read()
            assert batch is not None
            if batch.frames:
                return batch.frames

    async def result(self) -> CallResult:
        frame = await self.hear()
        assert isinstance(frame, CallResult)
        return frame

    async def end(self) -> TrunklineError:
        """Why the core ends the stream."""
        with pytest.raises(WireBroken) as broken:
            while True:
                await self.wire.read()
        return broken.value.error

    def start(self, tag: int, *, token: str = "lamp", principal: int = 1, timeout_ms: int = 20_000) -> StartCall:
        return StartCall(
            tag,
            self.core.devices.get(token, b"?" * 16),
            "set",
            b"1",
            CallKind.CALL_KIND_TWO_WAY,
            monotonic_ms() + timeout_ms,
            principal=principal,
        )


@pytest.fixture(params=["grpc", "memory"])
async def caller(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RawCaller]:
    """Connected, with the tenant's administrator bound as principal 1."""
    kind: Kind = request.param
    async with asyncio.timeout(20), living_core(kind, tmp_path, max_open_calls=5) as core:
        raw = RawCaller(core, await core.calls().connect())
        await raw.say(CallerHello("raw"))
        welcome = await raw.hear()
        assert isinstance(welcome, CallerWelcome) and welcome.core_id == core.core.core_id
        principal = bound(core.people.admin)
        principal.principal = 1
        await raw.say(principal)
        yield raw
        await raw.wire.close()


def ended(result: CallResult) -> tuple[Outcome.ValueType, ErrorReason.ValueType, Cause.ValueType]:
    return result.outcome, result.reason, result.cause


HUNG_UP = (Outcome.OUTCOME_CANCELLED, ErrorReason.ERROR_REASON_CALL_CANCELLED, Cause.CAUSE_HUNG_UP)


async def test_every_start_gets_one_result(caller: RawCaller) -> None:
    await caller.say(caller.start(1, timeout_ms=50), caller.start(2, token="nobody's"))
    results = {result.tag: result for result in [await caller.result(), await caller.result()]}
    assert results[1].cause == Cause.CAUSE_DEVICE_OFFLINE
    assert results[2].reason == ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND


async def test_an_unknown_principal_is_refused_in_the_result(caller: RawCaller) -> None:
    await caller.say(caller.start(1, principal=9))
    result = await caller.result()
    assert ended(result)[:2] == (Outcome.OUTCOME_FAILED, ErrorReason.ERROR_REASON_UNAUTHENTICATED)
    await caller.say(caller.start(1, timeout_ms=20))  # the stream goes on, and the tag is free
    assert (await caller.result()).outcome == Outcome.OUTCOME_EXPIRED


async def test_a_hang_up_gets_its_result_at_once(caller: RawCaller) -> None:
    await caller.say(caller.start(1))
    await until(lambda: caller.core.core._calls.runner.pending)
    await caller.say(HangUp((1, 77)))
    assert ended(await caller.result()) == HUNG_UP
    assert not caller.core.core._calls.runner.pending


async def test_a_hang_up_while_the_device_is_being_read(caller: RawCaller) -> None:
    caller.core.hold_store()
    await caller.say(caller.start(1))
    await until(lambda: caller.core.core._calls.gate._loading)
    await caller.say(HangUp((1,)))
    assert ended(await caller.result()) == HUNG_UP
    caller.core.mend_store()
    await until(lambda: not caller.core.core._calls.gate._loading)
    assert not caller.core.core._calls.runner.pending


async def test_a_hang_up_in_the_batch_of_its_call(caller: RawCaller) -> None:
    await caller.say(caller.start(1, timeout_ms=20))
    await caller.result()  # the device is known from now on
    await caller.say(caller.start(2), HangUp((2,)))
    assert ended(await caller.result()) == HUNG_UP
    assert not caller.core.core._calls.runner.pending


async def test_too_many_calls_are_refused(caller: RawCaller) -> None:
    await caller.say(*(caller.start(tag) for tag in range(6)))
    result = await caller.result()
    assert (result.tag, result.reason) == (5, ErrorReason.ERROR_REASON_QUEUE_FULL)
    await caller.say(HangUp((0,)))
    assert (await caller.result()).tag == 0
    await caller.say(caller.start(7, timeout_ms=20))
    assert (await caller.result()).tag == 7


async def test_calls_refused_or_hung_up_hold_no_bytes(caller: RawCaller) -> None:
    for tag in range(20):
        start = caller.start(tag, principal=9 if tag % 2 else 1)
        await caller.say(start, HangUp((tag,)))
        await caller.result()
    (stream,) = caller.core.core.callers._streams
    assert (stream._end._unanswered_bytes, stream._open) == (0, {})


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([CallerHello("of tomorrow", version=2)], ErrorReason.ERROR_REASON_NOT_SUPPORTED),
        ([RenewCredentials("token")], ErrorReason.ERROR_REASON_PERMISSION_DENIED),
    ],
)
async def test_what_ends_the_stream(
    caller: RawCaller, frames: list[CallerFrame], reason: ErrorReason.ValueType
) -> None:
    await caller.say(caller.start(1))
    await until(lambda: caller.core.core._calls.runner.pending)
    await caller.say(caller.start(2), *frames, caller.start(3))
    assert (await caller.end()).reason == reason
    await until(lambda: not len(caller.core.core.callers))
    assert not caller.core.core._calls.runner.pending


async def test_a_tag_in_use_ends_the_stream(caller: RawCaller) -> None:
    await caller.say(caller.start(1))
    await caller.say(caller.start(1))
    assert (await caller.end()).reason == ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION
    await until(lambda: not caller.core.core._calls.runner.pending)


async def test_unreadable_frames_are_counted(caller: RawCaller) -> None:
    await caller.say(_Unknown() if caller.core.kind == "memory" else HangUp((-1,)))
    await caller.say(caller.start(1, timeout_ms=20))
    await caller.result()
    (family,) = [one for one in caller.core.core.counters.collect() if one.name == "trunkline_rejected_input"]
    assert [(sample.labels["what"], sample.value) for sample in family.samples] == [("call_stream_frame", 1)]


class _Unknown(CallerFrame, gc=False):
    """A frame that this version does not know; over gRPC, one that cannot be encoded is as unreadable."""


async def test_principals_are_rebound(caller: RawCaller) -> None:
    other = caller.core.people.other_admin
    await caller.say(caller.start(1, timeout_ms=20))
    assert (await caller.result()).outcome == Outcome.OUTCOME_EXPIRED
    await caller.say(
        BindPrincipal(1, other.tenant_id, other.user_id, other.role), caller.start(2), caller.start(3, token="theirs")
    )
    assert (await caller.result()).reason == ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND


async def test_a_caller_that_does_not_read_loses_its_stream(tmp_path: Path) -> None:
    async with asyncio.timeout(20), living_core("grpc", tmp_path, max_open_calls=5) as core:
        raw = RawCaller(core, await core.calls().connect())
        tag = 0
        with pytest.raises(WireBroken):
            while True:
                tag += 1
                await raw.say(*(raw.start(tag * 1_000 + number, principal=9) for number in range(100)))
        assert (await raw.end()).reason == ErrorReason.ERROR_REASON_STREAM_OVERRUN
        await until(lambda: not len(core.core.callers))
