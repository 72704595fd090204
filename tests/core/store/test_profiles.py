"""Device profiles as rows."""

import asyncio
from dataclasses import replace

import pytest
from doubles.device_rows import device, stored
from doubles.people import NOW_MS, People

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.profiles.model import DeviceProfile, ProfileDetails
from trunkline.core.store.pages import Page
from trunkline.core.store.store import Store
from trunkline.v1.call_pb2 import Redelivery, SubmitStrategy
from trunkline.v1.device_profile_pb2 import TransportType
from trunkline.v1.error_pb2 import ErrorReason

FULL = ProfileDetails(
    name="pump",
    description="All of them",
    image="data:image/png;base64,AAAA",
    transport_type=TransportType.TRANSPORT_TYPE_MQTT,
    mqtt_telemetry_topic="t/+",
    mqtt_attributes_topic="a/+",
    mqtt_attributes_subscribe_topic="s/#",
    mqtt_acknowledge_invalid=True,
    submit_strategy=SubmitStrategy.SUBMIT_STRATEGY_BURST,
    redelivery=Redelivery.REDELIVERY_NEVER,
    calls_through_rule_chain=True,
    deadline_in_body=True,
    default_rule_chain_id=new_id(),
    default_dashboard_id=new_id(),
    default_queue_name="Main",
    extra=b'{"alarms":[]}',
)


async def added(store: Store, tenant_id: bytes, details: ProfileDetails) -> DeviceProfile:
    profile = DeviceProfile(new_id(), tenant_id, details, NOW_MS)
    await store.profiles.add(profile)
    return profile


async def default_of(store: Store, tenant_id: bytes) -> DeviceProfile:
    profile = await store.profiles.find_default(tenant_id)
    assert profile is not None
    return profile


@pytest.mark.parametrize("details", [FULL, ProfileDetails("bare")])
async def test_a_profile_comes_back_as_stored(store: Store, people: People, details: ProfileDetails) -> None:
    profile = await added(store, people.tenant_id, details)
    assert await store.profiles.find(profile.id) == profile
    assert await store.profiles.find_by_name(people.tenant_id, details.name) == profile
    assert await store.profiles.find_by_name(people.other_tenant_id, details.name) is None
    assert await store.profiles.find_many([profile.id, new_id()]) == [profile]
    assert await store.profiles.find(new_id()) is None


async def test_a_tenant_begins_with_a_default_profile(store: Store, people: People) -> None:
    profile = await default_of(store, people.tenant_id)
    assert (profile.details.name, profile.is_default, profile.version) == ("default", True, 1)
    assert await store.profiles.find_default(new_id()) is None


async def test_names_are_unique_in_a_tenant(store: Store, people: People) -> None:
    profile = await added(store, people.tenant_id, FULL)
    with pytest.raises(TrunklineError, match="Device profile with such name already exists!") as caught:
        await added(store, people.tenant_id, FULL)
    assert caught.value.reason == ErrorReason.ERROR_REASON_ALREADY_EXISTS
    with pytest.raises(TrunklineError, match="Device profile with such name already exists!"):
        await store.profiles.change(profile.id, replace(FULL, name="default"), 0)
    await added(store, people.other_tenant_id, FULL)


async def test_a_change_replaces_the_details_and_counts(store: Store, people: People) -> None:
    profile = await added(store, people.tenant_id, FULL)
    renamed = ProfileDetails("valve")
    second = replace(profile, details=renamed, version=2)
    assert await store.profiles.change(profile.id, renamed, 1) == (profile, second)
    with pytest.raises(TrunklineError, match="Device profile was already changed by someone else"):
        await store.profiles.change(profile.id, FULL, 1)
    assert await store.profiles.change(profile.id, FULL, 0) == (second, replace(profile, version=3))
    assert await store.profiles.change(new_id(), ProfileDetails("x"), 1) is None


async def test_devices_keep_the_transport_type_of_their_profile(store: Store, people: People) -> None:
    profile = await added(store, people.tenant_id, FULL)
    await stored(store.devices, device(people.tenant_id, "1", type_name="pump"))
    other = replace(FULL, transport_type=TransportType.TRANSPORT_TYPE_COAP)
    with pytest.raises(TrunklineError, match="Can't change device profile transport type because devices referenced"):
        await store.profiles.change(profile.id, other, 0)
    assert await store.profiles.find(profile.id) == profile
    assert await store.profiles.change(profile.id, replace(FULL, description=""), 0) is not None


