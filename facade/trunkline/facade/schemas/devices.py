"""Devices: what a body says of one, and what is answered."""

from typing import Any, Literal, Self

from trunkline.facade.errors import bad_request
from trunkline.facade.schemas.base import (
    Body,
    EntityId,
    Version,
    asked_version,
    changed,
    entity,
    json_text,
    json_value,
    named,
    unix_ms,
)
from trunkline.facade.schemas.device_credentials import DeviceCredentialsBody
from trunkline.facade.schemas.ota_packages import refuse_packages
from trunkline.facade.schemas.profile_data import TransportName, transport_name
from trunkline.v1 import device_pb2 as devices_pb
from trunkline.v1.device_service_pb2 import CreateDeviceRequest, NameConflict, UpdateDeviceRequest


class ConfigurationType(Body):
    """The only kind of device configuration there is."""

    type: Literal["DEFAULT"] = "DEFAULT"


class TransportConfigurationType(Body):
    """How devices of the profile are reached."""

    type: TransportName


class DeviceData(Body):
    """Clients refuse a device without it."""

    configuration: ConfigurationType = ConfigurationType()
    transport_configuration: TransportConfigurationType


class ConfigurationBody(Body):
    """The only kind of device configuration there is."""

    type: Literal["DEFAULT"]


class TransportConfigurationBody(Body):
    """Any kind of transport that ThingsBoard knows."""

    type: Literal["DEFAULT", "MQTT", "COAP", "LWM2M", "SNMP"]


class DeviceDataBody(Body):
    """Read for its form alone: the profile says how a device is reached."""

    configuration: ConfigurationBody | None = None
    transport_configuration: TransportConfigurationBody | None = None


class DeviceBody(Body):
    """A device to create, or with an id to change; what is only read is ignored."""

    id: EntityId | None = None
    created_time: int | None = None
    tenant_id: EntityId | None = None
    customer_id: EntityId | None = None
    name: str | None = None
    type: str | None = None
    label: str | None = None
    device_profile_id: EntityId | None = None
    firmware_id: EntityId | None = None
    software_id: EntityId | None = None
    external_id: EntityId | None = None
    version: Version = None
    additional_info: Any = None
    device_data: DeviceDataBody | None = None

    def creation(
        self,
        *,
        access_token: str | None = None,
        credentials: DeviceCredentialsBody | None = None,
        name_conflict: NameConflict | None = None,
    ) -> CreateDeviceRequest:
        """What the core is asked for if there is no id. Raises TrunklineError (INVALID_ARGUMENT)."""
        device = self._device()
        return CreateDeviceRequest(
            name=device.name,
            type=device.type,
            label=device.label,
            access_token=access_token or "",
            device_profile_id=device.device_profile_id,
            customer_id=device.customer_id,
            additional_info=device.additional_info,
            credentials=credentials.message() if credentials else None,
            name_conflict=name_conflict,
        )

    def update(self) -> UpdateDeviceRequest:
        """What the core is asked for if there is an id. Raises TrunklineError (INVALID_ARGUMENT)."""
        device = self._device()
        device.id = changed(self.id, "DEVICE")
        return UpdateDeviceRequest(device=device, version=asked_version(self.version))

    def _device(self) -> devices_pb.Device:
        named(self.tenant_id, "TENANT")
        named(self.external_id, "DEVICE")
        refuse_packages(firmware_id=self.firmware_id, software_id=self.software_id)
        return devices_pb.Device(
            name=self.name or "",
            type=self.type or "",
            label=self.label or "",
            device_profile_id=named(self.device_profile_id, "DEVICE_PROFILE"),
            customer_id=named(self.customer_id, "CUSTOMER"),
            additional_info=json_text(self.additional_info),
        )


class DeviceWithCredentialsBody(Body):
    """A device together with what it shows when it connects."""

    device: DeviceBody | None = None
    credentials: DeviceCredentialsBody | None = None

    def parts(self) -> tuple[DeviceBody, DeviceCredentialsBody]:
        """Both of them. Raises TrunklineError (INVALID_ARGUMENT) if one is missing."""
        if self.device is None or self.credentials is None:
            missing = "device" if self.device is None else "credentials"
            raise bad_request(f"Validation error: {missing} must not be null")
        return self.device, self.credentials


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
    device_data: DeviceData

    @classmethod
    def of(cls, device: devices_pb.Device) -> Self:
        """The device as ThingsBoard's clients expect it."""
        return cls(**_fields(device))


class DeviceInfo(Device):
    """A device and what lists show beside it."""

    customer_title: str | None
    customer_is_public: bool
    device_profile_name: str
    active: bool

    @classmethod
    def of(cls, device: devices_pb.Device) -> Self:
        """The device as ThingsBoard's clients expect it in lists."""
        return cls(
            **_fields(device),
            customer_title=device.customer_title or None,
            customer_is_public=device.customer_is_public,
            device_profile_name=device.type,
            active=device.presence.active,
        )


class DeviceType(Body):
    """A device profile's name, in the form from before there were profiles."""

    tenant_id: EntityId
    entity_type: Literal["DEVICE"] = "DEVICE"
    type: str


def _fields(device: devices_pb.Device) -> dict[str, Any]:
    return {
        "id": entity("DEVICE", device.id),
        "created_time": unix_ms(device.create_time),
        "tenant_id": entity("TENANT", device.tenant_id),
        "customer_id": entity("CUSTOMER", device.customer_id),
        "name": device.name,
        "type": device.type,
        "label": device.label or None,
        "device_profile_id": entity("DEVICE_PROFILE", device.device_profile_id),
        "version": device.version,
        "additional_info": json_value(device.additional_info),
        "device_data": {"transport_configuration": {"type": transport_name(device.transport_type)}},
    }
