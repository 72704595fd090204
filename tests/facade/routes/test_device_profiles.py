"""Device profiles over REST."""

from typing import Any

import httpx
import pytest
from doubles.recording_core import RecordingCore

from trunkline.v1 import device_service_pb2 as pb
from trunkline.v1.call_pb2 import DeliveryPolicy
from trunkline.v1.device_profile_pb2 import DeviceProfile, TransportType
from trunkline.v1.page_pb2 import PageRequest

PROFILE = "00000000-0000-0000-0000-00000000000f"
OTHER = "00000000-0000-0000-0000-00000000000e"
ID = {"entityType": "DEVICE_PROFILE", "id": PROFILE}
BASIC = pb.DEVICE_PROFILE_VIEW_BASIC
BODY = {"name": "pump", "type": "DEFAULT", "transportType": "DEFAULT"}


@pytest.fixture(autouse=True)
def scripted(core: RecordingCore) -> None:
    profile = DeviceProfile(id=PROFILE, name="pump")
    core.answers[pb.CreateDeviceProfileRequest] = pb.CreateDeviceProfileResponse(profile=profile)
    core.answers[pb.UpdateDeviceProfileRequest] = pb.UpdateDeviceProfileResponse(profile=profile)
    core.answers[pb.GetDeviceProfileRequest] = pb.GetDeviceProfileResponse(profile=profile)
    core.answers[pb.DeleteDeviceProfileRequest] = pb.DeleteDeviceProfileResponse()
    core.answers[pb.SetDefaultDeviceProfileRequest] = pb.SetDefaultDeviceProfileResponse(profile=profile)
    listed = [profile, DeviceProfile(id=OTHER, name="valve")]
    core.answers[pb.ListDeviceProfilesRequest] = pb.ListDeviceProfilesResponse(profiles=listed, total=11)
    core.answers[pb.ListDeviceTypesRequest] = pb.ListDeviceTypesResponse(types=["valve"])


