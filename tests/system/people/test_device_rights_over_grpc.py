"""Who may do what with devices, profiles and calls, over gRPC: the same rules as over REST."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

import grpc
import grpc.aio
import httpx
import pytest
from google.protobuf.message import Message
from system.people.answers import UNKNOWN, Callers, Json
from system.people.crowd import crowd, things, token_of
from system.runners import Served

from trunkline.v1 import device_service_pb2 as pb
from trunkline.v1 import rpc_service_pb2 as calls
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.device_pb2 import CredentialsType, Device, DeviceCredentials
from trunkline.v1.device_profile_pb2 import DeviceProfile, TransportType
from trunkline.v1.device_service_pb2_grpc import DeviceServiceStub
from trunkline.v1.rpc_service_pb2_grpc import RpcServiceStub

COLUMNS: Final = ("sys_admin", "admin", "other_admin", "customer_user", "other_customer_user", "public")

CODES: Final = {
    "ok": grpc.StatusCode.OK,
    "no": grpc.StatusCode.PERMISSION_DENIED,
    "gone": grpc.StatusCode.NOT_FOUND,
    "off": grpc.StatusCode.UNAVAILABLE,  # the device is, the caller is let through
}

SEEN: Final = "no ok gone ok gone gone"
TENANTS: Final = "no ok gone no no no"
CHANGED: Final = "no - gone no no no"
LISTED: Final = "no ok ok no no no"
FOR_ALL: Final = "no ok ok ok ok ok"
FIRST: Final = "no - - no no no"
CALLED: Final = "no ok gone ok no no"

FULL: Final = pb.DeviceProfileView.DEVICE_PROFILE_VIEW_FULL
BASIC: Final = pb.DeviceProfileView.DEVICE_PROFILE_VIEW_BASIC

ROWS: Final = (
    ("GetDevice", "id", SEEN),
    ("GetDevice", "name", TENANTS),
    ("CreateDevice", "", FIRST),
    ("UpdateDevice", "", SEEN),
    ("DeleteDevice", "", CHANGED),
    ("ListDevices", "", FOR_ALL),
    ("ListDevices", "customer", SEEN),
    ("ListDeviceTypes", "", FOR_ALL),
    ("AssignDevice", "", CHANGED),
    ("AssignDevice", "public", CHANGED),
    ("UnassignDevice", "", CHANGED),
    ("GetDeviceCredentials", "", SEEN),
    ("UpdateDeviceCredentials", "", TENANTS),
    ("WatchPresence", "", FOR_ALL),
    ("WatchPresence", "device", FOR_ALL),  # what may not be seen is told as gone
    ("CreateDeviceProfile", "", FIRST),
    ("GetDeviceProfile", "", TENANTS),
    ("GetDeviceProfile", "basic", "no ok gone ok ok ok"),
    ("UpdateDeviceProfile", "", TENANTS),
    ("DeleteDeviceProfile", "", CHANGED),
    ("ListDeviceProfiles", "", LISTED),
    ("ListDeviceProfiles", "basic", FOR_ALL),
    ("SetDefaultDeviceProfile", "", CHANGED),
    ("Call", "", "no off gone off no no"),
    ("Submit", "", CALLED),
    ("GetCall", "", SEEN),
    ("ListCalls", "", CALLED),
    ("ExplainCall", "", SEEN),
    ("CancelCall", "", SEEN),
    ("DeleteCall", "", CHANGED),
    ("WatchCalls", "", FOR_ALL),
    ("WatchCalls", "device", SEEN),
)


@pytest.fixture(scope="module")
def everybody(url: str, callers: Callers) -> Iterator[Callers]:
    with crowd(url, callers) as everybody:
        yield everybody


@pytest.fixture(scope="module")
def there_is(callers: Callers) -> Mapping[str, Json]:
    return things(callers)


@pytest.fixture
async def methods(served: Served) -> AsyncIterator[Mapping[str, Any]]:
    """All methods, by name."""
    async with grpc.aio.insecure_channel(served.grpc) as channel:
        yield {**vars(DeviceServiceStub(channel)), **vars(RpcServiceStub(channel))}


@pytest.fixture(scope="module")
def requests(there_is: Mapping[str, Json]) -> Mapping[tuple[str, str], Message]:
    """What is asked, by method and variant."""
    device, credentials = there_is["device"], there_is["credentials"]
    ids = {name: thing["id"]["id"] for name, thing in there_is.items()}
    same = Device(id=ids["device"], name=device["name"], type=device["type"], customer_id=ids["customer"])
    shown = DeviceCredentials(
        id=credentials["id"]["id"],
        device_id=ids["device"],
        type=CredentialsType.CREDENTIALS_TYPE_ACCESS_TOKEN,
        credentials_id=credentials["credentialsId"],
    )
    default = TransportType.TRANSPORT_TYPE_DEFAULT
    profile = DeviceProfile(id=ids["profile"], name=there_is["profile"]["name"], transport_type=default)
    return {
        ("GetDevice", "id"): pb.GetDeviceRequest(id=ids["device"]),
        ("GetDevice", "name"): pb.GetDeviceRequest(name=device["name"]),
        ("CreateDevice", ""): pb.CreateDeviceRequest(name="x"),
        ("UpdateDevice", ""): pb.UpdateDeviceRequest(device=same),
        ("DeleteDevice", ""): pb.DeleteDeviceRequest(id=ids["device"]),
        ("ListDevices", ""): pb.ListDevicesRequest(ids=[ids["device"]]),
        ("ListDevices", "customer"): pb.ListDevicesRequest(customer_id=ids["customer"]),
        ("ListDeviceTypes", ""): pb.ListDeviceTypesRequest(),
        ("AssignDevice", ""): pb.AssignDeviceRequest(device_id=ids["device"], customer_id=ids["other"]),
        ("AssignDevice", "public"): pb.AssignDeviceRequest(device_id=ids["device"], public=True),
        ("UnassignDevice", ""): pb.UnassignDeviceRequest(device_id=ids["device"]),
        ("GetDeviceCredentials", ""): pb.GetDeviceCredentialsRequest(device_id=ids["device"]),
        ("UpdateDeviceCredentials", ""): pb.UpdateDeviceCredentialsRequest(credentials=shown),
        ("WatchPresence", ""): pb.WatchPresenceRequest(),
        ("WatchPresence", "device"): pb.WatchPresenceRequest(device_ids=[ids["device"]]),
        ("CreateDeviceProfile", ""): pb.CreateDeviceProfileRequest(
            profile=DeviceProfile(name="x", transport_type=default)
        ),
        ("GetDeviceProfile", ""): pb.GetDeviceProfileRequest(id=ids["profile"], view=FULL),
        ("GetDeviceProfile", "basic"): pb.GetDeviceProfileRequest(id=ids["profile"], view=BASIC),
        ("UpdateDeviceProfile", ""): pb.UpdateDeviceProfileRequest(profile=profile),
        ("DeleteDeviceProfile", ""): pb.DeleteDeviceProfileRequest(id=ids["profile"]),
        ("ListDeviceProfiles", ""): pb.ListDeviceProfilesRequest(view=FULL),
        ("ListDeviceProfiles", "basic"): pb.ListDeviceProfilesRequest(view=BASIC),
        ("SetDefaultDeviceProfile", ""): pb.SetDefaultDeviceProfileRequest(id=ids["profile"]),
        ("Call", ""): calls.CallRequest(
            device_id=ids["device"], method="m", kind=CallKind.CALL_KIND_ONE_WAY, timeout_ms=5000, fail_fast=True
        ),
        ("Submit", ""): calls.SubmitRequest(device_id=ids["device"], method="m", kind=CallKind.CALL_KIND_ONE_WAY),
        ("GetCall", ""): calls.GetCallRequest(call_id=ids["call"]),
        ("ListCalls", ""): calls.ListCallsRequest(device_id=ids["device"]),
        ("ExplainCall", ""): calls.ExplainCallRequest(call_id=ids["call"]),
        ("CancelCall", ""): calls.CancelCallRequest(call_id=ids["call"]),
        ("DeleteCall", ""): calls.DeleteCallRequest(call_id=ids["call"]),
        ("WatchCalls", ""): calls.WatchCallsRequest(),
        ("WatchCalls", "device"): calls.WatchCallsRequest(device_id=ids["device"]),
    }


async def code_of(method: Any, request: Message, caller: httpx.Client) -> grpc.StatusCode:
    """How it ends; a stream: with what it begins."""
    try:
        call = method(request, timeout=20, metadata=shown_by(caller))
        if isinstance(call, grpc.aio.UnaryStreamCall):
            await call.read()
            call.cancel()
        else:
            await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def shown_by(caller: httpx.Client) -> tuple[tuple[str, str], ...]:
    """The caller's token as metadata."""
    token = token_of(caller)
    return (("authorization", f"Bearer {token}"),) if token else ()


