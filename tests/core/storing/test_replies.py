import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from doubles.living_core import until
from doubles.raw_worker import RawWorker, raw_worker
from doubles.scene import SHORT, Scene, scene

from trunkline.contract.streams.frames import (
    Connect,
    Connected,
    Deliver,
    DeliveryReport,
    Persistence,
    Reply,
    ReplyStored,
    Subscribe,
    Subscribed,
)
from trunkline.core.store.call_rows import StoredCall
from trunkline.v1.call_pb2 import CallState, Outcome
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState, SessionKind

SESSION = 1


class Kept:
    """A core with the device `pump`, whose worker keeps each of its replies as it likes."""

    def __init__(self, s: Scene, raw: RawWorker) -> None:
        self.s = s
        self.raw = raw

    async def submit(self, **call: Any) -> bytes:
        result = await self.s.part.call(self.s.core.devices["pump"], persistence=Persistence(), **call)
        assert result.outcome == Outcome.OUTCOME_ACCEPTED
        return result.call_id

    async def next(self, kind: type) -> object:
        """The next frame of this kind; others are passed over."""
        async with asyncio.timeout(10):
            while not isinstance(frame := await self.raw.hear(), kind):
                pass
            return frame

    async def deliver(self) -> Deliver:
        frame = await self.next(Deliver)
        assert isinstance(frame, Deliver)
        return frame

    async def reply(self, request_id: int, payload: bytes = b"7", **reply: Any) -> None:
        await self.raw.say(Reply(SESSION, request_id, payload, keep=True, **reply))

    async def stored(self, request_id: int) -> None:
        """The worker is told so of this reply."""
        assert await self.next(ReplyStored) == ReplyStored(SESSION, request_id)

    async def row(self, call_id: bytes) -> StoredCall:
        found = await self.s.core.core._store.calls.find(self.s.core.people.tenant_id, call_id)
        assert found is not None
        return found

    async def ended(self, call_id: bytes) -> StoredCall:
        async with asyncio.timeout(10):
            while not (found := await self.row(call_id)).end_unix_ms:
                pass
            return found


@pytest.fixture
async def k(tmp_path: Path) -> AsyncIterator[Kept]:
    async with scene("memory", tmp_path, **SHORT) as s:
        raw = await raw_worker(s.core)
        await raw.say(
            Connect(SESSION, SessionKind.SESSION_KIND_ASYNCHRONOUS, 16, access_token="pump"),
            Subscribe(SESSION, True, False, Acknowledgement.ACKNOWLEDGEMENT_IMPLIED),
        )
        kept = Kept(s, raw)
        await kept.next(Connected)
        await kept.next(Subscribed)
        yield kept


async def test_a_reply_is_stored_with_the_end_of_its_call(k: Kept) -> None:
    call_id = await k.submit()
    delivered = await k.deliver()
    await k.reply(delivered.request_id, b"8")
    await k.stored(delivered.request_id)
    assert (await k.row(call_id)).reply == b"8"
    assert not len(k.s.core.core._calls.replies)


async def test_a_reply_that_comes_again_is_told_stored_again(k: Kept) -> None:
    call_id = await k.submit()
    delivered = await k.deliver()
    for payload in (b"8", b"8", b"9"):
        await k.reply(delivered.request_id, payload)
    for _ in range(3):
        await k.stored(delivered.request_id)
    await k.reply(delivered.request_id, b"10")  # its call is over now
    await k.stored(delivered.request_id)
    row = await k.row(call_id)
    assert (row.reply, row.late_reply) == (b"8", None)
    assert k.s.stray("duplicate") == 1


async def test_a_late_reply_is_kept_once(k: Kept) -> None:
    call_id = await k.submit(timeout_ms=50)
    delivered = await k.deliver()
    await k.ended(call_id)
    await k.reply(delivered.request_id, b"8")
    await k.stored(delivered.request_id)
    await k.reply(delivered.request_id, b"9")
    await k.stored(delivered.request_id)
    row = await k.row(call_id)
    assert (row.state, row.reply, row.late_reply) == (CallState.CALL_STATE_EXPIRED, None, b"8")
    assert (k.s.stray("late"), k.s.stray("duplicate")) == (1, 1)


async def test_a_late_reply_before_the_end_is_committed_waits_for_it(k: Kept) -> None:
    call_id = await k.submit(timeout_ms=50)
    delivered = await k.deliver()
    k.s.core.hold_store()
    call = k.s.core.core._calls.runner.living_call(k.s.core.people.tenant_id, call_id)
    assert call is not None and call.keeping is not None
    keeping = call.keeping
    await until(lambda: keeping.end)
    await k.reply(delivered.request_id, b"8")
    await until(lambda: len(k.s.core.core._calls.replies))
    k.s.core.mend_store()
    await k.stored(delivered.request_id)
    row = await k.row(call_id)
    assert (row.state, row.late_reply) == (CallState.CALL_STATE_EXPIRED, b"8")


async def test_replies_to_calls_that_are_not_stored(k: Kept) -> None:
    lightweight = k.s.part.call(k.s.core.devices["pump"])
    delivered = await k.deliver()
    await k.reply(delivered.request_id, b"8")
    await k.stored(delivered.request_id)
    assert (await lightweight).payload == b"8"
    await k.reply(5)
    await k.stored(5)
    assert k.s.stray("unknown") == 1


async def test_a_session_nobody_knows(k: Kept) -> None:
    await k.raw.say(Reply(99, 5, b"7", keep=True))
    assert await k.next(ReplyStored) == ReplyStored(99, 5)


async def test_while_the_store_is_down_no_reply_is_confirmed(k: Kept) -> None:
    call_id = await k.submit()
    delivered = await k.deliver()
    k.s.core.break_store()
    await k.reply(delivered.request_id, b"8")
    await k.reply(5)
    await until(lambda: len(k.s.core.core._calls.replies) == 2 and k.s.core.core._calls.keeper.writer.down)
    k.s.core.mend_store()
    told = [await k.next(ReplyStored) for _ in range(2)]
    assert sorted(frame.request_id for frame in told if isinstance(frame, ReplyStored)) == [5, delivered.request_id]
    assert (await k.row(call_id)).reply == b"8"


async def test_what_a_transport_could_not_convert_fails_the_call(k: Kept) -> None:
    call_id = await k.submit()
    delivered = await k.deliver()
    await k.reply(delivered.request_id, b"", error="no JSON")
    await k.stored(delivered.request_id)
    row = await k.row(call_id)
    assert (row.state, row.detail, row.reply) == (CallState.CALL_STATE_FAILED, "no JSON", None)
    await k.reply(delivered.request_id, b"", error="no JSON")
    await k.stored(delivered.request_id)
    assert (await k.row(call_id)).late_reply is None


async def test_a_one_way_call_wants_no_answer_once_it_is_delivered(k: Kept) -> None:
    call_id = await k.submit(one_way=True)
    delivered = await k.deliver()
    await k.raw.say(DeliveryReport(SESSION, delivered.request_id, DeliveryState.DELIVERY_STATE_DELIVERED))
    await k.ended(call_id)
    await k.reply(delivered.request_id, b"8")
    await k.stored(delivered.request_id)
    row = await k.row(call_id)
    assert (row.state, row.late_reply) == (CallState.CALL_STATE_DELIVERED, None)
    assert k.s.stray("duplicate") == 1
