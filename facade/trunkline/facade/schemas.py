"""JSON bodies of the ordinary REST routes, in ThingsBoard's shapes, and how the contract's messages become them."""

import json
from typing import Any, Final, Self

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from trunkline.contract import ids
from trunkline.contract.json_text import NULL
from trunkline.facade.authentication import NO_ENTITY
from trunkline.facade.errors import bad_request
from trunkline.v1 import device_pb2 as devices_pb
from trunkline.v1 import identity_pb2 as identity_pb
from trunkline.v1.device_service_pb2 import CreateDeviceRequest
from trunkline.v1.rpc_service_pb2 import Role

NO_ENTITY_TEXT: Final = ids.to_text(NO_ENTITY)


class Body(BaseModel):
    """Python's names inside, ThingsBoard's on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, coerce_numbers_to_str=True)

    @classmethod
    def read(cls, body: bytes) -> Self:
        """The object in a request's body. Raises TrunklineError (INVALID_ARGUMENT) that names what is wrong."""
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise bad_request(f"Invalid request body: {where + ': ' if where else ''}{first['msg']}") from None


class EntityId(Body):
    """How ThingsBoard names an entity."""

    entity_type: str
    id: str


class Credentials(Body):
    """Body of a login."""

    model_config = ConfigDict(extra="forbid")

    username: str
    password: str


class Refresh(Body):
    """Body of a token refresh."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: str


class Tokens(Body):
    """A pair of tokens."""

    token: str
    refresh_token: str

    @classmethod
    def of(cls, pair: identity_pb.TokenPair) -> Self:
        """The pair as ThingsBoard's clients expect it."""
        return cls(token=pair.access_token, refresh_token=pair.refresh_token)


class User(Body):
    """A user."""

    id: EntityId
    created_time: int
    tenant_id: EntityId
    customer_id: EntityId
    email: str
    name: str
    authority: str
    first_name: str | None
    last_name: str | None
    phone: str | None
    version: int
    additional_info: Any

    @classmethod
    def of(cls, user: identity_pb.User) -> Self:
        """The user as ThingsBoard's clients expect it."""
        return cls(
            id=EntityId(entity_type="USER", id=user.id),
            created_time=_unix_ms(user.create_time),
            tenant_id=_entity("TENANT", user.tenant_id),
            customer_id=_entity("CUSTOMER", user.customer_id),
            email=user.email,
            name=user.email,
            authority=Role.Name(user.role).removeprefix("ROLE_"),
            first_name=user.first_name or None,
            last_name=user.last_name or None,
            phone=user.phone or None,
            version=user.version,
            additional_info=_json(user.additional_info),
        )


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
            device_profile_id=_named(self.device_profile_id),
            customer_id=_named(self.customer_id),
            additional_info=b"" if self.additional_info is None else json.dumps(self.additional_info).encode(),
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
            created_time=_unix_ms(device.create_time),
            tenant_id=_entity("TENANT", device.tenant_id),
            customer_id=_entity("CUSTOMER", device.customer_id),
            name=device.name,
            type=device.type,
            label=device.label or None,
            device_profile_id=EntityId(entity_type="DEVICE_PROFILE", id=device.device_profile_id),
            version=device.version,
            additional_info=_json(device.additional_info),
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
            created_time=_unix_ms(credentials.create_time),
            device_id=EntityId(entity_type="DEVICE", id=credentials.device_id),
            credentials_type=devices_pb.CredentialsType.Name(credentials.type).removeprefix("CREDENTIALS_TYPE_"),
            credentials_id=credentials.credentials_id,
            credentials_value=credentials.credentials_value or None,
            version=credentials.version,
        )


class Problem(Body):
    """The standard error body."""

    status: int
    message: str
    error_code: int
    timestamp: int


def _entity(entity_type: str, entity_id: str) -> EntityId:
    return EntityId(entity_type=entity_type, id=entity_id or NO_ENTITY_TEXT)


def _named(entity: EntityId | None) -> str:
    """The id that a body names; empty for none."""
    return "" if entity is None or entity.id == NO_ENTITY_TEXT else entity.id


def _json(text: bytes) -> Any:
    return json.loads(text or NULL)


def _unix_ms(time: Timestamp) -> int:
    return time.ToMilliseconds()
