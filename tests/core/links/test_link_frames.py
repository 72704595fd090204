"""What `worker_link.py` makes of each frame of a standing link; its sessions' lives are in `test_worker_link.py`."""

from pathlib import Path
from typing import Final

from doubles.living_core import until
from doubles.raw_worker import raw_worker
from doubles.scene import Scene, ended, scene

from trunkline.contract.streams.frames import (
    Activity,
    CloseSession,
    Connect,
    Connected,
    Deliver,
    DeviceData,
    DeviceDataAnswer,
    Disconnected,
    Reply,
    ReplyStored,
    Subscribe,
    Unsubscribe,
    WorkerFrame,
)
from trunkline.contract.streams.wire import Unreadable
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.transport_service_pb2 import (
    Acknowledgement,
    DataKind,
    DisconnectCause,
    SessionKind,
)

IMPLIED: Final = Acknowledgement.ACKNOWLEDGEMENT_IMPLIED
EXPLICIT: Final = Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
ASYNCHRONOUS: Final = SessionKind.SESSION_KIND_ASYNCHRONOUS
CLIENT: Final = DisconnectCause.DISCONNECT_CAUSE_CLIENT
SUCCEEDED: Final = Outcome.OUTCOME_SUCCEEDED
SESSION_UNKNOWN: Final = ErrorReason.ERROR_REASON_SESSION_UNKNOWN


def rejected(s: Scene) -> dict[str, float]:
    (family,) = [one for one in s.core.core.counters.collect() if one.name == "trunkline_rejected_input"]
    return {sample.labels["what"]: sample.value for sample in family.samples}


async def test_a_frame_of_an_unknown_session_is_answered_once(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        raw = await raw_worker(s.core)
        await raw.say(Subscribe(9, True), Unsubscribe(9, True), Reply(9, 1, b"{}"), Disconnected(9, CLIENT))
        assert await raw.hear() == CloseSession(9, SESSION_UNKNOWN)
        await raw.say(Disconnected(8, CLIENT), Connect(10, ASYNCHRONOUS, 1, access_token="lamp"))
        assert isinstance(await raw.hear(), Connected)


async def test_a_reply_that_names_its_device_needs_no_session(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        await s.worker.device("lamp")
        call = s.call()
        delivered = await s.worker.next(Deliver)
        raw = await raw_worker(s.core)
        await raw.say(Reply(3, delivered.request_id, b"4", device_id=s.lamp, keep=True))
        assert (await call).payload == b"4"
        assert await raw.hear() == ReplyStored(3, delivered.request_id)
        await raw.say(Reply(3, 1, b"4", device_id=s.core.devices["pump"], keep=True))
        assert await raw.hear() == ReplyStored(3, 1)
        assert s.core.core._calls.runner.known(s.core.devices["pump"]) is None


async def test_a_delivery_that_could_not_be_sent_is_tried_again(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        await s.worker.device("lamp")
        s.worker.refuses = True
        call = s.call()
        await until(lambda: s.worker.deliveries)
        s.worker.refuses = False
        s.worker.reply(await s.worker.next(Deliver))
        assert (await call).outcome == SUCCEEDED
    assert len(s.worker.deliveries) == 2


async def test_a_reply_that_could_not_be_converted(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        session = await s.worker.device("lamp")
        call = s.call()
        delivered = await s.worker.next(Deliver)
        s.worker.end.send(Reply(session, delivered.request_id, b"", "no JSON"))
        result = await call
        assert ended(result) == (Outcome.OUTCOME_FAILED, Cause.CAUSE_DEVICE_TRANSPORT_ERROR)
        assert result.detail == "no JSON"


async def test_unsubscribed_devices_get_nothing(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        session = await s.worker.device("lamp")
        s.worker.end.send(Unsubscribe(session, True))
        s.worker.end.send(DeviceData(session, 1, DataKind.DATA_KIND_ATTRIBUTES_REQUEST, b"{}"))
        assert await s.worker.next(DeviceDataAnswer) == DeviceDataAnswer(session, 1, b"{}")
        result = await s.call(timeout_ms=100)
        assert ended(result) == (Outcome.OUTCOME_EXPIRED, Cause.CAUSE_DEVICE_NOT_SUBSCRIBED)


async def test_unreadable_and_failing_frames_are_counted_and_count_as_handled(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        raw = await raw_worker(s.core)
        await raw.say(Unreadable("of a future version"), LinkHelloOfNobody(0), Activity(0, (1, 2, 3)))
        await raw.say(Connect(1, ASYNCHRONOUS, 1, access_token="lamp"))
        assert isinstance(await raw.hear(), Connected)
        assert s.core.link("raw").end._numbers.handled == 4
        assert rejected(s)["link_frame"] == 2


class LinkHelloOfNobody(WorkerFrame, gc=False):
    """A frame that the core has no handler for."""


async def test_only_a_links_sessions_are_counted_as_its_own(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        await s.worker.device("lamp")
        raw = await raw_worker(s.core)
        await raw.say(Connect(1, ASYNCHRONOUS, 1, access_token="pump"))
        await raw.hear()
        assert s.core.core.links.sessions == 2
        s.core.link("raw").close_device(s.lamp, ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED)
        assert s.core.core.links.sessions == 2
        s.core.link("raw").close_device(s.core.devices["pump"], ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED)
        assert await raw.hear() == CloseSession(1, ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED)
        assert s.core.core.links.sessions == 1
