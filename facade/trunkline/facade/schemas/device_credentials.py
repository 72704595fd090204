"""Credentials: what a device shows when it connects."""

from typing import Final, Literal, Self

from trunkline.facade.errors import bad_request
from trunkline.facade.schemas.base import Body, EntityId, Version, asked_version, entity, named, unix_ms, uuid_text
from trunkline.v1 import device_pb2 as devices_pb
from trunkline.v1.device_service_pb2 import UpdateDeviceCredentialsRequest

_PREFIX: Final = "CREDENTIALS_TYPE_"


class CredentialsId(Body):
    """The one id without an entity type."""

    id: str


class DeviceCredentialsBody(Body):
    """Credentials that a device is to have; together with a new device, `id` and `deviceId` are ignored."""

    id: CredentialsId | None = None
    created_time: int | None = None
    device_id: EntityId | None = None
    credentials_type: Literal["ACCESS_TOKEN", "MQTT_BASIC", "X509_CERTIFICATE"] | None = None
    credentials_id: str | None = None
    credentials_value: str | None = None
    version: Version = None

    def message(self) -> devices_pb.DeviceCredentials:
        """The credentials for the core. Raises TrunklineError (INVALID_ARGUMENT)."""
        return devices_pb.DeviceCredentials(
            id=uuid_text(self.id.id) if self.id else "",
            device_id=named(self.device_id, "DEVICE"),
            type=devices_pb.CredentialsType.Value(f"{_PREFIX}{self.credentials_type or 'UNSPECIFIED'}"),
            credentials_id=self.credentials_id or "",
            credentials_value=self.credentials_value or "",
        )

    def update(self) -> UpdateDeviceCredentialsRequest:
        """What the core is asked for. Raises TrunklineError (INVALID_ARGUMENT)."""
        credentials = self.message()
        if not credentials.device_id:
            raise bad_request("Invalid entity id")
        return UpdateDeviceCredentialsRequest(credentials=credentials, version=asked_version(self.version))


class DeviceCredentials(Body):
    """What a device shows when it connects."""

    id: CredentialsId
    created_time: int
    device_id: EntityId
    credentials_type: str
    credentials_id: str
    credentials_value: str | None
    version: int

    @classmethod
    def of(cls, credentials: devices_pb.DeviceCredentials) -> Self:
        """The credentials as ThingsBoard's clients expect them."""
        return cls(
            id=CredentialsId(id=credentials.id),
            created_time=unix_ms(credentials.create_time),
            device_id=entity("DEVICE", credentials.device_id),
            credentials_type=devices_pb.CredentialsType.Name(credentials.type).removeprefix(_PREFIX),
            credentials_id=credentials.credentials_id,
            credentials_value=credentials.credentials_value or None,
            version=credentials.version,
        )
