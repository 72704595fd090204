"""Devices, their credentials, and the short form that calls need of a device."""

from dataclasses import dataclass
from typing import Final

from trunkline.contract.ids import NO_ID, new_id
from trunkline.core.calls.model import Redelivery, Strategy
from trunkline.core.presence.model import NEVER, Presence
from trunkline.v1.device_pb2 import CredentialsType
from trunkline.v1.device_profile_pb2 import TransportType


@dataclass(frozen=True, slots=True)
class DeviceDetails:
    """What somebody says of a device; everything but the name may be left empty."""

    name: str
    """Unique in its tenant."""
    type: str = ""
    """The name of its profile, which is made if need be. Empty: the tenant's default one."""
    profile_id: bytes = NO_ID
    """Goes before `type`."""
    label: str = ""
    customer_id: bytes = NO_ID
    additional_info: bytes = b""
    """JSON; empty: none."""


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
    customer_title: str = ""
    customer_is_public: bool = False
    presence: Presence = NEVER
    transport_type: TransportType.ValueType = TransportType.TRANSPORT_TYPE_DEFAULT
    """Of its profile."""


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """Which devices a list is about; what is empty or None does not ask."""

    customer_id: bytes = NO_ID
    type: str = ""
    profile_id: bytes = NO_ID
    active: bool | None = None
    ids: frozenset[bytes] = frozenset()


EVERY_DEVICE: Final = DeviceFilter()


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
    credentials_version: int
    gateway: bool
    """Its additional info says `"gateway": true`."""
    redelivery: Redelivery = Redelivery.UNANSWERED
    """Of calls that do not say it themselves, as the next one."""
    strategy: Strategy | None = None
    """None: as the server says."""


@dataclass(frozen=True, slots=True)
class KnownCredentials:
    """Stored credentials, and the device that shows them."""

    type: CredentialsType.ValueType
    credentials_id: str
    credentials_value: str
    entry: DeviceEntry