async def test_create(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.post("/api/deviceProfile", json=BODY, headers=bearer)
    assert (response.status_code, response.json()["id"], response.json()["transportType"]) == (200, ID, "DEFAULT")
    assert response.json()["profileData"]["configuration"] == {"type": "DEFAULT"}
    profile = DeviceProfile(
        name="pump", transport_type=TransportType.TRANSPORT_TYPE_DEFAULT, delivery_policy=DeliveryPolicy()
    )
    assert core.asked == [pb.CreateDeviceProfileRequest(profile=profile)]
    assert core.tokens == [bearer["X-Authorization"]]


async def test_change(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.post("/api/deviceProfile", json=BODY | {"id": ID, "version": 2}, headers=bearer)
    assert response.json()["id"] == ID
    [asked] = core.asked
    assert isinstance(asked, pb.UpdateDeviceProfileRequest)
    assert (asked.profile.id, asked.version) == (PROFILE, 2)


@pytest.mark.parametrize(
    ("method", "path", "asked"),
    [
        ("GET", f"/api/deviceProfile/{PROFILE}?inlineImages=true", pb.GetDeviceProfileRequest(id=PROFILE)),
        ("POST", f"/api/deviceProfile/{PROFILE}/default", pb.SetDefaultDeviceProfileRequest(id=PROFILE)),
        ("GET", f"/api/deviceProfileInfo/{PROFILE}", pb.GetDeviceProfileRequest(id=PROFILE, view=BASIC)),
        ("GET", "/api/deviceProfileInfo/default", pb.GetDeviceProfileRequest(default=True, view=BASIC)),
    ],
)
async def test_one(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], method: str, path: str, asked: Any
) -> None:
    answer = (await client.request(method, path, headers=bearer)).json()
    assert answer["id"] == ID
    assert ("profileData" in answer) is ("Info" not in path)
    assert core.asked == [asked]


async def test_delete(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.delete(f"/api/deviceProfile/{PROFILE}", headers=bearer)
    assert (response.status_code, response.content) == (200, b"")
    assert core.asked == [pb.DeleteDeviceProfileRequest(id=PROFILE)]


@pytest.mark.parametrize(
    ("path", "sort_by"),
    [
        ("/api/deviceProfiles?", ""),
        ("/api/deviceProfileInfos?", ""),
        ("/api/deviceProfiles?sortProperty=createdTime&", "create_time"),
        ("/api/deviceProfiles?sortProperty=name&", "name"),
        ("/api/deviceProfiles?sortProperty=type&", "create_time"),
        ("/api/deviceProfileInfos?sortProperty=transportType&", "transport_type"),
        ("/api/deviceProfileInfos?sortProperty=description&", "description"),
        ("/api/deviceProfileInfos?sortProperty=isDefault&", "is_default"),
    ],
)
async def test_pages(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], path: str, sort_by: str
) -> None:
    answer = (await client.get(f"{path}pageSize=10&page=0&textSearch=p", headers=bearer)).json()
    assert (answer["totalPages"], answer["totalElements"], answer["hasNext"]) == (2, 11, True)
    assert [profile["name"] for profile in answer["data"]] == ["pump", "valve"]
    assert all(("profileData" in profile) is ("Info" not in path) for profile in answer["data"])
    page = PageRequest(size=10, text_search="p", sort_by=sort_by)
    view = BASIC if "Info" in path else pb.DEVICE_PROFILE_VIEW_UNSPECIFIED
    assert core.asked == [pb.ListDeviceProfilesRequest(page=page, view=view)]


async def test_pages_of_one_transport(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    await client.get("/api/deviceProfileInfos?pageSize=1&page=0&transportType=MQTT", headers=bearer)
    mqtt = TransportType.TRANSPORT_TYPE_MQTT
    page = PageRequest(size=1)
    assert core.asked == [pb.ListDeviceProfilesRequest(page=page, view=BASIC, transport_type=mqtt)]


async def test_by_ids(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    unknown = "00000000-0000-0000-0000-00000000000d"
    path = f"/api/deviceProfileInfos/list?deviceProfileIds={OTHER},{unknown},{PROFILE}"
    answer = (await client.get(path, headers=bearer)).json()
    assert [profile["name"] for profile in answer] == ["valve", "pump"]
    page = PageRequest(size=3)
    assert core.asked == [pb.ListDeviceProfilesRequest(page=page, view=BASIC, ids=[OTHER, unknown, PROFILE])]


async def test_names(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    answer = (await client.get("/api/deviceProfile/names", headers=bearer)).json()
    valve = {"id": {"entityType": "DEVICE_PROFILE", "id": OTHER}, "name": "valve"}
    assert answer == [{"id": ID, "name": "pump"}, valve]
    page = PageRequest(size=10_000, sort_by="name")
    assert core.asked == [pb.ListDeviceProfilesRequest(page=page, view=BASIC)]
    assert (await client.get("/api/deviceProfile/names?activeOnly=true", headers=bearer)).json() == [valve]


async def test_names_beyond_one_page(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    core.answers[pb.ListDeviceProfilesRequest].total = 10_001
    assert len((await client.get("/api/deviceProfile/names", headers=bearer)).json()) == 4
    assert [request.page.number for request in core.asked] == [0, 1]


PATHS = [
    ("GET", "/api/deviceProfile/{}"),
    ("DELETE", "/api/deviceProfile/{}"),
    ("POST", "/api/deviceProfile/{}/default"),
    ("GET", "/api/deviceProfileInfo/{}"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_ids_that_are_none(client: httpx.AsyncClient, bearer: dict[str, str], method: str, path: str) -> None:
    response = await client.request(method, path.format("abc"), headers=bearer)
    assert (response.status_code, response.json()["message"]) == (400, "Invalid UUID string: abc")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/api/deviceProfiles?page=0", "Required request parameter 'pageSize' is not present"),
        (
            "/api/deviceProfileInfos?pageSize=1&page=0&transportType=UDP",
            "Invalid value of request parameter 'transportT",
        ),
        ("/api/deviceProfileInfos/list?deviceProfileIds=", "Parameter 'deviceProfileIds' can't be empty!"),
        ("/api/deviceProfileInfos/list?deviceProfileIds=abc", "Invalid UUID string: abc"),
        ("/api/deviceProfile/names?activeOnly=often", "Invalid value of request parameter 'activeOnly'"),
    ],
)
async def test_parameters_that_are_none(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], path: str, message: str
) -> None:
    response = await client.get(path, headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert response.json()["message"].startswith(message)
    assert core.asked == []


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"pump", b"{}"])
async def test_bodies_that_are_none(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], body: bytes
) -> None:
    response = await client.post("/api/deviceProfile", content=body, headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert core.asked == []
