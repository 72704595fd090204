"""Devices for stores that want some."""

from dataclasses import replace

from trunkline.contract.ids import NO_ID, new_id
from trunkline.core.devices.model import Device, DeviceCredentials, access_token_credentials
from trunkline.core.store.devices import DeviceRows


def device(
    tenant_id: bytes, name: str, *, customer_id: bytes = NO_ID, type_name: str = "", info: bytes = b""
) -> Device:
    """A new device that is not stored yet."""
    return Device(
        id=new_id(),
        tenant_id=tenant_id,
        customer_id=customer_id,
        profile_id=NO_ID,
        name=name,
        type=type_name,
        label="",
        create_unix_ms=1_720_000_000_000,
        version=1,
        additional_info=info,
    )


async def stored(rows: DeviceRows, new: Device, token: str = "") -> Device:
    """The device, stored with an access token that is its name unless given."""
    return await rows.add(new, access_token_credentials(new, token or new.name))


async def give_token(rows: DeviceRows, device_id: bytes, token: str) -> DeviceCredentials | None:
    """Replace what the device shows by this access token, behind everybody's back."""
    credentials = await rows.find_credentials(device_id)
    assert credentials is not None
    return await rows.change_credentials(replace(credentials, credentials_id=token), 0)
