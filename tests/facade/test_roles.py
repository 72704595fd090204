"""Some paths are not for every role."""

import pytest

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import BindPrincipal
from trunkline.facade.authentication import Caller
from trunkline.facade.roles import require_role
from trunkline.v1.rpc_service_pb2 import Role


def caller(role: Role.ValueType) -> Caller:
    principal = BindPrincipal(
        principal=0,
        tenant_id=b"t" * 16,
        user_id=b"u" * 16,
        role=role,
        customer_id=b"",
        token_session_id=b"s" * 16,
        issued_unix_ms=0,
    )
    return Caller("token", principal, 0)


def test_those_who_may() -> None:
    require_role(caller(Role.ROLE_TENANT_ADMIN), Role.ROLE_TENANT_ADMIN)
    require_role(caller(Role.ROLE_CUSTOMER_USER), Role.ROLE_CUSTOMER_USER)
    require_role(caller(Role.ROLE_CUSTOMER_USER), Role.ROLE_TENANT_ADMIN, Role.ROLE_CUSTOMER_USER)


def test_those_who_may_not() -> None:
    with pytest.raises(TrunklineError, match="You don't have permission to perform this operation!") as caught:
        require_role(caller(Role.ROLE_CUSTOMER_USER), Role.ROLE_TENANT_ADMIN)
    assert caught.value.row.http == 403