async def test_one_profile_is_the_default_one(store: Store, people: People) -> None:
    first, second = await default_of(store, people.tenant_id), await added(store, people.tenant_id, FULL)
    elsewhere = await default_of(store, people.other_tenant_id)
    now_second = replace(second, is_default=True, version=2)
    for profile_id in (second.id, second.id, new_id()):
        await store.profiles.make_default(people.tenant_id, profile_id)
        assert await default_of(store, people.tenant_id) == now_second
        assert await store.profiles.find(first.id) == replace(first, is_default=False, version=2)
    assert await default_of(store, people.other_tenant_id) == elsewhere


async def test_what_is_in_use_is_not_deleted(store: Store, people: People) -> None:
    with pytest.raises(TrunklineError, match="Deletion of Default Device Profile is prohibited!"):
        await store.profiles.delete((await default_of(store, people.tenant_id)).id)
    profile = await added(store, people.tenant_id, FULL)
    pump = await stored(store.devices, device(people.tenant_id, "1", type_name="pump"))
    with pytest.raises(
        TrunklineError, match="The device profile referenced by the devices cannot be deleted!"
    ) as caught:
        await store.profiles.delete(profile.id)
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    await store.devices.delete(pump.id)
    assert await store.profiles.delete(profile.id)
    assert not await store.profiles.delete(profile.id)


async def test_a_list_is_of_one_tenant_and_of_what_was_asked(store: Store, people: People) -> None:
    pump = await added(store, people.tenant_id, FULL)
    valve = await added(store, people.tenant_id, ProfileDetails("Valve"))
    await added(store, people.other_tenant_id, ProfileDetails("theirs"))
    by_name = Page(sort_by="name")
    everything = await store.profiles.page(people.tenant_id, by_name)
    assert (everything.total, len(everything.items)) == (3, 3)
    assert (await store.profiles.page(people.tenant_id, Page(text_search="VAL"))).items == [valve]
    mqtt = await store.profiles.page(
        people.tenant_id, by_name, transport_type=TransportType.TRANSPORT_TYPE_MQTT, ids=[pump.id, valve.id]
    )
    assert (mqtt.items, mqtt.total) == ([pump], 1)
    assert (await store.profiles.page(people.tenant_id, by_name, ids=[valve.id, new_id()])).items == [valve]


@pytest.mark.parametrize("sort_by", ["create_time", "name", "transport_type", "description", "is_default"])
async def test_a_list_is_sorted_by_what_the_contract_names(store: Store, people: People, sort_by: str) -> None:
    pump = DeviceProfile(new_id(), people.tenant_id, replace(FULL, description="A"), NOW_MS - 1)
    await store.profiles.add(pump)
    default = await default_of(store, people.tenant_id)
    found = await store.profiles.page(people.tenant_id, Page(sort_by=sort_by, descending=True))
    default_first = sort_by in ("create_time", "description", "is_default")
    assert found.items == ([default, pump] if default_first else [pump, default])


async def test_a_device_without_a_type_gets_the_default_profile(store: Store, people: People) -> None:
    default = await default_of(store, people.tenant_id)
    kept = await stored(store.devices, device(people.tenant_id, "1"))
    assert (kept.profile_id, kept.type) == (default.id, "default")
    pump = await added(store, people.tenant_id, FULL)
    await store.profiles.make_default(people.tenant_id, pump.id)
    assert (await stored(store.devices, device(people.tenant_id, "2"))).type == "pump"
    assert (await stored(store.devices, device(people.tenant_id, "3", type_name="default"))).profile_id == default.id


async def test_an_unknown_type_becomes_a_profile_once(store: Store, people: People) -> None:
    kept = await stored(store.devices, device(people.tenant_id, "1", type_name="valve"))
    again = await stored(store.devices, device(people.tenant_id, "2", type_name="valve"))
    assert kept.profile_id == again.profile_id
    profile = await store.profiles.find(kept.profile_id)
    assert profile is not None
    assert (profile.details.name, profile.is_default) == ("valve", False)


async def test_devices_of_a_new_type_that_come_together_share_its_profile(store: Store, people: People) -> None:
    new = [device(people.tenant_id, str(number), type_name="valve") for number in range(4)]
    kept = await asyncio.gather(*(stored(store.devices, one) for one in new))
    assert len({one.profile_id for one in kept}) == 1


async def test_an_id_goes_before_a_type_and_stays_in_its_tenant(store: Store, people: People) -> None:
    profile = await added(store, people.tenant_id, FULL)
    named = replace(device(people.tenant_id, "1", type_name="something else"), profile_id=profile.id)
    assert (await stored(store.devices, named)).type == "pump"
    foreign = replace(device(people.other_tenant_id, "1"), profile_id=profile.id)
    with pytest.raises(TrunklineError, match="Device is referencing non existing device profile!") as caught:
        await stored(store.devices, foreign)
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    with pytest.raises(TrunklineError, match="Device profile name should be specified!"):
        await stored(store.devices, device(people.tenant_id, "2", type_name="  "))
