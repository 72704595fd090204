"""The methods of DeviceService that are about profiles, called as their clients call them."""

from collections.abc import Awaitable
from typing import Any

import grpc.aio
import pytest
from doubles.bearer import Metadata, bearer

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.contract.status import error_of
from trunkline.core.identity.model import User
from trunkline.core.identity.tokens import Tokens
from trunkline.core.store.store import Store
from trunkline.v1.call_pb2 import DeliveryPolicy, Redelivery, SubmitStrategy
from trunkline.v1.device_profile_pb2 import DeviceProfile, MqttProfile, TransportType
from trunkline.v1.device_service_pb2 import (
    CreateDeviceProfileRequest,
    DeleteDeviceProfileRequest,
    DeviceProfileView,
    GetDeviceProfileRequest,
    ListDeviceProfilesRequest,
    SetDefaultDeviceProfileRequest,
    UpdateDeviceProfileRequest,
)
from trunkline.v1.device_service_pb2_grpc import DeviceServiceStub
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.page_pb2 import PageRequest
from trunkline.v1.rpc_service_pb2 import Role

BASIC = DeviceProfileView.DEVICE_PROFILE_VIEW_BASIC
INVALID = ErrorReason.ERROR_REASON_INVALID_ARGUMENT

PUMP = DeviceProfile(
    name="pump",
    description="All of them",
    transport_type=TransportType.TRANSPORT_TYPE_MQTT,
    mqtt=MqttProfile(
        telemetry_topic="t/+",
        attributes_topic="a/+",
        attributes_subscribe_topic="s/+",
        acknowledge_invalid=True,
    ),
    delivery_policy=DeliveryPolicy(
        strategy=SubmitStrategy.SUBMIT_STRATEGY_BURST, redelivery=Redelivery.REDELIVERY_NEVER
    ),
    calls_through_rule_chain=True,
    deadline_in_body=True,
    image="data:image/png;base64,AAAA",
    default_rule_chain_id=to_text(new_id()),
    default_dashboard_id=to_text(new_id()),
    default_queue_name="Main",
    extra=b'{"alarms":[]}',
)


@pytest.fixture
async def as_carl(tokens: Tokens, ann: User, store: Store, people: Any) -> Metadata:
    """A user of a customer of Ann's tenant."""
    carl = User(new_id(), ann.tenant_id, people.customer_id, "carl@example.com", Role.ROLE_CUSTOMER_USER, 0)
    await store.users.add(carl, password_hash="")
    return bearer(tokens.issue(carl).access)


async def error(attempt: Awaitable[Any]) -> TrunklineError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await attempt
    return error_of(caught.value)


async def created(devices: DeviceServiceStub, metadata: Metadata, profile: DeviceProfile = PUMP) -> DeviceProfile:
    request = CreateDeviceProfileRequest(profile=profile)
    return (await devices.CreateDeviceProfile(request, metadata=metadata)).profile


async def read(devices: DeviceServiceStub, metadata: Metadata, **by: Any) -> DeviceProfile:
    return (await devices.GetDeviceProfile(GetDeviceProfileRequest(**by), metadata=metadata)).profile


async def test_from_creation_to_deletion(devices: DeviceServiceStub, as_ann: Metadata, ann: User) -> None:
    made = await created(devices, as_ann)
    expected = DeviceProfile()
    expected.CopyFrom(PUMP)
    expected.id, expected.tenant_id, expected.version = made.id, to_text(ann.tenant_id), 1
    expected.create_time.CopyFrom(made.create_time)
    assert made == expected
    assert made.create_time.seconds > 0
    assert await read(devices, as_ann, id=made.id) == made
    assert await read(devices, as_ann, name="pump") == made

    bare = DeviceProfile(id=made.id, name="valve")
    request = UpdateDeviceProfileRequest(profile=bare, version=1)
    changed = (await devices.UpdateDeviceProfile(request, metadata=as_ann)).profile
    assert (changed.name, changed.version, changed.description) == ("valve", 2, "")
    assert changed.transport_type == TransportType.TRANSPORT_TYPE_DEFAULT
    assert not changed.HasField("mqtt")
    stale = await error(devices.UpdateDeviceProfile(request, metadata=as_ann))
    assert (stale.reason, stale.message) == (
        ErrorReason.ERROR_REASON_VERSION_CONFLICT,
        "Device profile was already changed by someone else",
    )

    await devices.DeleteDeviceProfile(DeleteDeviceProfileRequest(id=made.id), metadata=as_ann)
    gone = await error(devices.DeleteDeviceProfile(DeleteDeviceProfileRequest(id=made.id), metadata=as_ann))
    assert (gone.reason, gone.message) == (
        ErrorReason.ERROR_REASON_NOT_FOUND,
        f"Device profile with id [{made.id}] is not found",
    )


