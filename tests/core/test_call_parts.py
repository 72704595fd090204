"""What stored calls need of all parts together: they outlive cores."""

from dataclasses import replace
from pathlib import Path

from doubles.living_core import until
from doubles.scene import SHORT, scene

from trunkline.contract.streams.frames import Deliver, DeliveryPolicy, Persistence
from trunkline.core.calls.model import Strategy
from trunkline.v1.call_pb2 import SubmitStrategy

SUBMIT = Persistence()


async def test_settings_reach_the_calls(tmp_path: Path) -> None:
    settings = {"submit_strategy": "SEQUENTIAL_ON_ACK_FROM_DEVICE", "max_retries": 2, **SHORT}
    async with scene("memory", tmp_path, **settings) as s:
        ids = [(await s.call(persistence=SUBMIT, retries=retries)).call_id for retries in (None, 1, 9)]
        calls = [s.core.core._calls.runner.living_call(s.core.people.tenant_id, call_id) for call_id in ids]
        keepings = [call.keeping for call in calls if call is not None and call.keeping is not None]
        assert [keeping.max_retries for keeping in keepings] == [2, 1, 2]
        assert {keeping.strategy for keeping in keepings} == {Strategy.ON_ACK}


async def test_a_profiles_strategy_holds_for_the_calls_after_its_change(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        before = (await s.call(persistence=SUBMIT)).call_id
        admin, profiles = s.core.people.admin, s.core.core.profiles
        device = await s.core.core.devices.get(admin, s.lamp)
        profile = await profiles.get(admin, device.profile_id)
        strategy = SubmitStrategy.SUBMIT_STRATEGY_SEQUENTIAL_ON_RESPONSE_FROM_DEVICE
        await profiles.update(admin, profile.id, replace(profile.details, submit_strategy=strategy))
        after = (await s.call(persistence=SUBMIT)).call_id
        burst = DeliveryPolicy(strategy=SubmitStrategy.SUBMIT_STRATEGY_BURST)
        own = (await s.call(persistence=SUBMIT, policy=burst)).call_id
        strategies = []
        for call_id in (before, after, own):
            call = s.core.core._calls.runner.living_call(s.core.people.tenant_id, call_id)
            assert call is not None and call.keeping is not None
            strategies.append(call.keeping.strategy)
        assert strategies == [Strategy.BURST, Strategy.ON_RESPONSE, Strategy.BURST]


async def test_an_ended_core_leaves_no_timer(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, **SHORT) as s:
        await s.call(persistence=SUBMIT)
        await s.core.stop()
        timer = s.core.core._calls.runner._timer
        assert timer is not None and timer.cancelled()


async def test_ended_calls_are_removed_when_they_are_old(tmp_path: Path) -> None:
    async with scene("memory", tmp_path, call_ttl_days=1e-9, cleanup_interval_s=0.01, **SHORT) as s:
        await s.worker.device("lamp")
        await s.call(persistence=SUBMIT)
        s.worker.reply(await s.worker.next(Deliver))
        await until(lambda: s.core.core._calls._cleaner.removed)
