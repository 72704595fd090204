"""How devices, credentials and short forms of devices are read from their rows."""

from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Row, Select, func, select

from trunkline.contract.ids import NO_ID
from trunkline.core.calls.model import REDELIVERY, STRATEGY
from trunkline.core.devices.model import Device, DeviceCredentials, DeviceEntry, DeviceFilter, KnownCredentials
from trunkline.core.store.presence import presence
from trunkline.core.store.tables import customers, device_credentials, device_presence, device_profiles, devices
from trunkline.v1.device_pb2 import CredentialsType
from trunkline.v1.device_profile_pb2 import TransportType

Query = Select[*tuple[Any, ...]]

DEVICES: Final[Query] = (
    select(
        devices,
        device_profiles.c.name.label("type"),
        device_profiles.c.transport_type,
        customers.c.title.label("customer_title"),
        customers.c.is_public.label("customer_is_public"),
        device_presence.c.connected,
        device_presence.c.last_connect_unix_ms,
        device_presence.c.last_disconnect_unix_ms,
        device_presence.c.last_activity_unix_ms,
    )
    .select_from(devices)
    .join(device_profiles, device_profiles.c.id == devices.c.profile_id)
    .outerjoin(customers, customers.c.id == devices.c.customer_id)
    .outerjoin(device_presence, device_presence.c.device_id == devices.c.id)
)

ENTRIES: Final[Query] = (
    select(
        devices.c.id,
        devices.c.tenant_id,
        devices.c.customer_id,
        devices.c.profile_id,
        devices.c.name,
        devices.c.additional_info,
        device_profiles.c.name.label("type"),
        device_profiles.c.redelivery,
        device_profiles.c.submit_strategy,
        device_credentials.c.version.label("credentials_version"),
        device_credentials.c.type.label("credentials_type"),
        device_credentials.c.credentials_id,
        device_credentials.c.credentials_value,
    )
    .select_from(devices)
    .join(device_profiles, device_profiles.c.id == devices.c.profile_id)
    .join(device_credentials, device_credentials.c.device_id == devices.c.id)
)


def active(active_since: int) -> ColumnElement[bool]:
    """Whether a device was heard of after that time, in Unix milliseconds."""
    return func.coalesce(device_presence.c.last_activity_unix_ms, 0) > active_since


def sortable(active_since: int) -> dict[str, ColumnElement[Any]]:
    """What a list of devices can be sorted by."""
    return {
        "create_time": devices.c.create_unix_ms,
        "name": devices.c.name,
        "type": device_profiles.c.name,
        "label": devices.c.label,
        "customer_title": func.coalesce(customers.c.title, ""),
        "active": active(active_since),
    }


def filtered(query: Query, only: DeviceFilter, active_since: int) -> Query:
    """`query` on DEVICES for those that pass the filter."""
    if only.customer_id:
        query = query.where(devices.c.customer_id == only.customer_id)
    if only.type:
        query = query.where(device_profiles.c.name == only.type)
    if only.profile_id:
        query = query.where(devices.c.profile_id == only.profile_id)
    if only.active is not None:
        query = query.where(active(active_since) if only.active else ~active(active_since))
    return query.where(devices.c.id.in_(only.ids)) if only.ids else query


def device_of(row: Row[*tuple[Any, ...]], active_since: int) -> Device:
    """The device in a row of DEVICES."""
    return Device(
        id=row.id,
        tenant_id=row.tenant_id,
        customer_id=row.customer_id or NO_ID,
        profile_id=row.profile_id,
        name=row.name,
        type=row.type,
        label=row.label,
        create_unix_ms=row.create_unix_ms,
        version=row.version,
        additional_info=row.additional_info,
        customer_title=row.customer_title or "",
        customer_is_public=bool(row.customer_is_public),
        presence=presence(row, active_since),
        transport_type=TransportType.ValueType(row.transport_type),
    )


def credentials_of(row: Row[*tuple[Any, ...]]) -> DeviceCredentials:
    """The credentials in a row of their table."""
    return DeviceCredentials(
        id=row.id,
        device_id=row.device_id,
        type=CredentialsType.ValueType(row.type),
        credentials_id=row.credentials_id,
        credentials_value=row.credentials_value,
        create_unix_ms=row.create_unix_ms,
        version=row.version,
    )


def entry_of(row: Row[*tuple[Any, ...]]) -> DeviceEntry:
    """The short form of the device in a row of ENTRIES."""
    return DeviceEntry(
        device_id=row.id,
        tenant_id=row.tenant_id,
        customer_id=row.customer_id or NO_ID,
        name=row.name,
        type=row.type,
        profile_id=row.profile_id,
        credentials_version=row.credentials_version,
        gateway=_is_gateway(row.additional_info),
        redelivery=REDELIVERY[row.redelivery],
        strategy=STRATEGY.get(row.submit_strategy),
    )


def known_of(row: Row[*tuple[Any, ...]]) -> KnownCredentials:
    """The credentials, with their device, in a row of ENTRIES."""
    return KnownCredentials(
        type=CredentialsType.ValueType(row.credentials_type),
        credentials_id=row.credentials_id,
        credentials_value=row.credentials_value,
        entry=entry_of(row),
    )


def _is_gateway(additional_info: bytes) -> bool:
    """ThingsBoard marks a gateway by `"gateway": true` in the device's additional info."""
    if b"gateway" not in additional_info and b"\\u" not in additional_info:  # so it is with nearly all
        return False
    info = msgspec.json.decode(additional_info)
    return isinstance(info, dict) and info.get("gateway") is True
