"""Creating, reading and deleting devices and their credentials, with the texts that ThingsBoard's clients know."""

import re
import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from trunkline.contract import json_text
from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import NO_ID, new_id
from trunkline.core.devices.directory import Directory
from trunkline.core.devices.model import Device, DeviceCredentials, access_token_credentials
from trunkline.core.devices.permissions import device_not_found, may_administer, may_read
from trunkline.core.identity.principal import Principal
from trunkline.core.store.devices import DeviceRows
from trunkline.v1.error_pb2 import ErrorReason

TOKEN_LENGTH: Final = 20
_TOKEN_ALPHABET: Final = string.ascii_letters + string.digits
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST: Final = 255


Listener = Callable[[bytes], None]
"""Called with the id of a device whose change is committed."""


@dataclass(frozen=True, slots=True)
class NewDevice:
    """What somebody says of a device to be; everything but the name may be left empty."""

    name: str
    type: str = ""
    label: str = ""
    access_token: str = ""
    profile_id: bytes = NO_ID
    customer_id: bytes = NO_ID
    additional_info: bytes = b""


class Devices:
    """Devices for those who may see them. `now_s` is the wall clock in seconds.

    Raises PERMISSION_DENIED and DEVICE_NOT_FOUND as `permissions` says, and STORE_UNAVAILABLE.
    """

    def __init__(
        self,
        rows: DeviceRows,
        directory: Directory,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._rows = rows
        self._directory = directory
        self._now_s = now_s
        self._deleted: list[Listener] = []
        self._credentials_changed: list[Listener] = []

    def on_deleted(self, listener: Listener) -> None:
        """Tell `listener` of every device that is deleted from now on."""
        self._deleted.append(listener)

    def on_credentials_changed(self, listener: Listener) -> None:
        """Tell `listener` of every device that must show other credentials from now on."""
        self._credentials_changed.append(listener)

    async def create(self, principal: Principal, new: NewDevice) -> Device:
        """The new device of the principal's tenant.

        Raises INVALID_ARGUMENT (a field is missing, too long, or names something that is not there) and ALREADY_EXISTS
        (name or token taken).
        """
        may_administer(principal)
        _check_texts(new)
        if new.access_token:
            _check_token(new.access_token)
        device = Device(
            id=new_id(),
            tenant_id=principal.tenant_id,
            customer_id=new.customer_id,
            profile_id=new.profile_id,
            name=new.name,
            type=new.type,
            label=new.label,
            create_unix_ms=int(self._now_s() * 1000),
            version=1,
            additional_info=_json(new.additional_info),
        )
        credentials = access_token_credentials(device, new.access_token or _generated_token())
        return await self._rows.add(device, credentials)

    async def get(self, principal: Principal, device_id: bytes) -> Device:
        """The device with this id."""
        return may_read(principal, await self._rows.find(device_id), device_id)

    async def get_by_name(self, principal: Principal, name: str) -> Device:
        """The tenant's device with this name; only its administrators may ask so."""
        may_administer(principal)
        device = await self._rows.find_by_name(principal.tenant_id, name)
        if device is None:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND, "Requested item wasn't found!", device_name=name
            )
        return device

    async def delete(self, principal: Principal, device_id: bytes) -> None:
        """Remove the device; its sessions and calls end."""
        may_administer(principal)
        await self.get(principal, device_id)
        await self._rows.delete(device_id)
        self._directory.forget(device_id)
        for listener in self._deleted:
            listener(device_id)

    async def credentials(self, principal: Principal, device_id: bytes) -> DeviceCredentials:
        """What the device shows when it connects."""
        await self.get(principal, device_id)
        return _existing(await self._rows.find_credentials(device_id), device_id)

    async def replace_token(self, principal: Principal, device_id: bytes, access_token: str) -> DeviceCredentials:
        """Give the device another access token; its sessions end.

        Raises INVALID_ARGUMENT (no token) and ALREADY_EXISTS (another device has it).
        """
        may_administer(principal)
        _check_token(access_token)
        await self.get(principal, device_id)
        credentials = await self._rows.replace_token(device_id, access_token)
        self._directory.forget(device_id)
        for listener in self._credentials_changed:
            listener(device_id)
        return _existing(credentials, device_id)


def _existing(credentials: DeviceCredentials | None, device_id: bytes) -> DeviceCredentials:
    """The credentials, unless the device was deleted since it was read."""
    if credentials is None:
        raise device_not_found(device_id)
    return credentials


def _check_texts(new: NewDevice) -> None:
    if not new.name.strip():
        _invalid("Device name should be specified!")
    for field, text in (("name", new.name), ("type", new.type), ("label", new.label)):
        if len(text) > _LONGEST:
            _invalid(f"Validation error: {field} length must be equal or less than {_LONGEST}")
        if "\x00" in text:
            _invalid(f"Device {field} should not contain 0x00 symbol!")


def _check_token(access_token: str) -> None:
    if not access_token.strip():
        _invalid("Device credentials id should be specified!")
    if _CONTROL.search(access_token):
        _invalid("credentialsId must not contain control characters!")
    if len(access_token) > _LONGEST:
        _invalid(f"Validation error: credentialsId length must be equal or less than {_LONGEST}")


def _json(additional_info: bytes) -> bytes:
    """The additional info as it is stored; nothing for `null`."""
    if not additional_info:
        return b""
    try:
        compact = json_text.compact(additional_info)
    except ValueError:
        _invalid("The device's additional info is no JSON")
    return b"" if compact == json_text.NULL else compact


def _generated_token() -> str:
    return "".join(secrets.choice(_TOKEN_ALPHABET) for _ in range(TOKEN_LENGTH))


def _invalid(message: str) -> NoReturn:
    raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, message)