async def test_the_default_profile_moves(devices: DeviceServiceStub, as_ann: Metadata) -> None:
    former = await read(devices, as_ann, default=True)
    assert (former.name, former.is_default) == ("default", True)
    made = await created(devices, as_ann)
    request = SetDefaultDeviceProfileRequest(id=made.id)
    now = (await devices.SetDefaultDeviceProfile(request, metadata=as_ann)).profile
    assert (now.id, now.is_default) == (made.id, True)
    assert await read(devices, as_ann, default=True) == now
    assert not (await read(devices, as_ann, id=former.id)).is_default
    prohibited = await error(devices.DeleteDeviceProfile(DeleteDeviceProfileRequest(id=made.id), metadata=as_ann))
    assert (prohibited.reason, prohibited.message) == (INVALID, "Deletion of Default Device Profile is prohibited!")


async def test_the_outline_is_for_everybody_in_the_tenant(
    devices: DeviceServiceStub, as_ann: Metadata, as_carl: Metadata
) -> None:
    made = await created(devices, as_ann)
    outline = DeviceProfile(
        id=made.id,
        tenant_id=made.tenant_id,
        name="pump",
        image=PUMP.image,
        default_dashboard_id=PUMP.default_dashboard_id,
        transport_type=PUMP.transport_type,
    )
    assert await read(devices, as_carl, id=made.id, view=BASIC) == outline
    listed = await devices.ListDeviceProfiles(
        ListDeviceProfilesRequest(view=BASIC, ids=[made.id, to_text(new_id())]), metadata=as_carl
    )
    assert (list(listed.profiles), listed.total) == ([outline], 1)
    for view in (DeviceProfileView.DEVICE_PROFILE_VIEW_UNSPECIFIED, DeviceProfileView.DEVICE_PROFILE_VIEW_FULL):
        request = GetDeviceProfileRequest(id=made.id, view=view)
        denied = await error(devices.GetDeviceProfile(request, metadata=as_carl))
        assert denied.reason == ErrorReason.ERROR_REASON_PERMISSION_DENIED


async def test_a_list_comes_page_by_page(devices: DeviceServiceStub, as_ann: Metadata) -> None:
    for name in ("b", "a"):
        await created(devices, as_ann, DeviceProfile(name=name))
    await created(devices, as_ann)
    page = PageRequest(size=2, number=1, sort_by="name")
    second = await devices.ListDeviceProfiles(ListDeviceProfilesRequest(page=page), metadata=as_ann)
    assert ([profile.name for profile in second.profiles], second.total) == (["default", "pump"], 4)
    mqtt = ListDeviceProfilesRequest(transport_type=TransportType.TRANSPORT_TYPE_MQTT)
    only = await devices.ListDeviceProfiles(mqtt, metadata=as_ann)
    assert [profile.name for profile in only.profiles] == ["pump"]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (GetDeviceProfileRequest(), "by"),
        (GetDeviceProfileRequest(default=False), "by"),
        (GetDeviceProfileRequest(id="abc"), "id"),
        (GetDeviceProfileRequest(name="a", view=77), "view"),  # type: ignore[arg-type]  # what a later client may say
    ],
)
async def test_malformed_requests_name_the_field(
    devices: DeviceServiceStub, as_ann: Metadata, request_: GetDeviceProfileRequest, field: str
) -> None:
    refused = await error(devices.GetDeviceProfile(request_, metadata=as_ann))
    assert (refused.reason, refused.metadata["field"]) == (INVALID, field)


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (DeviceProfile(), "Device profile name should be specified!"),
        (DeviceProfile(name="a", transport_type=77), "Unknown transport type 77"),  # type: ignore[arg-type]  # the same
        (DeviceProfile(name="a", is_default=True), "Another default device profile is present"),
        (DeviceProfile(name="a", default_rule_chain_id="abc"), "abc"),
        (DeviceProfile(name="a", mqtt=MqttProfile(telemetry_topic="t")), "mqtt settings are for profiles of"),
        (DeviceProfile(name="a", extra=b"[]"), "extra is no JSON object"),
    ],
)
async def test_what_a_profile_cannot_be_is_refused(
    devices: DeviceServiceStub, as_ann: Metadata, profile: DeviceProfile, message: str
) -> None:
    refused = await error(created(devices, as_ann, profile))
    assert refused.reason == INVALID
    assert message in refused.message


async def test_a_list_has_a_bound_of_ids(devices: DeviceServiceStub, as_ann: Metadata) -> None:
    many = ListDeviceProfilesRequest(ids=[""] * 10_001)
    refused = await error(devices.ListDeviceProfiles(many, metadata=as_ann))
    assert (refused.reason, refused.metadata["field"]) == (INVALID, "ids")


async def test_without_a_token_there_is_nothing(devices: DeviceServiceStub) -> None:
    refused = await error(read(devices, (), default=True))
    assert refused.reason == ErrorReason.ERROR_REASON_UNAUTHENTICATED
