import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from doubles.device_rows import give_token
from doubles.living_core import until
from doubles.raw_worker import RawWorker, raw_worker
from doubles.scene import LONG, SHORT, Scene, ended, scene
from doubles.scripted_worker import ScriptedWorker

from trunkline.contract.streams.frames import (
    Batch,
    CallResult,
    CloseSession,
    Connect,
    Connected,
    Deliver,
    DeliveryPolicy,
    DeliveryReport,
    DeviceCall,
    DeviceCallAnswer,
    DeviceData,
    Disconnected,
    LinkHello,
    ProfileChanged,
    Refused,
    Reply,
    Resume,
    Resumed,
    Subscribe,
    Subscribed,
    Welcome,
)
from trunkline.core.devices.model import DeviceDetails
from trunkline.core.profiles.model import ProfileDetails
from trunkline.v1.call_pb2 import Outcome, Redelivery
from trunkline.v1.device_profile_pb2 import TransportType
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.transport_service_pb2 import (
    Acknowledgement,
    DataKind,
    DeliveryState,
    DisconnectCause,
    SessionKind,
)

IMPLIED: Final = Acknowledgement.ACKNOWLEDGEMENT_IMPLIED
EXPLICIT: Final = Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
ASYNCHRONOUS: Final = SessionKind.SESSION_KIND_ASYNCHRONOUS
CLIENT: Final = DisconnectCause.DISCONNECT_CAUSE_CLIENT
SUCCEEDED: Final = Outcome.OUTCOME_SUCCEEDED
SESSION_UNKNOWN: Final = ErrorReason.ERROR_REASON_SESSION_UNKNOWN


# --- sessions begin ---


async def test_frames_behind_a_connect_wait_for_it(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        s.core.hold_store()
        session = s.worker.connect("lamp")
        s.worker.subscribe(session)
        s.worker.end.send(DeviceCall(session, 7, "getTime", b"{}", 1 << 60))
        await until(lambda: session in s.core.link()._openings)
        s.core.mend_store()
        connected = await s.worker.next(Connected)
        assert (connected.device_id, connected.device_name) == (s.lamp, "lamp")
        await s.worker.next(Subscribed)
        assert (await s.worker.next(DeviceCallAnswer)).id == 7


async def test_frames_behind_a_refused_connect_are_dropped(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        raw = await raw_worker(s.core)
        await raw.say(Connect(1, ASYNCHRONOUS, 1, access_token="wrong"), Subscribe(1, True))
        refused = await raw.hear()
        assert isinstance(refused, Refused) and refused.reason == ErrorReason.ERROR_REASON_BAD_CREDENTIALS
        await raw.say(DeviceCall(1, 1, "a", b"", 1 << 60))  # had been on its way
        await raw.say(Disconnected(1, CLIENT), Connect(2, ASYNCHRONOUS, 1, access_token="pump"))
        assert isinstance(await raw.hear(), Connected)


async def test_too_much_behind_a_connect_is_refused(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        raw = await raw_worker(s.core)
        s.core.hold_store()
        data = [DeviceData(1, number, DataKind.DATA_KIND_TELEMETRY, b"x" * 65_536) for number in range(3)]
        await raw.say(Connect(1, ASYNCHRONOUS, 1, access_token="lamp"), *data)
        refused = await raw.hear()
        assert isinstance(refused, Refused) and refused.reason == ErrorReason.ERROR_REASON_QUEUE_FULL
        s.core.mend_store()
        await raw.say(Connect(2, ASYNCHRONOUS, 1, access_token="pump"))
        assert isinstance(await raw.hear(), Connected)
        assert list(s.core.link("raw").sessions) == [2]


@pytest.mark.parametrize("suspension", [SHORT, LONG])
async def test_a_connect_whose_lookup_outlasts_a_break_is_answered(tmp_path: Path, suspension: dict[str, int]) -> None:
    async with scene("memory", tmp_path, **suspension) as s:
        s.core.hold_store()
        session = s.worker.connect("lamp")
        s.worker.subscribe(session)
        await until(lambda: session in s.core.link()._openings)
        s.cut(mend=False)
        s.core.mend_store()
        await until(lambda: s.core.directory.cached(s.lamp))
        await until(lambda: suspension is SHORT or s.core.link()._suspension is None)
        s.worker.network.up.set()
        await s.worker.next(Connected)
        await s.worker.next(Subscribed)
        call = s.call()
        s.worker.reply(await s.worker.next(Deliver))
        assert (await call).outcome == SUCCEEDED


async def test_a_connected_that_was_lost_comes_again(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        s.worker.network.wires[-1].blind = True
        session = s.worker.connect("lamp")
        s.worker.subscribe(session)
        await until(lambda: session in s.core.link().sessions)
        call = s.call()
        s.cut()
        await s.worker.next(Connected)
        s.worker.reply(await s.worker.next(Deliver))
        assert (await call).outcome == SUCCEEDED


async def test_a_session_that_was_given_up_before_its_worker_heard_of_it(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **LONG) as s:
        s.worker.network.wires[-1].blind = True
        session = s.worker.connect("lamp")
        await until(lambda: session in s.core.link().sessions)
        s.cut(mend=False)
        await s.lost()
        s.worker.network.up.set()
        await s.worker.next(Connected)
        assert (await s.worker.next(CloseSession)).reason == SESSION_UNKNOWN
        await until(lambda: not s.worker.end._sessions.by_number)


async def test_a_profile_is_told_once_per_link(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        s.worker.connect("lamp")
        first = await s.worker.next(Connected)
        s.worker.connect("pump")
        second = await s.worker.next(Connected)
        assert first.profile is not None and first.profile.profile_id == first.profile_id == second.profile_id
        assert second.profile is None
        s.cut()
        assert (await s.worker.next(ProfileChanged)).profile == first.profile
        s.worker.connect("door")
        assert (await s.worker.next(Connected)).profile is None


async def test_a_changed_profile_is_told_to_those_who_know_it(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        raw = await raw_worker(s.core)
        s.worker.connect("lamp")
        told = (await s.worker.next(Connected)).profile
        assert told is not None
        await described(s, "lamp", description="Another")
        changed = (await s.worker.next(ProfileChanged)).profile
        assert (changed.profile_id, changed.version) == (told.profile_id, 2)
        await raw.say(Connect(2, ASYNCHRONOUS, 1, access_token="pump"))
        connected = await raw.hear()
        assert isinstance(connected, Connected) and connected.profile == changed


async def test_a_profile_that_changed_while_the_link_was_down_is_told(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        s.worker.connect("lamp")
        await s.worker.next(Connected)
        s.cut(mend=False)
        await until(lambda: s.core.link()._down)
        await described(s, "lamp", description="Another")
        s.worker.network.up.set()
        assert (await s.worker.next(ProfileChanged)).profile.version == 2


async def test_a_core_that_never_knew_a_session_tells_its_profile(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        raw = await raw_worker(s.core, resume(5, s.lamp))
        s.call()
        assert isinstance(await raw.hear(), Deliver)
        (profile,) = raw.profiles
        assert profile.profile_id == (await s.core.core.devices.get(s.core.people.admin, s.lamp)).profile_id


async def test_a_profile_for_another_transport_keeps_its_devices_out(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        coap = ProfileDetails("coap", transport_type=TransportType.TRANSPORT_TYPE_COAP)
        await s.core.core.profiles.create(s.core.people.admin, coap)
        session = await s.worker.device("lamp")
        await moved(s, "lamp", "coap")
        closed = await s.worker.next(CloseSession)
        assert (closed.session, closed.reason) == (session, SESSION_UNKNOWN)
        again = s.worker.connect("lamp")
        refused = await s.worker.next(Refused)
        assert (refused.session, refused.reason) == (again, ErrorReason.ERROR_REASON_NOT_SUPPORTED)
        await moved(s, "lamp", "default")
        s.worker.connect("lamp")
        await s.worker.next(Connected)


async def test_a_device_that_keeps_its_profile_keeps_its_session(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        session = await s.worker.device("lamp")
        await moved(s, "lamp", "default")
        call = s.call()
        delivered = await s.worker.next(Deliver)
        assert delivered.session == session
        s.worker.reply(delivered)
        assert (await call).outcome == SUCCEEDED


@pytest.mark.parametrize(
    ("of_profile", "of_call", "again"),
    [
        (Redelivery.REDELIVERY_UNSPECIFIED, None, True),
        (Redelivery.REDELIVERY_NEVER, None, False),
        (Redelivery.REDELIVERY_NEVER, Redelivery.REDELIVERY_UNANSWERED, True),
        (Redelivery.REDELIVERY_NEVER, Redelivery.REDELIVERY_UNSPECIFIED, False),
        (Redelivery.REDELIVERY_UNANSWERED, Redelivery.REDELIVERY_NEVER, False),
        (Redelivery.REDELIVERY_UNDELIVERED, None, False),
    ],
)
async def test_the_profile_says_what_comes_again_unless_the_call_does(
    tmp_path: Path, of_profile: Redelivery.ValueType, of_call: Redelivery.ValueType | None, again: bool
) -> None:
    async with scene("memory", tmp_path) as s:
        session = await s.worker.device("lamp")
        s.worker.reply(await delivered_to(s, s.call()))  # the device is known to the core from now on
        await described(s, "lamp", redelivery=of_profile)
        call = s.call(policy=None if of_call is None else DeliveryPolicy(redelivery=of_call))
        delivered = await delivered_to(s, call)
        s.worker.disconnect(session)
        await s.worker.device("lamp")
        marker = s.call(params=b"2")
        following = await s.worker.next(Deliver)
        if again:
            assert following.request_id == delivered.request_id
            following = await s.worker.next(Deliver)
        assert following.params == b"2"
        s.worker.reply(following)
        s.worker.end.send(Reply(following.session, delivered.request_id, b"{}"))
        assert (await call).outcome == (await marker).outcome == SUCCEEDED


async def delivered_to(s: Scene, call: asyncio.Future[CallResult]) -> Deliver:
    """What the device gets of a call, which waits for its reply."""
    delivered = await s.worker.next(Deliver)
    assert not call.done()
    return delivered


async def described(s: Scene, token: str, **details: Any) -> None:
    """Change the profile of a device."""
    admin = s.core.people.admin
    device = await s.core.core.devices.get(admin, s.core.devices[token])
    profile = await s.core.core.profiles.get(admin, device.profile_id)
    await s.core.core.profiles.update(admin, profile.id, replace(profile.details, **details))


async def moved(s: Scene, token: str, type_name: str) -> None:
    """Give a device another profile."""
    await s.core.core.devices.update(s.core.people.admin, s.core.devices[token], DeviceDetails(token, type=type_name))


async def test_the_limit_of_sessions_is_settable(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, max_sessions_per_device=2, **SHORT) as s:
        sessions = [await s.worker.device("lamp") for _ in range(3)]
        assert (await s.worker.next(CloseSession)).session == sessions[0]
        call = s.call()
        both = [await s.worker.next(Deliver) for _ in range(2)]
        assert {one.session for one in both} == set(sessions[1:])
        s.worker.reply(both[1], b"first")
        assert (await call).payload == b"first"


# --- sessions go on ---


async def test_a_core_that_never_knew_a_session_resumes_it(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        raw = await raw_worker(s.core, resume(5, s.lamp, open=(77,)))
        call = s.call()
        delivered = await raw.hear()
        assert isinstance(delivered, Deliver) and delivered.session == 5
        await raw.say(Reply(5, delivered.request_id, b"2"))
        assert (await call).payload == b"2"


def resume(session: int, device_id: bytes, *, open: tuple[int, ...] = (), version: int = 1) -> Resume:
    return Resume(session, device_id, 1, ASYNCHRONOUS, True, False, IMPLIED, 16, version, open=open)


async def test_a_resume_is_refused_for_other_credentials_or_none(tmp_path: Path) -> None:
    async with scene("memory", tmp_path) as s:
        raw = await raw_worker(s.core, resume(1, s.lamp, version=7))
        assert await raw.hear() == CloseSession(
            1, ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED, "The device's credentials were changed"
        )
        raw = await raw_worker(s.core, resume(1, b"?" * 16), name="another")
        assert await raw.hear() == CloseSession(1, ErrorReason.ERROR_REASON_DEVICE_DELETED, "The device was deleted")


async def test_a_fresh_session_survives_a_list_that_is_still_being_looked_up(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        s.core.directory.forget(s.lamp)
        s.core.break_store()
        s.cut()
        await s.worker.relinked()
        await until(lambda: 1 in s.core.link()._openings)
        s.core.mend_store()
        fresh = s.worker.connect("pump")
        await s.worker.next(Connected)
        await until(lambda: 1 not in s.core.link()._openings)
        assert set(s.core.link().sessions) == {1, fresh}
    assert not s.worker.has(CloseSession)


async def test_a_session_that_the_list_does_not_name_is_over(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        raw = await raw_worker(s.core, resume(1, s.lamp), resume(2, s.core.devices["pump"]))
        await until(lambda: len(s.core.link("raw").sessions) == 2)
        core_id = s.core.core.core_id
        again = RawWorker(await s.core.links().connect())
        await again.say(LinkHello(0, "raw", b"i" * 16, "mqtt", core_id))
        assert isinstance(await again.hear(), Welcome)
        await again.say(resume(2, s.core.devices["pump"]), Resumed(0))
        await until(lambda: set(s.core.link("raw").sessions) == {2})
        assert s.core.core._calls.runner.known(s.lamp) is None
        await raw.wire.close()


async def test_reports_behind_a_resume_come_after_it(tmp_path: Path) -> None:
    # Otherwise its list of open deliveries would take slots that the reports have freed.
    async with scene("memory", tmp_path, **SHORT) as s:
        await s.worker.device("lamp", EXPLICIT, max_inflight=1)
        first = s.call()
        delivered = await s.worker.next(Deliver)
        s.core.directory.forget(s.lamp)
        s.core.break_store()
        s.cut()
        await s.worker.relinked()
        s.worker.report(delivered, DeliveryState.DELIVERY_STATE_DELIVERED)
        second = s.call(one_way=True)  # its device cannot be looked up
        assert (await second).reason == ErrorReason.ERROR_REASON_STORE_UNAVAILABLE
        await until(lambda: s.core.link()._openings._openings[1].behind)
        s.core.mend_store()
        third = s.call()
        s.worker.reply(await s.worker.next(Deliver))
        assert (await third).outcome == SUCCEEDED
        s.worker.reply(delivered)
        assert (await first).outcome == SUCCEEDED


async def test_a_session_that_may_not_go_on_still_tells_what_it_did(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        session = await s.worker.device("lamp")
        s.worker.network.wires[-1].deaf.set()
        call = s.call(one_way=True)
        await s.worker.next(Deliver)
        await give_token(s.core.core._store.devices, s.lamp, "another")  # and nobody heard of it
        s.core.directory.forget(s.lamp)
        s.core.hold_store()
        s.cut()
        await s.worker.relinked()
        await until(lambda: session in s.core.link()._openings and s.core.link()._openings._openings[session].behind)
        s.core.mend_store()
        assert (await s.worker.next(CloseSession)).reason == ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED
        assert (await call).outcome == Outcome.OUTCOME_SENT
        await until(lambda: not s.core.link()._ended)


# --- sessions end ---


async def test_a_session_that_ended_with_an_unacked_delivery_still_gets_its_ack(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        raw = await raw_worker(s.core, resume(1, s.lamp))
        call = s.call(one_way=True)
        delivered = await raw.hear()
        assert isinstance(delivered, Deliver)
        await raw.say(Disconnected(1, CLIENT))
        await until(lambda: not s.core.link("raw").sessions)
        assert s.core.link("raw")._ended
        await raw.wire.write(Batch([], 0, 2))  # the first frame was about a profile
        assert ended(await call) == (Outcome.OUTCOME_SENT, Cause.CAUSE_UNSPECIFIED)
        assert not s.core.link("raw")._ended


async def test_a_delivery_that_crosses_its_sessions_end_waits_for_the_next_subscription(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        raw = await raw_worker(s.core, resume(1, s.lamp))
        call = s.call()
        delivered = await raw.hear()
        assert isinstance(delivered, Deliver)
        await raw.say(Disconnected(1, CLIENT))
        report = DeliveryReport(1, delivered.request_id, DeliveryState.DELIVERY_STATE_NOT_SENT)
        await raw.wire.write(Batch([report], 0, 1))
        await until(lambda: not s.core.link("raw")._ended)
        await s.worker.device("lamp")
        again = await s.worker.next(Deliver)
        assert again.request_id == delivered.request_id
        s.worker.reply(again)
        assert (await call).outcome == SUCCEEDED
        await raw.wire.close()


async def test_a_new_incarnation_ends_the_sessions_of_the_former_at_once(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        await s.worker.kill()
        async with ScriptedWorker(s.core.links()) as successor:
            await successor.relinked()
            assert not s.core.core.links.sessions
            assert s.core.core._calls.runner.known(s.lamp) is None


async def test_a_suspended_session_is_closed_when_its_time_is_over(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **LONG) as s:
        await s.worker.device("lamp")
        s.cut(mend=False)
        await s.lost()
        assert s.core.core._calls.runner.known(s.lamp) is None


async def test_the_clock_of_a_suspension_starts_anew_at_each_break(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        await s.worker.device("lamp")
        for _ in range(3):
            s.cut(mend=False)
            await until(lambda: s.core.link()._suspension)
            s.worker.network.up.set()
            await s.worker.relinked()
            assert s.core.link()._suspension is None
