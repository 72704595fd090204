"""Device profiles: what a body says of one, and what is answered."""

from typing import Any, Literal, Self

from trunkline.facade.errors import bad_request
from trunkline.facade.schemas.base import (
    Body,
    EntityId,
    Version,
    asked_version,
    changed,
    entity,
    named,
    unix_ms,
)
from trunkline.facade.schemas.ota_packages import refuse_packages
from trunkline.facade.schemas.profile_data import ProfileData, TransportName, shown_profile_data, transport_name
from trunkline.v1.device_profile_pb2 import DeviceProfile as ProfileMessage
from trunkline.v1.device_profile_pb2 import TransportType
from trunkline.v1.device_service_pb2 import CreateDeviceProfileRequest, UpdateDeviceProfileRequest


class DeviceProfileBody(Body):
    """A profile to create, or with an id to change; what is only read is ignored."""

    id: EntityId | None = None
    created_time: int | None = None
    tenant_id: EntityId | None = None
    name: str | None = None
    description: str | None = None
    image: str | None = None
    type: Literal["DEFAULT"] | None = None
    transport_type: TransportName | None = None
    provision_type: Literal["DISABLED"] | None = None
    default_rule_chain_id: EntityId | None = None
    default_dashboard_id: EntityId | None = None
    default_queue_name: str | None = None
    profile_data: ProfileData | None = None
    provision_device_key: str | None = None
    firmware_id: EntityId | None = None
    software_id: EntityId | None = None
    default_edge_rule_chain_id: EntityId | None = None
    external_id: EntityId | None = None
    version: Version = None
    default: bool | None = None

    def creation(self) -> CreateDeviceProfileRequest:
        """What the core is asked for if there is no id. Raises TrunklineError (INVALID_ARGUMENT)."""
        return CreateDeviceProfileRequest(profile=self._profile())

    def update(self) -> UpdateDeviceProfileRequest:
        """What the core is asked for if there is an id. Raises TrunklineError (INVALID_ARGUMENT)."""
        profile = self._profile()
        profile.id = changed(self.id, "DEVICE_PROFILE")
        return UpdateDeviceProfileRequest(profile=profile, version=asked_version(self.version))

    def _profile(self) -> ProfileMessage:
        if self.type is None:
            raise bad_request("Device profile type should be specified!")
        if self.transport_type is None:
            raise bad_request("Device profile transport type should be specified!")
        self._refuse_what_there_is_none_of()
        data = self.profile_data or ProfileData()
        transport = data.transport_configuration
        if transport is not None and transport.type != self.transport_type:
            raise bad_request(f"Transport type {self.transport_type} has a transport configuration of {transport.type}")
        return ProfileMessage(
            name=self.name or "",
            description=self.description or "",
            is_default=bool(self.default),
            transport_type=TransportType.Value(f"TRANSPORT_TYPE_{self.transport_type}"),
            mqtt=data.mqtt(),
            delivery_policy=data.delivery_policy(),
            calls_through_rule_chain=bool(data.trunkline.rpc_through_rule_chain),
            deadline_in_body=bool(data.trunkline.deadline_in_body),
            image=self.image or "",
            default_rule_chain_id=named(self.default_rule_chain_id, "RULE_CHAIN"),
            default_dashboard_id=named(self.default_dashboard_id, "DASHBOARD"),
            default_queue_name=self.default_queue_name or "",
            extra=data.rest(),
        )

    def _refuse_what_there_is_none_of(self) -> None:
        named(self.tenant_id, "TENANT")
        named(self.external_id, "DEVICE_PROFILE")
        refuse_packages(firmware_id=self.firmware_id, software_id=self.software_id)
        if named(self.default_edge_rule_chain_id, "RULE_CHAIN"):
            raise bad_request("Can't assign non-existent rule chain!")


class DeviceProfileInfo(Body):
    """What everybody in a tenant may know of a profile."""

    id: EntityId
    tenant_id: EntityId
    name: str
    image: str | None
    default_dashboard_id: EntityId | None
    type: Literal["DEFAULT"] = "DEFAULT"
    transport_type: TransportName

    @classmethod
    def of(cls, profile: ProfileMessage) -> Self:
        """The profile as ThingsBoard's clients expect it in lists."""
        return cls(**_info_fields(profile))


class DeviceProfile(DeviceProfileInfo):
    """A device profile."""

    created_time: int
    description: str | None
    provision_type: Literal["DISABLED"] = "DISABLED"
    default_rule_chain_id: EntityId | None
    default_queue_name: str | None
    profile_data: dict[str, Any]
    provision_device_key: None = None
    firmware_id: None = None
    software_id: None = None
    default_edge_rule_chain_id: None = None
    external_id: None = None
    version: int
    default: bool

    @classmethod
    def of(cls, profile: ProfileMessage) -> Self:
        """The profile as ThingsBoard's clients expect it."""
        return cls(
            **_info_fields(profile),
            created_time=unix_ms(profile.create_time),
            description=profile.description or None,
            default_rule_chain_id=_entity_or_none("RULE_CHAIN", profile.default_rule_chain_id),
            default_queue_name=profile.default_queue_name or None,
            profile_data=shown_profile_data(profile),
            version=profile.version,
            default=profile.is_default,
        )


class EntityName(Body):
    """An entity by id and name."""

    id: EntityId
    name: str

    @classmethod
    def of(cls, profile: ProfileMessage) -> Self:
        """The profile's name as ThingsBoard's clients expect it in lists of names."""
        return cls(id=entity("DEVICE_PROFILE", profile.id), name=profile.name)


def _info_fields(profile: ProfileMessage) -> dict[str, Any]:
    return {
        "id": entity("DEVICE_PROFILE", profile.id),
        "tenant_id": entity("TENANT", profile.tenant_id),
        "name": profile.name,
        "image": profile.image or None,
        "default_dashboard_id": _entity_or_none("DASHBOARD", profile.default_dashboard_id),
        "transport_type": transport_name(profile.transport_type),
    }


def _entity_or_none(entity_type: str, entity_id: str) -> EntityId | None:
    return entity(entity_type, entity_id) if entity_id else None
