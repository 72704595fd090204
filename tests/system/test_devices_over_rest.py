"""Devices, their credentials, lists and profiles over REST against a whole server, with ThingsBoard's texts."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from system.rest_caller import rest_caller
from system.runners import serve

UNKNOWN = "11111111-1111-1111-1111-111111111111"
NONE = "13814000-1dd2-11b2-8080-808080808080"
NOT_ALLOWED = "You don't have permission to perform this operation!"
LONG = "x" * 256

Json = dict[str, Any]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve("one", tmp_path_factory.mktemp("data")) as served:
        yield served.rest


@pytest.fixture(scope="module")
def admin(url: str) -> Iterator[httpx.Client]:
    with rest_caller(url) as caller:
        yield caller.http


@pytest.fixture(scope="module")
def customer_user(url: str) -> Iterator[httpx.Client]:
    with rest_caller(url, "customer@thingsboard.org", "customer") as caller:
        yield caller.http


@pytest.fixture(scope="module")
def other_admin(url: str) -> Iterator[httpx.Client]:
    with rest_caller(url, "tenant2@thingsboard.org", "tenant2") as caller:
        yield caller.http


@pytest.fixture(scope="module")
def sys_admin(url: str) -> Iterator[httpx.Client]:
    with rest_caller(url, "sysadmin@thingsboard.org", "sysadmin") as caller:
        yield caller.http


def entity(entity_type: str, entity_id: str) -> Json:
    return {"entityType": entity_type, "id": entity_id}


def told(answer: httpx.Response) -> tuple[int, int, str]:
    """Status, code and message of a refusal."""
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["errorCode"], body["message"]


def ok(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def named(http: httpx.Client, name: str) -> Json:
    device: Json = ok(http.get("/api/tenant/device", params={"deviceName": name}))
    return device


def customer_a(http: httpx.Client) -> str:
    return str(named(http, "Test Device A1")["customerId"]["id"])


def test_a_devices_life(admin: httpx.Client) -> None:
    created = ok(admin.post("/api/device?accessToken=LIFE", json={"name": "Life", "type": "pump", "label": "L"}))
    assert (created["type"], created["version"], created["customerId"]["id"]) == ("pump", 1, NONE)
    device_id = created["id"]["id"]
    path = f"/api/device/{device_id}"
    assert ok(admin.get(path)) == created
    info = ok(admin.get(f"/api/device/info/{device_id}"))
    assert info == created | {
        "customerTitle": None,
        "customerIsPublic": False,
        "deviceProfileName": "pump",
        "active": False,
    }
    changed = ok(admin.post("/api/device", json=created | {"label": "M", "additionalInfo": {"gateway": True}}))
    assert (changed["label"], changed["additionalInfo"], changed["version"]) == ("M", {"gateway": True}, 2)
    stale = admin.post("/api/device", json=created)
    assert told(stale) == (409, 35, "Device was already changed by someone else")
    customer = customer_a(admin)
    assigned = ok(admin.post(f"/api/customer/{customer}/device/{device_id}"))
    assert (assigned["customerId"], assigned["version"]) == (entity("CUSTOMER", customer), 3)
    public = ok(admin.post(f"/api/customer/public/device/{device_id}"))
    info = ok(admin.get(f"/api/device/info/{device_id}"))
    assert (info["customerId"], info["customerTitle"], info["customerIsPublic"]) == (
        public["customerId"],
        "Public",
        True,
    )
    assert ok(admin.delete(f"/api/customer/device/{device_id}"))["customerId"]["id"] == NONE
    again = admin.delete(f"/api/customer/device/{device_id}")
    assert told(again) == (400, 31, "Device isn't assigned to any customer!")
    gone = admin.delete(path)
    assert (gone.status_code, gone.content) == (200, b"")
    for answer in (admin.delete(path), admin.get(path), admin.post("/api/device", json=created)):
        assert told(answer) == (404, 32, f"Device with id [{device_id}] is not found")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": None}, "Device name should be specified!"),
        ({"name": "  "}, "Device name should be specified!"),
        ({"name": "a\x00"}, "Device name should not contain 0x00 symbol!"),
        ({"name": LONG}, "Validation error: name length must be equal or less than 255"),
        ({"name": "Test Device A1"}, "Device with such name already exists!"),
        ({"name": []}, "Invalid request body: name: Input should be a valid string"),
        ({"type": LONG}, "Validation error: type length must be equal or less than 255"),
        ({"type": "a\x00"}, "Device type should not contain 0x00 symbol!"),
        ({"label": LONG}, "Validation error: label length must be equal or less than 255"),
        ({"label": "a\x00"}, "Device label should not contain 0x00 symbol!"),
        (
            {"deviceProfileId": entity("DEVICE_PROFILE", UNKNOWN)},
            "Device is referencing non existing device profile!",
        ),
        ({"deviceProfileId": {"id": UNKNOWN}}, "Invalid request body: deviceProfileId.entityType: Field required"),
        ({"customerId": entity("CUSTOMER", UNKNOWN)}, "Can't assign device to non-existent customer!"),
        ({"customerId": entity("CUSTOMER", "abc")}, "Invalid UUID string: abc"),
        ({"firmwareId": entity("OTA_PACKAGE", UNKNOWN)}, "Can't assign non-existent firmware!"),
        ({"softwareId": entity("OTA_PACKAGE", UNKNOWN)}, "Can't assign non-existent software!"),
        (
            {"additionalInfo": "x" * 70_000},
            "Validation error: additionalInfo length must be equal or less than 65536",
        ),
        (
            {"deviceData": {"configuration": {"type": "X"}}},
            "Invalid request body: deviceData.configuration.type: Input should be 'DEFAULT'",
        ),
    ],
)
def test_every_field_of_a_device_wrong_once(admin: httpx.Client, fields: Json, message: str) -> None:
    assert told(admin.post("/api/device", json={"name": "Wrong", "type": "default"} | fields)) == (400, 31, message)
    device = named(admin, "Test Device B1")
    assert told(admin.post("/api/device", json=device | fields)) == (400, 31, message)
    assert named(admin, "Test Device B1") == device
    assert admin.get("/api/tenant/device", params={"deviceName": "Wrong"}).status_code == 404


def test_names_that_are_taken(admin: httpx.Client) -> None:
    path = "/api/device?nameConflictPolicy=UNIQUIFY&uniquifyStrategy=INCREMENTAL&uniquifySeparator=-"
    made = ok(admin.post(path, json={"name": "Test Device A1"}))
    assert made["name"] == "Test Device A1-1"
    ok_empty(admin.delete(f"/api/device/{made['id']['id']}"))


def ok_empty(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.content) == (200, b"")


def test_tokens_that_are_taken(admin: httpx.Client) -> None:
    taken = "Device credentials are already assigned to another device!"
    assert told(admin.post("/api/device?accessToken=A1_TEST_TOKEN", json={"name": "Taken"})) == (400, 31, taken)
    body: Json = {
        "device": {"name": "Taken"},
        "credentials": {"credentialsType": "ACCESS_TOKEN", "credentialsId": "A1_TEST_TOKEN"},
    }
    assert told(admin.post("/api/device-with-credentials", json=body)) == (400, 31, taken)
    assert told(admin.get("/api/tenant/device?deviceName=Taken")) == (404, 32, "Requested item wasn't found!")
    device = named(admin, "Test Device B1")
    body["device"] = device | {"label": "not this"}
    assert told(admin.post("/api/device-with-credentials", json=body)) == (400, 31, taken)
    assert named(admin, "Test Device B1") == device


def test_a_device_with_credentials(admin: httpx.Client) -> None:
    value = json.dumps({"clientId": "c", "userName": "u", "password": "p"})
    body: Json = {
        "device": {"name": "Basic"},
        "credentials": {"credentialsType": "MQTT_BASIC", "credentialsValue": value},
    }
    device = ok(admin.post("/api/device-with-credentials", json=body))
    path = f"/api/device/{device['id']['id']}/credentials"
    credentials = ok(admin.get(path))
    assert (credentials["credentialsType"], json.loads(credentials["credentialsValue"])) == (
        "MQTT_BASIC",
        json.loads(value),
    )
    body = {
        "device": device | {"label": "new"},
        "credentials": {"credentialsType": "ACCESS_TOKEN", "credentialsId": "NOW"},
    }
    assert ok(admin.post("/api/device-with-credentials", json=body))["label"] == "new"
    assert ok(admin.get(path)) | {"version": 0} == credentials | {
        "credentialsType": "ACCESS_TOKEN",
        "credentialsId": "NOW",
        "credentialsValue": None,
        "version": 0,
    }
    ok_empty(admin.delete(f"/api/device/{device['id']['id']}"))


@pytest.fixture
def credentials(admin: httpx.Client) -> Json:
    """Those of Test Device B1."""
    device_id = named(admin, "Test Device B1")["id"]["id"]
    credentials: Json = ok(admin.get(f"/api/device/{device_id}/credentials"))
    return credentials


def test_credentials_go_back_as_they_came(admin: httpx.Client, credentials: Json) -> None:
    saved = ok(admin.post("/api/device/credentials", json=credentials))
    assert saved == credentials | {"version": credentials["version"] + 1}
    stale = admin.post("/api/device/credentials", json=credentials)
    assert told(stale) == (409, 35, "Entity was already changed by someone else")
    assert (
        ok(admin.post("/api/device/credentials", json=credentials | {"version": None}))["version"]
        == saved["version"] + 1
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": None}, "Credentials for this device are already specified!"),
        ({"id": {"id": UNKNOWN}}, "Unable to update non-existent device credentials!"),
        ({"id": {"id": "abc"}}, "Invalid UUID string: abc"),
        ({"deviceId": None}, "Invalid entity id"),
        ({"deviceId": {"id": UNKNOWN}}, "Invalid request body: deviceId.entityType: Field required"),
        ({"credentialsType": None}, "Device credentials type should be specified"),
        ({"credentialsId": None}, "Device credentials id should be specified!"),
        ({"credentialsId": " "}, "Device credentials id should be specified!"),
        ({"credentialsId": "a\nb"}, "credentialsId must not contain control characters!"),
        ({"credentialsId": LONG}, "Validation error: credentialsId length must be equal or less than 255"),
        ({"credentialsId": "A1_TEST_TOKEN"}, "Device credentials are already assigned to another device!"),
        (
            {"credentialsType": "MQTT_BASIC", "credentialsValue": None},
            "Invalid credentials body for simple mqtt credentials!",
        ),
        ({"credentialsType": "MQTT_BASIC", "credentialsValue": "{}"}, "Both mqtt client id and user name are empty!"),
    ],
)
def test_every_field_of_credentials_wrong_once(
    admin: httpx.Client, credentials: Json, fields: Json, message: str
) -> None:
    assert told(admin.post("/api/device/credentials", json=credentials | fields)) == (400, 31, message)
    unknown = credentials | {"deviceId": entity("DEVICE", UNKNOWN)}
    assert told(admin.post("/api/device/credentials", json=unknown)) == (
        404,
        32,
        f"Device with id [{UNKNOWN}] is not found",
    )
    kind = admin.post("/api/device/credentials", json=credentials | {"credentialsType": "PASSWORD"})
    assert told(kind)[:2] == (400, 31)


def test_lists(admin: httpx.Client, customer_user: httpx.Client) -> None:
    page = ok(admin.get("/api/tenant/devices?pageSize=2&page=0&textSearch=test%20DEVICE&sortProperty=name"))
    assert [device["name"] for device in page["data"]] == ["Test Device A1", "Test Device A2"]
    assert (page["totalPages"], page["totalElements"], page["hasNext"]) == (2, 3, True)
    path = f"/api/customer/{customer_a(admin)}/deviceInfos?pageSize=10&page=0&sortProperty=name&sortOrder=DESC"
    for http in (admin, customer_user):
        infos = ok(http.get(path))
        assert [device["name"] for device in infos["data"]] == ["Test Device A2", "Test Device A1"]
        assert {device["customerTitle"] for device in infos["data"]} == {"Customer A"}
        assert ok(http.get(f"{path}&active=true"))["data"] == []
    ids = [named(admin, name)["id"]["id"] for name in ("Test Device B1", "Test Device A1")]
    both = f"/api/devices?deviceIds={','.join([*ids, UNKNOWN])}"
    assert [device["id"]["id"] for device in ok(admin.get(both))] == ids
    assert [device["id"]["id"] for device in ok(customer_user.get(both))] == ids[1:]
    assert [entry["type"] for entry in ok(customer_user.get("/api/device/types"))] == ["default"]
    everything = ok(admin.get("/api/tenant/deviceInfos?pageSize=2147483647&page=0"))
    assert (everything["totalPages"], everything["hasNext"]) == (1, False)
    assert ok(admin.get("/api/tenant/devices?pageSize=10&page=2147483647"))["data"] == []


def test_what_others_may_not(
    admin: httpx.Client, customer_user: httpx.Client, other_admin: httpx.Client, sys_admin: httpx.Client
) -> None:
    mine, theirs = named(admin, "Test Device B1"), named(admin, "Test Device A1")
    device_id = mine["id"]["id"]
    not_found = (404, 32, f"Device with id [{device_id}] is not found")
    for path in (f"/api/device/{device_id}", f"/api/device/info/{device_id}", f"/api/device/{device_id}/credentials"):
        for http in (customer_user, other_admin):
            assert told(http.get(path)) == not_found
        assert told(sys_admin.get(path)) == (403, 20, NOT_ALLOWED)
    assert told(other_admin.post("/api/device", json=mine)) == not_found
    assert ok(customer_user.get(f"/api/device/{theirs['id']['id']}")) == theirs
    for answer in (
        customer_user.post("/api/device", json={"name": "Mine"}),
        customer_user.delete(f"/api/device/{theirs['id']['id']}"),
        customer_user.post(f"/api/customer/public/device/{theirs['id']['id']}"),
        customer_user.get("/api/tenant/devices?pageSize=1&page=0"),
        customer_user.get("/api/tenant/devices?deviceName=Test%20Device%20A1"),
        customer_user.get("/api/deviceProfiles?pageSize=1&page=0"),
        sys_admin.get("/api/device/types"),
        sys_admin.get("/api/deviceProfileInfo/default"),
    ):
        assert told(answer) == (403, 20, NOT_ALLOWED)
    customer = admin.post(f"/api/customer/{UNKNOWN}/device/{device_id}")
    assert told(customer) == (404, 32, f"Customer with id [{UNKNOWN}] is not found")


PUMP: Json = {"name": "Pumps", "type": "DEFAULT", "transportType": "MQTT"}
DATA: Json = {
    "configuration": {"type": "DEFAULT"},
    "transportConfiguration": {"type": "MQTT", "deviceTelemetryTopic": "pumps/+/t", "custom": [1]},
    "alarms": [{"alarmType": "dry"}],
    "trunkline": {"submitStrategy": "SEQUENTIAL_ON_ACK_FROM_DEVICE", "redelivery": "never", "deadlineInBody": True},
}


def test_a_profiles_life(admin: httpx.Client, customer_user: httpx.Client) -> None:
    created = ok(admin.post("/api/deviceProfile", json=PUMP | {"profileData": DATA}))
    profile_id = created["id"]["id"]
    path = f"/api/deviceProfile/{profile_id}"
    assert (created["version"], created["default"], created["provisionType"]) == (1, False, "DISABLED")
    assert created["profileData"]["alarms"] == DATA["alarms"]
    transport = created["profileData"]["transportConfiguration"]
    assert (transport["deviceTelemetryTopic"], transport["custom"]) == ("pumps/+/t", [1])
    assert created["profileData"]["trunkline"] == DATA["trunkline"] | {"rpcThroughRuleChain": False}
    assert ok(admin.get(path)) == created
    changed = ok(admin.post("/api/deviceProfile", json=created | {"description": "All pumps"}))
    assert changed == created | {"description": "All pumps", "version": 2}
    stale = admin.post("/api/deviceProfile", json=created)
    assert told(stale) == (409, 35, "Device profile was already changed by someone else")

    device = ok(admin.post("/api/device", json={"name": "P", "deviceProfileId": created["id"]}))
    assert (device["type"], device["deviceData"]["transportConfiguration"]) == ("Pumps", {"type": "MQTT"})
    used = admin.delete(path)
    assert told(used) == (400, 31, "The device profile referenced by the devices cannot be deleted!")
    ok_empty(admin.delete(f"/api/device/{device['id']['id']}"))

    before = ok(customer_user.get("/api/deviceProfileInfo/default"))
    assert ok(admin.post(f"{path}/default"))["default"]
    info = ok(customer_user.get("/api/deviceProfileInfo/default"))
    assert info == {name: created[name] for name in info}
    assert ok(customer_user.get(f"/api/deviceProfileInfo/{profile_id}")) == info
    assert told(admin.delete(path))[:2] == (400, 31)  # the default one
    assert ok(admin.post(f"/api/deviceProfile/{before['id']['id']}/default"))["default"]

    infos = ok(customer_user.get("/api/deviceProfileInfos?pageSize=10&page=0&transportType=MQTT"))
    assert [profile["name"] for profile in infos["data"]] == ["Pumps"]
    names = [profile["name"] for profile in ok(customer_user.get("/api/deviceProfile/names"))]
    assert names == sorted(names) and {"default", "Pumps"} <= set(names)
    used_names = [profile["name"] for profile in ok(admin.get("/api/deviceProfile/names?activeOnly=true"))]
    assert used_names == ["default"]
    by_id = ok(admin.get(f"/api/deviceProfileInfos/list?deviceProfileIds={profile_id},{UNKNOWN}"))
    assert [profile["id"]["id"] for profile in by_id] == [profile_id]
    ok_empty(admin.delete(path))
    assert told(admin.get(path)) == (404, 32, f"Device profile with id [{profile_id}] is not found")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": None}, "Device profile name should be specified!"),
        ({"name": LONG}, "Validation error: name length must be equal or less than 255"),
        ({"name": "default"}, "Device profile with such name already exists!"),
        ({"description": "a\x00"}, "Device profile description should not contain 0x00 symbol!"),
        ({"type": None}, "Device profile type should be specified!"),
        ({"transportType": None}, "Device profile transport type should be specified!"),
        ({"default": True}, "Another default device profile is present in scope of current tenant!"),
        ({"defaultQueueName": LONG}, "Validation error: defaultQueueName length must be equal or less than 255"),
        (
            {"profileData": {"transportConfiguration": {"type": "MQTT", "deviceTelemetryTopic": "a#"}}},
            "'a#' is no filter of MQTT topics",
        ),
        (
            {"profileData": {"trunkline": {"redelivery": "often"}}},
            "Invalid request body: profileData.trunkline.redelivery: "
            "Input should be 'unanswered', 'undelivered' or 'never'",
        ),
    ],
)
def test_every_field_of_a_profile_wrong_once(admin: httpx.Client, fields: Json, message: str) -> None:
    assert told(admin.post("/api/deviceProfile", json=PUMP | {"name": "Wrong"} | fields)) == (400, 31, message)
