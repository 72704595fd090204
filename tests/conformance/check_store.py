"""What every database under the store must do, whichever it is."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from doubles.device_rows import device, stored

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.devices.model import Device
from trunkline.core.identity.model import Customer, Tenant, User
from trunkline.core.profiles.model import DeviceProfile, ProfileDetails
from trunkline.core.store.pages import Page
from trunkline.core.store.revocations import Revocation
from trunkline.core.store.store import Store
from trunkline.v1.device_profile_pb2 import TransportType
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role


async def check_store(open_store: Callable[[], Awaitable[Store]]) -> None:
    """Run everything on the store that `open_store` opens; it is closed and opened again in between."""
    store = await open_store()
    first = await store.starts.next_start(0)
    tenant_id, customer_id = new_id(), new_id()
    await store.tenants.add(Tenant(tenant_id, "Tenant", 0))
    await store.customers.add(Customer(customer_id, tenant_id, "Customer", 0))
    user = User(new_id(), tenant_id, customer_id, f"{new_id().hex()}@example.com", Role.ROLE_CUSTOMER_USER, 0)
    await store.users.add(user, password_hash="hash")
    pump = await stored(store.devices, device(tenant_id, "Pump", customer_id=customer_id, info=b"{}"), new_id().hex())
    profile = await _check_profiles(store, tenant_id)
    revocation = Revocation(user.id, new_id(), 1, 1_000)
    await store.revocations.add(revocation)
    await _check_that_failures_undo(store, tenant_id)
    await _check_that_hang_ups_do_no_harm(store)
    await store.close()

    store = await open_store()
    assert await store.starts.next_start(0) > first
    assert await store.users.find_login(user.email) == (user, "hash")
    assert await store.devices.find(pump.id) == pump
    assert await store.profiles.find_default(tenant_id) == profile
    assert revocation in await store.revocations.living(0)
    await _check_that_changes_see_one_another(store, user)
    await _check_that_what_goes_takes_along_what_it_had(store, user, pump)
    await store.close()


async def _check_that_changes_see_one_another(store: Store, user: User) -> None:
    changes = [store.users.change(user.id, {"first_name": name}, user.version) for name in ("a", "b")]
    one, other = await asyncio.gather(*changes, return_exceptions=True)
    conflicts = [outcome for outcome in (one, other) if isinstance(outcome, TrunklineError)]
    assert [conflict.reason for conflict in conflicts] == [ErrorReason.ERROR_REASON_VERSION_CONFLICT]
    found = await store.users.find(user.id)
    assert found in (one, other)


async def _check_that_what_goes_takes_along_what_it_had(store: Store, user: User, pump: Device) -> None:
    departure = await store.customers.delete(user.customer_id, 0)
    assert departure.device_ids == [pump.id]
    assert await store.users.find(user.id) is None
    unassigned = await store.devices.find(pump.id)
    assert unassigned is not None
    assert not unassigned.customer_id
    assert set(departure.revocations) <= set(await store.revocations.living(0))
    departure = await store.tenants.delete(user.tenant_id, 0)
    assert pump.id in departure.device_ids
    assert await store.tenants.find(user.tenant_id) is None
    assert await store.devices.entries(departure.device_ids) == []


async def _check_profiles(store: Store, tenant_id: bytes) -> DeviceProfile:
    """What is said of profiles holds; the tenant's default one in the end."""
    new = [device(tenant_id, f"Fan {number}", type_name="fan") for number in range(4)]
    fans = await asyncio.gather(*(stored(store.devices, one, new_id().hex()) for one in new))
    (profile_id,) = {fan.profile_id for fan in fans}
    with pytest.raises(TrunklineError, match="The device profile referenced by the devices cannot be deleted!"):
        await store.profiles.delete(profile_id)
    coap = ProfileDetails("fan", transport_type=TransportType.TRANSPORT_TYPE_COAP)
    with pytest.raises(TrunklineError, match="Can't change device profile transport type because devices referenced"):
        await store.profiles.change(profile_id, coap, 0)
    for fan in fans:
        await store.devices.delete(fan.id)
    changed = await store.profiles.change(profile_id, coap, 1)
    assert changed is not None and changed[1].details == coap
    with pytest.raises(TrunklineError, match="Device profile with such name already exists!"):
        await store.profiles.change(profile_id, ProfileDetails("default"), 0)
    await store.profiles.make_default(tenant_id, profile_id)
    by_default = Page(sort_by="is_default", descending=True)
    listed = await store.profiles.page(tenant_id, by_default, ids=[profile_id, new_id()])
    assert [(one.id, one.is_default, one.version) for one in listed.items] == [(profile_id, True, 3)]
    with pytest.raises(TrunklineError, match="Deletion of Default Device Profile is prohibited!"):
        await store.profiles.delete(profile_id)
    return listed.items[0]


async def _check_that_failures_undo(store: Store, tenant_id: bytes) -> None:
    taken = new_id().hex()
    await stored(store.devices, device(tenant_id, "Valve"), taken)
    half = device(tenant_id, "Half", type_name="made for nothing")
    with pytest.raises(TrunklineError) as caught:
        await stored(store.devices, half, taken)
    assert caught.value.reason == ErrorReason.ERROR_REASON_ALREADY_EXISTS
    assert await store.devices.find(half.id) is None


async def _check_that_hang_ups_do_no_harm(store: Store) -> None:
    waiters = [asyncio.create_task(store.starts.next_start(0)) for _ in range(10)]
    await asyncio.sleep(0)
    for waiter in waiters:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    async with asyncio.timeout(10):
        assert await store.starts.next_start(0) > 0
