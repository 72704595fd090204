from pathlib import Path

from doubles.living_core import until
from doubles.raw_worker import raw_worker
from doubles.scene import SHORT, ended, scene

from trunkline.contract.streams.frames import CloseSession, Connect, Connected, Deliver, Subscribe, Subscribed, Withdraw
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.transport_service_pb2 import Acknowledgement, SessionKind

UNSUBSCRIBED = ErrorReason.ERROR_REASON_SESSION_SUPERSEDED


async def test_a_delivery_says_all_that_a_worker_needs(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        session = await s.worker.device("lamp")
        s.call(one_way=True, params=b'{"on":true}')
        delivered = await s.worker.next(Deliver)
        assert (delivered.session, delivered.method, delivered.params) == (session, "set", b'{"on":true}')
        assert delivered.prompt and not delivered.durable and delivered.request_id


async def test_a_delivery_that_was_not_written_is_taken_back(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        raw = await raw_worker(s.core)
        await raw.say(Connect(1, SessionKind.SESSION_KIND_ASYNCHRONOUS, 1, access_token="lamp"))
        assert isinstance(await raw.hear(), Connected)
        await raw.say(Subscribe(1, True, False, Acknowledgement.ACKNOWLEDGEMENT_IMPLIED))
        assert await raw.hear() == Subscribed(1)
        link = s.core.link("raw")
        link.end.gather = lambda now: None  # type: ignore[method-assign]  # its socket takes nothing
        call = s.call(timeout_ms=100)
        assert ended(await call) == (Outcome.OUTCOME_EXPIRED, Cause.CAUSE_DEVICE_BUSY)
        assert not list(link.end._outbox)
        await raw.wire.close()


async def test_a_delivery_that_was_written_is_withdrawn_with_a_frame(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        session = await s.worker.device("lamp")
        s.worker.network.wires[-1].deaf.set()
        call = s.call(timeout_ms=100)
        delivered = await s.worker.next(Deliver)
        assert await s.worker.next(Withdraw) == Withdraw(session, delivered.request_id)
        assert ended(await call) == (Outcome.OUTCOME_EXPIRED, Cause.CAUSE_NO_ACK_FROM_WORKER)


async def test_a_session_is_told_once_to_close(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        s.worker.obeys = False
        number = await s.worker.device("lamp")
        session = s.core.link().sessions[number]
        session.close(UNSUBSCRIBED, "first")
        session.close(UNSUBSCRIBED, "second")
        assert await s.worker.next(CloseSession) == CloseSession(number, UNSUBSCRIBED, "first")
        s.worker.disconnect(number)
        await until(lambda: not s.core.link()._ended)
        assert session.over
    assert not s.worker.has(CloseSession)
