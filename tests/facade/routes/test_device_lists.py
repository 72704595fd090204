"""Lists of devices over REST: their filters, their pages, and who may see them."""

from typing import Any

import httpx
import pytest
from doubles.recording_core import DEVICE, USER, RecordingCore

from trunkline.v1.device_pb2 import Device, Presence
from trunkline.v1.device_service_pb2 import ListDevicesRequest, ListDevicesResponse
from trunkline.v1.page_pb2 import PageRequest

CUSTOMER = "00000000-0000-0000-0000-00000000000a"
OTHER = "00000000-0000-0000-0000-00000000000b"
FIRST_TEN = PageRequest(size=10)


@pytest.fixture(autouse=True)
def scripted(core: RecordingCore) -> None:
    device = Device(id=DEVICE, name="n", type="pump", presence=Presence(active=True))
    core.answers[ListDevicesRequest] = ListDevicesResponse(devices=[device], total=11)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/api/tenant/devices?", ListDevicesRequest(page=FIRST_TEN)),
        ("/api/tenant/devices?type=pump&", ListDevicesRequest(page=FIRST_TEN, type="pump")),
        ("/api/tenant/deviceInfos?type=&deviceProfileId=&", ListDevicesRequest(page=FIRST_TEN)),
        (
            f"/api/tenant/deviceInfos?type=pump&deviceProfileId={OTHER.upper()}&active=false&",
            ListDevicesRequest(page=FIRST_TEN, type="pump", device_profile_id=OTHER, active=False),
        ),
        (
            f"/api/customer/{CUSTOMER}/devices?type=pump&",
            ListDevicesRequest(page=FIRST_TEN, customer_id=CUSTOMER, type="pump"),
        ),
        (
            f"/api/customer/{CUSTOMER}/deviceInfos?active=true&",
            ListDevicesRequest(page=FIRST_TEN, customer_id=CUSTOMER, active=True),
        ),
    ],
)
async def test_pages(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], path: str, asked: ListDevicesRequest
) -> None:
    answer = (await client.get(f"{path}pageSize=10&page=0", headers=bearer)).json()
    assert (answer["totalPages"], answer["totalElements"], answer["hasNext"]) == (2, 11, True)
    assert [device["id"]["id"] for device in answer["data"]] == [DEVICE]
    assert [device.get("active") for device in answer["data"]] == [True if "deviceInfos" in path else None]
    assert core.asked == [asked]
    assert core.tokens == [bearer["X-Authorization"]]


LISTS = [
    "/api/tenant/devices",
    "/api/tenant/deviceInfos",
    f"/api/customer/{CUSTOMER}/devices",
    f"/api/customer/{CUSTOMER}/deviceInfos",
]


SORTABLE = {
    "createdTime": "create_time",
    "name": "name",
    "type": "type",
    "deviceProfileName": "type",
    "label": "label",
    "customerTitle": "customer_title",
    "active": "active",
}


@pytest.mark.parametrize("path", LISTS)
async def test_sorting_and_search(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], path: str
) -> None:
    for sort_property in SORTABLE:
        query = f"pageSize=5&page=2&textSearch=Ab&sortProperty={sort_property}&sortOrder=DESC"
        assert (await client.get(f"{path}?{query}", headers=bearer)).status_code == 200
    assert [request.page for request in core.asked] == [
        PageRequest(size=5, number=2, text_search="Ab", sort_by=sort_by, descending=True)
        for sort_by in SORTABLE.values()
    ]


@pytest.mark.parametrize("path", LISTS)
async def test_pages_that_are_none(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], path: str
) -> None:
    for query, message in (
        ("page=0", "Required request parameter 'pageSize' is not present"),
        ("pageSize=0&page=0", "Incorrect page link page size '0'. Page size must be greater than zero."),
        ("pageSize=1&page=-1", "Incorrect page link page '-1'. Page must be positive integer."),
        ("pageSize=1&page=0&sortProperty=a'b", "Invalid sort property"),
    ):
        response = await client.get(f"{path}?{query}", headers=bearer)
        assert response.status_code == 400
        assert (response.json()["errorCode"], response.json()["message"]) == (31, message)
    assert core.asked == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/api/customer/abc/devices?pageSize=1&page=0", "Invalid UUID string: abc"),
        ("/api/customer/abc/deviceInfos?pageSize=1&page=0", "Invalid UUID string: abc"),
        ("/api/tenant/deviceInfos?pageSize=1&page=0&deviceProfileId=abc", "Invalid UUID string: abc"),
        ("/api/tenant/deviceInfos?pageSize=1&page=0&active=often", "Invalid value of request parameter 'active'"),
        ("/api/devices", "Required request parameter 'deviceIds' is not present"),
        ("/api/devices?deviceIds=", "Parameter 'deviceIds' can't be empty!"),
        (f"/api/devices?deviceIds={DEVICE},abc", "Invalid UUID string: abc"),
        (f"/api/devices?deviceIds={DEVICE},", "Invalid UUID string: "),
    ],
)
async def test_filters_that_are_none(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], path: str, message: str
) -> None:
    response = await client.get(path, headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert response.json()["message"].startswith(message)
    assert core.asked == []


@pytest.mark.parametrize("between", [",", "&deviceIds="])
async def test_by_ids(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], between: str) -> None:
    devices = [Device(id=OTHER), Device(id=DEVICE)]
    core.answers[ListDevicesRequest] = ListDevicesResponse(devices=devices, total=2)
    text = between.join([DEVICE.upper(), CUSTOMER, OTHER, DEVICE])
    answer: list[dict[str, Any]] = (await client.get(f"/api/devices?deviceIds={text}", headers=bearer)).json()
    assert [device["id"]["id"] for device in answer] == [DEVICE, OTHER]
    assert core.asked == [ListDevicesRequest(page=PageRequest(size=3), ids=[DEVICE, CUSTOMER, OTHER])]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/tenant/devices?pageSize=1&page=0", False),
        ("/api/tenant/deviceInfos?pageSize=1&page=0", False),
        (f"/api/customer/{CUSTOMER}/devices?pageSize=1&page=0", True),
        (f"/api/customer/{CUSTOMER}/deviceInfos?pageSize=1&page=0", True),
        (f"/api/devices?deviceIds={DEVICE}", True),
    ],
)
async def test_what_is_for_administrators(
    client: httpx.AsyncClient, core: RecordingCore, path: str, allowed: bool
) -> None:
    token = core.signer.sign(scopes=["CUSTOMER_USER"], customerId=USER)
    response = await client.get(path, headers={"X-Authorization": f"Bearer {token}"})
    assert response.status_code == (200 if allowed else 403)
    assert len(core.asked) == allowed
