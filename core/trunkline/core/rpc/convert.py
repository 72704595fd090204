"""Between protobuf messages and the core's own values."""

from google.protobuf.timestamp_pb2 import Timestamp

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import NO_ID, from_text, to_text
from trunkline.core.devices.model import Device, DeviceCredentials
from trunkline.v1 import device_pb2
from trunkline.v1.error_pb2 import ErrorReason


def required_id(text: str, field: str) -> bytes:
    """The id in a request's field. Raises INVALID_ARGUMENT if it is missing or no UUID."""
    if not text:
        raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, f"{field} is missing", field=field)
    try:
        return from_text(text)
    except ValueError as error:
        raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, str(error), field=field) from None


def optional_id(text: str, field: str) -> bytes:
    """The id in a request's field, empty if there is none. Raises INVALID_ARGUMENT if it is no UUID."""
    return required_id(text, field) if text else NO_ID


def timestamp(unix_ms: int) -> Timestamp:
    """A time as people read it."""
    return Timestamp(seconds=unix_ms // 1000, nanos=unix_ms % 1000 * 1_000_000)


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
