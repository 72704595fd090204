"""Device profiles, for those who may see them."""

from dataclasses import replace

import pytest
from doubles.device_rows import device, stored
from doubles.people import People
from doubles.wall_clock import WallClock

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.core.profiles.model import DeviceProfile, ProfileDetails
from trunkline.core.profiles.service import Profiles
from trunkline.core.store.pages import Page
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason

PUMP = ProfileDetails("pump")


@pytest.fixture
def profiles(store: Store, wall: WallClock) -> Profiles:
    return Profiles(store.profiles, lambda: wall.now_ms)


@pytest.fixture
def told(profiles: Profiles) -> list[tuple[DeviceProfile, DeviceProfile]]:
    changed: list[tuple[DeviceProfile, DeviceProfile]] = []
    profiles.on_changed(lambda before, after: changed.append((before, after)))
    return changed


async def test_from_creation_to_deletion(
    profiles: Profiles, people: People, wall: WallClock, told: list[tuple[DeviceProfile, DeviceProfile]]
) -> None:
    made = await profiles.create(people.admin, PUMP)
    assert made == DeviceProfile(made.id, people.tenant_id, PUMP, wall.now_ms)
    assert await profiles.get(people.admin, made.id) == made
    assert await profiles.get_by_name(people.admin, "pump") == made
    changed = await profiles.update(people.admin, made.id, replace(PUMP, description="All"), version=1)
    assert changed == replace(made, details=replace(PUMP, description="All"), version=2)
    assert told == [(made, changed)]
    await profiles.delete(people.admin, made.id)
    with pytest.raises(TrunklineError) as caught:
        await profiles.get(people.admin, made.id)
    assert (caught.value.reason, caught.value.message) == (
        ErrorReason.ERROR_REASON_NOT_FOUND,
        f"Device profile with id [{to_text(made.id)}] is not found",
    )


async def test_what_others_have_is_not_there(profiles: Profiles, people: People) -> None:
    made = await profiles.create(people.admin, PUMP)
    stranger = people.other_admin
    for attempt in (
        profiles.get(stranger, made.id),
        profiles.update(stranger, made.id, PUMP),
        profiles.make_default(stranger, made.id),
        profiles.delete(stranger, made.id),
        profiles.get_by_name(stranger, "pump"),
        profiles.get_by_name(people.admin, "pump\x00"),
    ):
        with pytest.raises(TrunklineError) as caught:
            await attempt
        assert caught.value.reason == ErrorReason.ERROR_REASON_NOT_FOUND
    assert [profile.details.name for profile in (await profiles.page(stranger, Page())).items] == ["default"]
    assert await profiles.get(people.admin, made.id) == made


async def test_users_of_a_customer_see_the_outline_and_change_nothing(profiles: Profiles, people: People) -> None:
    made = await profiles.create(people.admin, PUMP)
    customer = people.customer
    assert await profiles.get(customer, made.id, whole=False) == made
    assert await profiles.get_by_name(customer, "pump", whole=False) == made
    assert (await profiles.default(customer, whole=False)).is_default
    assert (await profiles.page(customer, Page(), whole=False)).total == 2
    for attempt in (
        profiles.create(customer, ProfileDetails("x")),
        profiles.get(customer, made.id),
        profiles.get_by_name(customer, "pump"),
        profiles.default(customer),
        profiles.page(customer, Page()),
        profiles.update(customer, made.id, PUMP),
        profiles.make_default(customer, made.id),
        profiles.delete(customer, made.id),
    ):
        with pytest.raises(TrunklineError) as caught:
            await attempt
        assert caught.value.reason == ErrorReason.ERROR_REASON_PERMISSION_DENIED


async def test_the_system_administrator_has_no_profiles(profiles: Profiles, people: People) -> None:
    for attempt in (profiles.page(people.sys_admin, Page(), whole=False), profiles.create(people.sys_admin, PUMP)):
        with pytest.raises(TrunklineError) as caught:
            await attempt
        assert caught.value.reason == ErrorReason.ERROR_REASON_PERMISSION_DENIED


async def test_another_default_profile_is_made_by_saying_so_not_by_saving(
    profiles: Profiles, people: People, told: list[tuple[DeviceProfile, DeviceProfile]]
) -> None:
    made = await profiles.create(people.admin, PUMP)
    for attempt in (
        profiles.create(people.admin, ProfileDetails("x"), is_default=True),
        profiles.update(people.admin, made.id, PUMP, is_default=True),
    ):
        with pytest.raises(TrunklineError, match="Another default device profile is present in scope of current"):
            await attempt
    assert told == []
    now = await profiles.make_default(people.admin, made.id)
    assert now == await profiles.default(people.admin) == replace(made, is_default=True, version=2)
    assert told == []  # nobody who was told of it knows which one is the default
    saved = await profiles.update(people.admin, made.id, PUMP, is_default=True)
    assert saved.is_default
    assert (await profiles.update(people.admin, made.id, PUMP)).is_default


async def test_a_change_that_fails_is_not_told(
    profiles: Profiles, people: People, store: Store, told: list[tuple[DeviceProfile, DeviceProfile]]
) -> None:
    made = await profiles.create(people.admin, PUMP)
    await profiles.update(people.admin, made.id, PUMP)
    told.clear()
    for attempt, reason in (
        (profiles.update(people.admin, made.id, PUMP, version=1), ErrorReason.ERROR_REASON_VERSION_CONFLICT),
        (profiles.update(people.admin, made.id, ProfileDetails("")), ErrorReason.ERROR_REASON_INVALID_ARGUMENT),
        (profiles.update(people.admin, made.id, ProfileDetails("default")), ErrorReason.ERROR_REASON_ALREADY_EXISTS),
        (profiles.update(people.admin, new_id(), PUMP), ErrorReason.ERROR_REASON_NOT_FOUND),
    ):
        with pytest.raises(TrunklineError) as caught:
            await attempt
        assert caught.value.reason == reason
    assert told == []
    await stored(store.devices, device(people.tenant_id, "1", type_name="pump"))
    with pytest.raises(TrunklineError, match="The device profile referenced by the devices cannot be deleted!"):
        await profiles.delete(people.admin, made.id)
