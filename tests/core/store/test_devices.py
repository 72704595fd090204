"""Devices, profiles and credentials as rows."""

from dataclasses import replace

import pytest
from doubles.device_rows import device, stored
from doubles.people import People

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.devices.model import access_token_credentials
from trunkline.core.store.database import IN_LIMIT
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason


async def test_a_device_comes_back_as_stored(store: Store, people: People) -> None:
    new = device(people.tenant_id, "Pump", customer_id=people.customer_id, info=b'{"a":1}')
    kept = await stored(store.devices, new)
    assert kept == replace(new, type="default", profile_id=kept.profile_id)
    assert await store.devices.find(new.id) == kept
    assert await store.devices.find_by_name(people.tenant_id, "Pump") == kept
    assert await store.devices.find_by_name(people.other_tenant_id, "Pump") is None
    assert await store.devices.find(new_id()) is None


async def test_a_type_is_a_profile_made_when_needed(store: Store, people: People) -> None:
    first = await stored(store.devices, device(people.tenant_id, "1", type_name="pump"))
    second = await stored(store.devices, device(people.tenant_id, "2", type_name="pump"))
    assert first.profile_id == second.profile_id
    by_id = await stored(store.devices, replace(device(people.tenant_id, "3"), profile_id=first.profile_id))
    assert by_id.type == "pump"
    elsewhere = await stored(store.devices, device(people.other_tenant_id, "1", type_name="pump"), "other")
    assert elsewhere.profile_id != first.profile_id


async def test_a_profile_of_another_tenant_does_not_exist(store: Store, people: People) -> None:
    theirs = await stored(store.devices, device(people.other_tenant_id, "1"))
    with pytest.raises(TrunklineError, match="Device is referencing non existing device profile!"):
        await stored(store.devices, replace(device(people.tenant_id, "2"), profile_id=theirs.profile_id))


async def test_a_customer_of_another_tenant_does_not_exist(store: Store, people: People) -> None:
    with pytest.raises(TrunklineError, match=r"Customer with id \[.*\] is not found") as caught:
        await stored(store.devices, device(people.other_tenant_id, "1", customer_id=people.customer_id))
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT


async def test_names_are_unique_in_a_tenant_and_tokens_everywhere(store: Store, people: People) -> None:
    await stored(store.devices, device(people.tenant_id, "Pump"), "token")
    with pytest.raises(TrunklineError, match="Device with such name already exists!"):
        await stored(store.devices, device(people.tenant_id, "Pump"), "another")
    other = device(people.other_tenant_id, "Pump")
    with pytest.raises(TrunklineError, match="Device credentials are already assigned to another device!") as caught:
        await stored(store.devices, other, "token")
    assert caught.value.reason == ErrorReason.ERROR_REASON_ALREADY_EXISTS
    assert await store.devices.find(other.id) is None  # both or neither
    await stored(store.devices, other, "another")


async def test_credentials_are_replaced_in_place(store: Store, people: People) -> None:
    new = device(people.tenant_id, "Pump")
    credentials = access_token_credentials(new, "old")
    await store.devices.add(new, credentials)
    assert await store.devices.find_credentials(new.id) == credentials
    expected = replace(credentials, credentials_id="new", version=2)
    assert await store.devices.replace_token(new.id, "new") == expected
    assert await store.devices.find_credentials(new.id) == expected
    assert await store.devices.replace_token(new_id(), "another") is None
    await stored(store.devices, device(people.tenant_id, "Valve"), "taken")
    with pytest.raises(TrunklineError, match="Device credentials are already assigned to another device!"):
        await store.devices.replace_token(new.id, "taken")


async def test_a_deleted_device_takes_its_credentials_along(store: Store, people: People) -> None:
    new = await stored(store.devices, device(people.tenant_id, "Pump"), "token")
    await store.devices.delete(new.id)
    assert await store.devices.find(new.id) is None
    assert await store.devices.find_credentials(new.id) is None
    await stored(store.devices, device(people.tenant_id, "Pump"), "token")


async def test_entries_say_what_calls_need(store: Store, people: People) -> None:
    pump = await stored(store.devices, device(people.tenant_id, "Pump", customer_id=people.customer_id))
    gateway = await stored(store.devices, device(people.tenant_id, "Gate", info=b'{"gateway":true}'))
    odd = await stored(store.devices, device(people.tenant_id, "Odd", info=b'{"gateway":"yes"}'))
    await store.devices.replace_token(pump.id, "other")
    entries = {entry.name: entry for entry in await store.devices.entries([pump.id, gateway.id, odd.id, new_id()])}
    assert [entry.gateway for entry in entries.values()].count(True) == 1
    assert entries["Gate"].gateway
    assert entries["Pump"].device_id == pump.id
    assert entries["Pump"].tenant_id == people.tenant_id
    assert entries["Pump"].customer_id == people.customer_id
    assert entries["Gate"].customer_id == b""
    assert entries["Pump"].type == "default"
    assert entries["Pump"].profile_id == pump.profile_id
    assert entries["Pump"].profile_version == 1
    assert entries["Pump"].credentials_version == 2


async def test_entries_are_found_by_token_however_many(store: Store, people: People) -> None:
    pump = await stored(store.devices, device(people.tenant_id, "Pump"), "token")
    asked = {f"nobody {number}" for number in range(2 * IN_LIMIT)} | {"token", "TOKEN"}
    found = await store.devices.entries_by_token(asked)
    assert {token: entry.device_id for token, (_, entry) in found.items()} == {"token": pump.id}
    assert await store.devices.entries_by_token(()) == {}
