"""Who may do what with a device: the whole table."""

from dataclasses import replace
from typing import Final

import pytest
from doubles.device_rows import device
from doubles.people import People

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.core.devices.model import DeviceEntry
from trunkline.core.devices.permissions import may_administer, may_call, may_change, may_read
from trunkline.core.identity.principal import Principal
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

WHO: Final = People(new_id(), new_id(), new_id(), new_id())

ENTRY: Final = DeviceEntry(
    device_id=new_id(),
    tenant_id=WHO.tenant_id,
    customer_id=WHO.customer_id,
    name="Pump",
    type="default",
    profile_id=new_id(),
    credentials_version=1,
    gateway=False,
)

NOT_FOUND: Final = (ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND, "Device with requested id wasn't found!")
DENIED: Final = (
    ErrorReason.ERROR_REASON_PERMISSION_DENIED,
    "You don't have permission to perform this operation!",
)
NO_SYS_ADMINS: Final = (
    ErrorReason.ERROR_REASON_PERMISSION_DENIED,
    "System administrator is not allowed to perform this operation!",
)
NOBODY: Final = Principal(Role.ROLE_UNSPECIFIED, WHO.tenant_id, new_id())
UNASSIGNED: Final = replace(ENTRY, customer_id=b"")
CUSTOMER_OF_NOBODY: Final = replace(WHO.customer, customer_id=b"")


@pytest.mark.parametrize(
    ("principal", "entry", "refusal"),
    [
        (WHO.admin, ENTRY, None),
        (WHO.admin, UNASSIGNED, None),
        (WHO.admin, None, NOT_FOUND),
        (WHO.other_admin, ENTRY, NOT_FOUND),
        (WHO.customer, ENTRY, None),
        (WHO.customer, UNASSIGNED, DENIED),
        (WHO.customer, None, NOT_FOUND),
        (WHO.customer, replace(ENTRY, tenant_id=WHO.other_tenant_id), NOT_FOUND),
        (WHO.other_customer, ENTRY, DENIED),
        (CUSTOMER_OF_NOBODY, UNASSIGNED, DENIED),
        (WHO.sys_admin, ENTRY, NO_SYS_ADMINS),
        (WHO.sys_admin, None, NO_SYS_ADMINS),
        (NOBODY, ENTRY, DENIED),
    ],
)
def test_calling(
    principal: Principal, entry: DeviceEntry | None, refusal: tuple[ErrorReason.ValueType, str] | None
) -> None:
    if refusal is None:
        assert may_call(principal, entry) is entry
        return
    with pytest.raises(TrunklineError) as caught:
        may_call(principal, entry)
    assert (caught.value.reason, caught.value.message) == refusal


PUMP: Final = device(WHO.tenant_id, "Pump", customer_id=WHO.customer_id)
LOOSE: Final = device(WHO.tenant_id, "Loose")


@pytest.mark.parametrize("principal", [WHO.admin, WHO.customer], ids=["admin", "customer"])
def test_reading(principal: Principal) -> None:
    assert may_read(principal, PUMP, PUMP.id) is PUMP


@pytest.mark.parametrize("principal", [WHO.other_admin, WHO.other_customer, CUSTOMER_OF_NOBODY, NOBODY])
@pytest.mark.parametrize("there", [True, False])
def test_what_one_may_not_see_is_not_there(principal: Principal, there: bool) -> None:
    hidden = PUMP if principal is not CUSTOMER_OF_NOBODY else LOOSE
    with pytest.raises(TrunklineError) as caught:
        may_read(principal, hidden if there else None, hidden.id)
    assert caught.value.reason == ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND
    assert caught.value.message == f"Device with id [{to_text(hidden.id)}] is not found"


def test_a_system_administrator_has_no_devices() -> None:
    for found in (PUMP, None):
        with pytest.raises(TrunklineError) as caught:
            may_read(WHO.sys_admin, found, PUMP.id)
        assert (caught.value.reason, caught.value.message) == DENIED


def test_only_tenant_administrators_administer() -> None:
    may_administer(WHO.admin)
    for principal in (WHO.sys_admin, WHO.customer, NOBODY):
        with pytest.raises(TrunklineError) as caught:
            may_administer(principal)
        assert (caught.value.reason, caught.value.message) == DENIED


def test_changing() -> None:
    for customer_id in (WHO.customer_id, WHO.other_customer_id, b""):
        assert may_change(WHO.admin, PUMP, PUMP.id, customer_id) is PUMP
    assert may_change(WHO.customer, PUMP, PUMP.id, WHO.customer_id) is PUMP


@pytest.mark.parametrize("customer_id", [WHO.other_customer_id, b""])
def test_a_customers_user_gives_no_device_away(customer_id: bytes) -> None:
    with pytest.raises(TrunklineError) as caught:
        may_change(WHO.customer, PUMP, PUMP.id, customer_id)
    assert (caught.value.reason, caught.value.message) == DENIED


@pytest.mark.parametrize("principal", [WHO.other_admin, WHO.other_customer, CUSTOMER_OF_NOBODY, NOBODY])
def test_nobody_changes_what_he_may_not_see(principal: Principal) -> None:
    with pytest.raises(TrunklineError) as caught:
        may_change(principal, PUMP, PUMP.id, PUMP.customer_id)
    assert caught.value.reason == ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND
