"""Who makes a call: what a token says of its user, as the permission checks read it."""

from dataclasses import dataclass

from trunkline.contract.streams.frames import BindPrincipal
from trunkline.v1.rpc_service_pb2 import Role


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. Ids are 16 bytes, empty where there is none."""

    role: Role.ValueType
    tenant_id: bytes
    user_id: bytes
    customer_id: bytes = b""
    token_session_id: bytes = b""
    issued_unix_ms: int = 0
    """When its token was issued."""
    expires_unix_s: int = 0
    """When its token expires; 0 where a part watches over that."""

    @property
    def is_anonymous(self) -> bool:
        """Whether this is whoever uses the devices of a public customer, whose id it has."""
        return bool(self.customer_id) and self.user_id == self.customer_id


@dataclass(frozen=True, slots=True)
class Part:
    """A caller that showed the installation's secret: the facade or a worker. It acts for others, never for itself."""


def session_issued_ms(token_session_id: bytes) -> int:
    """When the tokens of this session were issued, in Unix milliseconds; 0 if the id does not tell.

    Session ids are UUIDs of version 7, which start with that time: a token's own `iat` has whole seconds only, too
    coarse to tell a token from before a password change from the one issued in answer to it.
    """
    if len(token_session_id) == 16 and token_session_id[6] >> 4 == 7:
        return int.from_bytes(token_session_id[:6])
    return 0


def bound_principal(frame: BindPrincipal) -> Principal:
    """The caller that a part names on its stream."""
    return Principal(
        role=frame.role,
        tenant_id=frame.tenant_id,
        user_id=frame.user_id,
        customer_id=frame.customer_id,
        token_session_id=frame.token_session_id,
        issued_unix_ms=session_issued_ms(frame.token_session_id) or frame.issued_unix_ms,
    )
