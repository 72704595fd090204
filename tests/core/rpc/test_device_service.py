"""DeviceService, called as its clients call it."""

import grpc.aio
import pytest

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.contract.status import error_of
from trunkline.core.identity.model import User
from trunkline.core.identity.tokens import Tokens
from trunkline.v1.device_service_pb2 import (
    CreateDeviceRequest,
    CredentialsType,
    DeleteDeviceRequest,
    GetDeviceCredentialsRequest,
    GetDeviceRequest,
)
from trunkline.v1.device_service_pb2_grpc import DeviceServiceStub
from trunkline.v1.error_pb2 import ErrorReason

Metadata = tuple[tuple[str, str], ...]


@pytest.fixture
def devices(channel: grpc.aio.Channel) -> DeviceServiceStub:
    return DeviceServiceStub(channel)


@pytest.fixture
def as_ann(tokens: Tokens, ann: User) -> Metadata:
    return (("authorization", f"Bearer {tokens.issue(ann).access}"),)


async def get_error(devices: DeviceServiceStub, request: GetDeviceRequest, metadata: Metadata) -> TrunklineError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await devices.GetDevice(request, metadata=metadata)
    return error_of(caught.value)


async def test_from_creation_to_deletion(devices: DeviceServiceStub, as_ann: Metadata, ann: User) -> None:
    request = CreateDeviceRequest(name="Pump", type="pump", label="Room 1", access_token="T", additional_info=b"{}")
    made = (await devices.CreateDevice(request, metadata=as_ann)).device
    assert (made.name, made.type, made.label, made.version) == ("Pump", "pump", "Room 1", 1)
    assert made.tenant_id == to_text(ann.tenant_id)
    assert made.customer_id == ""
    assert (await devices.GetDevice(GetDeviceRequest(id=made.id), metadata=as_ann)).device == made
    assert (await devices.GetDevice(GetDeviceRequest(name="Pump"), metadata=as_ann)).device == made
    credentials = (
        await devices.GetDeviceCredentials(GetDeviceCredentialsRequest(device_id=made.id), metadata=as_ann)
    ).credentials
    assert credentials.type == CredentialsType.CREDENTIALS_TYPE_ACCESS_TOKEN
    assert (credentials.credentials_id, credentials.device_id) == ("T", made.id)
    await devices.DeleteDevice(DeleteDeviceRequest(id=made.id), metadata=as_ann)
    error = await get_error(devices, GetDeviceRequest(id=made.id), as_ann)
    assert (error.reason, error.message) == (
        ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND,
        f"Device with id [{made.id}] is not found",
    )


async def test_a_profile_and_a_customer_are_taken_by_id(devices: DeviceServiceStub, as_ann: Metadata) -> None:
    first = (await devices.CreateDevice(CreateDeviceRequest(name="1", type="pump"), metadata=as_ann)).device
    request = CreateDeviceRequest(name="2", device_profile_id=first.device_profile_id)
    assert (await devices.CreateDevice(request, metadata=as_ann)).device.type == "pump"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await devices.CreateDevice(CreateDeviceRequest(name="3", customer_id=to_text(new_id())), metadata=as_ann)
    assert error_of(caught.value).reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT


async def test_without_a_token_there_is_nothing(devices: DeviceServiceStub) -> None:
    error = await get_error(devices, GetDeviceRequest(name="Pump"), ())
    assert error.reason == ErrorReason.ERROR_REASON_UNAUTHENTICATED


@pytest.mark.parametrize(
    ("request_", "field"),
    [(GetDeviceRequest(), "by"), (GetDeviceRequest(id="abc"), "id"), (GetDeviceRequest(id=""), "id")],
)
async def test_malformed_requests_name_the_field(
    devices: DeviceServiceStub, as_ann: Metadata, request_: GetDeviceRequest, field: str
) -> None:
    error = await get_error(devices, request_, as_ann)
    assert error.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    assert error.metadata["field"] == field
