"""Tokens and users."""

from typing import Any, Self

from pydantic import ConfigDict

from trunkline.facade.schemas.base import Body, EntityId, entity, json_value, unix_ms
from trunkline.v1 import identity_pb2 as identity_pb
from trunkline.v1.rpc_service_pb2 import Role


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
            created_time=unix_ms(user.create_time),
            tenant_id=entity("TENANT", user.tenant_id),
            customer_id=entity("CUSTOMER", user.customer_id),
            email=user.email,
            name=user.email,
            authority=Role.Name(user.role).removeprefix("ROLE_"),
            first_name=user.first_name or None,
            last_name=user.last_name or None,
            phone=user.phone or None,
            version=user.version,
            additional_info=json_value(user.additional_info),
        )
