"""Devices and their credentials."""

from typing import Any, Self

from trunkline.facade.schemas.base import Body, EntityId, entity, json_text, json_value, named, unix_ms
from trunkline.v1 import device_pb2 as devices_pb
from trunkline.v1.device_service_pb2 import CreateDeviceRequest


class NewDevice(Body):
    """Body of a device's creation; ThingsBoard's clients send more, which is ignored."""

    id: EntityId | None = None
    name: str | None = None
    type: str | None = None
    label: str | None = None
    device_profile_id: EntityId | None = None
    customer_id: EntityId | None = None
    additional_info: Any = None

    def request(self, access_token: str | None) -> CreateDeviceRequest:
        """What the core is asked for."""
        return CreateDeviceRequest(
            name=self.name or "",
            type=self.type or "",
            label=self.label or "",
            access_token=access_token or "",
            device_profile_id=named(self.device_profile_id, "DEVICE_PROFILE"),
            customer_id=named(self.customer_id, "CUSTOMER"),
            additional_info=json_text(self.additional_info),
        )


class ConfigurationType(Body):
    """The only kind of device configuration there is."""

    type: str = "DEFAULT"


class DeviceData(Body):
    """Clients refuse a device without it."""

    configuration: ConfigurationType = ConfigurationType()
    transport_configuration: ConfigurationType = ConfigurationType()


class Device(Body):
    """A device."""

    id: EntityId
    created_time: int
    tenant_id: EntityId
    customer_id: EntityId
    name: str
    type: str
    label: str | None
    device_profile_id: EntityId
    firmware_id: None = None
    software_id: None = None
    external_id: None = None
    version: int
    additional_info: Any
    device_data: DeviceData = DeviceData()

    @classmethod
    def of(cls, device: devices_pb.Device) -> Self:
        """The device as ThingsBoard's clients expect it."""
        return cls(
            id=EntityId(entity_type="DEVICE", id=device.id),
            created_time=unix_ms(device.create_time),
            tenant_id=entity("TENANT", device.tenant_id),
            customer_id=entity("CUSTOMER", device.customer_id),
            name=device.name,
            type=device.type,
            label=device.label or None,
            device_profile_id=EntityId(entity_type="DEVICE_PROFILE", id=device.device_profile_id),
            version=device.version,
            additional_info=json_value(device.additional_info),
        )


class CredentialsId(Body):
    """The one id without an entity type."""

    id: str


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
            device_id=EntityId(entity_type="DEVICE", id=credentials.device_id),
            credentials_type=devices_pb.CredentialsType.Name(credentials.type).removeprefix("CREDENTIALS_TYPE_"),
            credentials_id=credentials.credentials_id,
            credentials_value=credentials.credentials_value or None,
            version=credentials.version,
        )
