"""Between DeviceService's messages about devices and the core's own values."""

from trunkline.contract.ids import to_text
from trunkline.core.devices.credentials import ACCESS_TOKEN, NewCredentials
from trunkline.core.devices.model import Device, DeviceCredentials, DeviceDetails, DeviceFilter
from trunkline.core.devices.names import DEFAULT_SEPARATOR, NameConflict
from trunkline.core.presence.model import Presence
from trunkline.core.rpc.convert import optional_id, optional_timestamp, timestamp
from trunkline.core.rpc.paging import ids_of
from trunkline.v1 import device_pb2
from trunkline.v1.device_service_pb2 import CreateDeviceRequest, ListDevicesRequest


def device_message(device: Device) -> device_pb2.Device:
    """The device as its service shows it."""
    return device_pb2.Device(
        id=to_text(device.id),
        tenant_id=to_text(device.tenant_id),
        customer_id=to_text(device.customer_id),
        name=device.name,
        type=device.type,
        label=device.label,
        device_profile_id=to_text(device.profile_id),
        create_time=timestamp(device.create_unix_ms),
        version=device.version,
        additional_info=device.additional_info,
        customer_title=device.customer_title,
        customer_is_public=device.customer_is_public,
        presence=presence_message(device.presence),
        transport_type=device.transport_type,
    )


def presence_message(presence: Presence) -> device_pb2.Presence:
    """The presence as it is shown; a time that never was is absent."""
    return device_pb2.Presence(
        connected=presence.connected,
        active=presence.active,
        last_connect_time=optional_timestamp(presence.last_connect_unix_ms),
        last_disconnect_time=optional_timestamp(presence.last_disconnect_unix_ms),
        last_activity_time=optional_timestamp(presence.last_activity_unix_ms),
    )


def credentials_message(credentials: DeviceCredentials) -> device_pb2.DeviceCredentials:
    """The credentials as their service shows them."""
    return device_pb2.DeviceCredentials(
        id=to_text(credentials.id),
        device_id=to_text(credentials.device_id),
        type=credentials.type,
        credentials_id=credentials.credentials_id,
        credentials_value=credentials.credentials_value,
        create_time=timestamp(credentials.create_unix_ms),
        version=credentials.version,
    )


def details_of(message: device_pb2.Device | CreateDeviceRequest) -> DeviceDetails:
    """What a request says of a device. Raises INVALID_ARGUMENT for a bad id."""
    return DeviceDetails(
        name=message.name,
        type=message.type,
        profile_id=optional_id(message.device_profile_id, "device_profile_id"),
        label=message.label,
        customer_id=optional_id(message.customer_id, "customer_id"),
        additional_info=message.additional_info,
    )


def new_credentials_of(message: device_pb2.DeviceCredentials) -> NewCredentials:
    """What a device is to show."""
    return NewCredentials(message.type, message.credentials_id, message.credentials_value)


def first_credentials_of(request: CreateDeviceRequest) -> NewCredentials | None:
    """What a new device is to show; None: a generated token."""
    if request.HasField("credentials"):
        return new_credentials_of(request.credentials)
    return NewCredentials(ACCESS_TOKEN, request.access_token) if request.access_token else None


def conflict_of(request: CreateDeviceRequest) -> NameConflict | None:
    """What happens if the name is taken; None: an error."""
    asked = request.name_conflict
    return NameConflict(asked.separator or DEFAULT_SEPARATOR, asked.count) if asked.make_unique else None


def filter_of(request: ListDevicesRequest) -> DeviceFilter:
    """Which devices the list is about. Raises INVALID_ARGUMENT for a bad id, and for too many."""
    return DeviceFilter(
        customer_id=optional_id(request.customer_id, "customer_id"),
        type=request.type,
        profile_id=optional_id(request.device_profile_id, "device_profile_id"),
        active=request.active if request.HasField("active") else None,
        ids=ids_of(request.ids),
    )
