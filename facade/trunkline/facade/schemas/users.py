"""Users: what a body says of one, and what is answered."""

from typing import Any, Final, Literal, Self

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
from trunkline.v1 import identity_pb2 as identity_pb
from trunkline.v1.identity_service_pb2 import CreateUserRequest, UpdateUserRequest
from trunkline.v1.rpc_service_pb2 import Role

_STATE: Final = ("userCredentialsEnabled", "userActivated", "lastLoginTs")
"""What ThingsBoard tells of a user among the additional info, where it asks for one user, and only there."""


class UserBody(Body):
    """A user to create, or with an id to change; what is only read is ignored."""

    id: EntityId | None = None
    created_time: int | None = None
    tenant_id: EntityId | None = None
    customer_id: EntityId | None = None
    email: str | None = None
    authority: Literal["SYS_ADMIN", "TENANT_ADMIN", "CUSTOMER_USER"] | None = None
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    version: Version = None
    additional_info: Any = None

    def creation(self) -> CreateUserRequest:
        """What the core is asked for if there is no id. Raises TrunklineError (INVALID_ARGUMENT)."""
        return CreateUserRequest(user=self._user())

    def update(self) -> UpdateUserRequest:
        """What the core is asked for if there is an id. Raises TrunklineError (INVALID_ARGUMENT)."""
        user = self._user()
        user.id = changed(self.id, "USER")
        return UpdateUserRequest(user=user, version=asked_version(self.version))

    def _user(self) -> identity_pb.User:
        return identity_pb.User(
            tenant_id=named(self.tenant_id, "TENANT"),
            customer_id=named(self.customer_id, "CUSTOMER"),
            email=self.email or "",
            role=Role.Value(f"ROLE_{self.authority or 'UNSPECIFIED'}"),
            first_name=self.first_name or "",
            last_name=self.last_name or "",
            phone=self.phone or "",
            additional_info=json_text(_without_state(self.additional_info)),
        )


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

    @classmethod
    def with_state(cls, user: identity_pb.User) -> Self:
        """The same, telling whether the user may log in and when it last did."""
        answer = cls.of(user)
        last_login = unix_ms(user.last_login_time) if user.HasField("last_login_time") else None
        state = dict(zip(_STATE, (user.enabled, user.activated, last_login), strict=True))
        if answer.additional_info is None or isinstance(answer.additional_info, dict):
            answer.additional_info = (answer.additional_info or {}) | state
        return answer


def _without_state(additional_info: Any) -> Any:
    """What is to be kept of the additional info that a client read with the user's state in it."""
    if not isinstance(additional_info, dict) or additional_info.keys().isdisjoint(_STATE):
        return additional_info
    return {name: value for name, value in additional_info.items() if name not in _STATE} or None
