"""Devices, their credentials, and the short form that calls need of a device."""

from dataclasses import dataclass

from trunkline.contract.ids import new_id
from trunkline.v1.device_pb2 import CredentialsType


@dataclass(frozen=True, slots=True)
class Device:
    """A device as its owner sees it. Ids are 16 bytes, `customer_id` is empty while it is not assigned."""

    id: bytes
    tenant_id: bytes
    customer_id: bytes
    profile_id: bytes
    name: str
    type: str
    """The name of its profile."""
    label: str
    create_unix_ms: int
    version: int
    additional_info: bytes
    """JSON; empty: none."""


@dataclass(frozen=True, slots=True)
class DeviceCredentials:
    """What a device shows when it connects; `credentials_id` is unique on the whole platform."""

    id: bytes
    device_id: bytes
    type: CredentialsType.ValueType
    credentials_id: str
    credentials_value: str
    create_unix_ms: int
    version: int


def access_token_credentials(device: Device, access_token: str) -> DeviceCredentials:
    """The credentials of a new device that shows this token."""
    return DeviceCredentials(
        id=new_id(),
        device_id=device.id,
        type=CredentialsType.CREDENTIALS_TYPE_ACCESS_TOKEN,
        credentials_id=access_token,
        credentials_value="",
        create_unix_ms=device.create_unix_ms,
        version=1,
    )


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """What the calls and sessions of a device need to know of it."""

    device_id: bytes
    tenant_id: bytes
    customer_id: bytes
    """Empty: not assigned."""
    name: str
    type: str
    profile_id: bytes
    profile_version: int
    credentials_version: int
    gateway: bool
    """Its additional info says `"gateway": true`."""
