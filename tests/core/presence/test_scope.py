import pytest
from doubles.people import People

from trunkline.contract.errors import TrunklineError
from trunkline.core.identity.principal import Principal
from trunkline.core.presence.scope import Scope, scope_of
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

PEOPLE = People(b"tenant", b"customer", b"other customer", b"other tenant")


def test_everybody_has_the_devices_they_may_see() -> None:
    assert scope_of(PEOPLE.admin) == Scope(b"tenant")
    assert scope_of(PEOPLE.customer) == Scope(b"tenant", b"customer")


@pytest.mark.parametrize(
    "nobody",
    [
        PEOPLE.sys_admin,
        Principal(Role.ROLE_CUSTOMER_USER, b"tenant", b"user"),
        Principal(Role.ROLE_UNSPECIFIED, b"tenant", b"user"),
    ],
)
def test_who_has_no_devices_watches_none(nobody: Principal) -> None:
    with pytest.raises(TrunklineError) as refused:
        scope_of(nobody)
    assert refused.value.reason == ErrorReason.ERROR_REASON_PERMISSION_DENIED
