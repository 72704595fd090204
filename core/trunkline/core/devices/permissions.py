"""Who may do what with a device. The texts are the ones that ThingsBoard's clients know."""

from typing import Final

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import to_text
from trunkline.core.devices.model import Device, DeviceEntry
from trunkline.core.identity.permissions import deny
from trunkline.core.identity.principal import Principal
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

# Looked up once: an attribute of a generated enum costs more than the whole check of a call.
_SYS_ADMIN: Final = Role.ROLE_SYS_ADMIN
_TENANT_ADMIN: Final = Role.ROLE_TENANT_ADMIN
_CUSTOMER_USER: Final = Role.ROLE_CUSTOMER_USER


def may_call(principal: Principal, entry: DeviceEntry | None) -> DeviceEntry:
    """The device, if `principal` may call it.

    Raises PERMISSION_DENIED for a system administrator, whether the device exists or not, and for a customer user
    whose customer does not hold it; DEVICE_NOT_FOUND for an unknown device and for one of another tenant.
    """
    if principal.role == _SYS_ADMIN:
        deny("System administrator is not allowed to perform this operation!")
    if entry is None or entry.tenant_id != principal.tenant_id:
        raise TrunklineError(ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND, "Device with requested id wasn't found!")
    if not _holds(principal, entry.customer_id):
        deny()
    return entry


def may_administer(principal: Principal) -> None:
    """Raise PERMISSION_DENIED unless `principal` may create, delete and give credentials to its tenant's devices."""
    if principal.role != _TENANT_ADMIN:
        deny()


def may_read(principal: Principal, device: Device | None, device_id: bytes) -> Device:
    """The device, if `principal` may see it.

    Raises DEVICE_NOT_FOUND for anything that it may not see, so that ids tell nothing, and
    PERMISSION_DENIED for a system administrator, who has no devices.
    """
    if principal.role == _SYS_ADMIN:
        deny()
    if device is None or device.tenant_id != principal.tenant_id or not _holds(principal, device.customer_id):
        raise device_not_found(device_id)
    return device


def may_change(principal: Principal, device: Device | None, device_id: bytes, customer_id: bytes) -> Device:
    """The device, if `principal` may change it so that `customer_id` has it.

    Raises as `may_read` does, and PERMISSION_DENIED for a customer's user who would give the device away.
    """
    seen = may_read(principal, device, device_id)
    if principal.role != _TENANT_ADMIN and customer_id != seen.customer_id:
        deny()
    return seen


def device_not_found(device_id: bytes) -> TrunklineError:
    """The error for a device that is not there, or that its caller may not know of."""
    text = to_text(device_id)
    return TrunklineError(
        ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND, f"Device with id [{text}] is not found", device_id=text
    )


def customer_not_found(customer_id: bytes) -> TrunklineError:
    """The error for a customer that is not there, or that its caller may not know of."""
    text = to_text(customer_id)
    return TrunklineError(
        ErrorReason.ERROR_REASON_NOT_FOUND, f"Customer with id [{text}] is not found", customer_id=text
    )


def _holds(principal: Principal, customer_id: bytes) -> bool:
    """Whether a device assigned to `customer_id` is within the principal's reach, its tenant being right."""
    if principal.role == _TENANT_ADMIN:
        return True
    return principal.role == _CUSTOMER_USER and bool(customer_id) and customer_id == principal.customer_id