@pytest.mark.parametrize(("name", "variant", "outcomes"), ROWS)
async def test_who_may_do_what(
    everybody: Callers,
    methods: Mapping[str, Any],
    requests: Mapping[tuple[str, str], Message],
    name: str,
    variant: str,
    outcomes: str,
) -> None:
    method, request = methods[name], requests[name, variant]
    expected = {who: CODES[code] for who, code in zip(COLUMNS, outcomes.split(), strict=True) if code != "-"}
    assert {who: await code_of(method, request, everybody[who]) for who in expected} == expected
    for who in ("nobody", "revoked"):
        assert await code_of(method, request, everybody[who]) is grpc.StatusCode.UNAUTHENTICATED


async def test_no_method_is_forgotten(methods: Mapping[str, Any]) -> None:
    assert {name for name, _, _ in ROWS} == methods.keys() - {"CallStream"}


async def test_presence_tells_only_of_what_one_may_see(
    everybody: Callers, methods: Mapping[str, Any], there_is: Mapping[str, Json]
) -> None:
    device_id = there_is["device"]["id"]["id"]
    told: dict[str, list[tuple[str, bool]]] = {}
    for who in COLUMNS[1:]:
        asked = pb.WatchPresenceRequest(device_ids=[device_id, UNKNOWN])
        stream = methods["WatchPresence"](asked, timeout=20, metadata=shown_by(everybody[who]))
        told[who] = []
        async for message in stream:
            told[who] += [(one.device_id, one.deleted) for one in message.devices]
            if message.current:
                break
        stream.cancel()
    for who, devices in told.items():
        assert dict(devices) == {device_id: who not in ("admin", "customer_user"), UNKNOWN: True}
