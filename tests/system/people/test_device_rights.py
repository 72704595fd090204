"""Who may do what with devices, credentials, profiles and their lists, over REST."""

from collections.abc import Iterator, Mapping
from typing import Final

import pytest
from system.people.answers import Callers, Json, told
from system.people.crowd import crowd, things

COLUMNS: Final = ("sys_admin", "admin", "other_admin", "customer_user", "other_customer_user", "public")
"""The device is of the customer of `customer_user`. A dash in a row is for what would change it for the rows behind."""

SEEN: Final = "403 200 404 200 404 404"
"""By its tenant's administrators and its customer's users; a system administrator has no devices."""
TENANTS: Final = "403 200 404 403 403 403"
"""By its tenant's administrators; customers' users never, so that they are told so."""
CHANGED: Final = TENANTS.replace("200", "-")
LISTED: Final = "403 200 200 403 403 403"
FOR_ALL: Final = "403 200 200 200 200 200"
CALLED: Final = "403 504 404 504 403 403"
"""Nobody answers for the device, but it was called."""

CALL: Final = {"method": "m", "failFast": True}
PAGE: Final = "pageSize=10&page=0"

ROWS: Final = (
    ("GET", "/api/device/{device}", SEEN),
    ("GET", "/api/device/info/{device}", SEEN),
    ("GET", "/api/device/{device}/credentials", SEEN),
    ("POST", "/api/device device", SEEN),
    ("POST", "/api/device new", "403 - - 403 403 403"),
    ("POST", "/api/device-with-credentials both", TENANTS),
    ("POST", "/api/device/credentials credentials", TENANTS),
    ("DELETE", "/api/device/{device}", CHANGED),
    ("POST", "/api/customer/{other}/device/{device}", CHANGED),
    ("POST", "/api/customer/public/device/{device}", CHANGED),
    ("DELETE", "/api/customer/device/{device}", CHANGED),
    ("GET", "/api/tenant/device?deviceName={name}", TENANTS),
    ("GET", "/api/tenant/devices?deviceName={name}", TENANTS),
    ("GET", f"/api/tenant/devices?{PAGE}", LISTED),
    ("GET", f"/api/tenant/deviceInfos?{PAGE}", LISTED),
    ("GET", f"/api/customer/{{customer}}/devices?{PAGE}", SEEN),
    ("GET", f"/api/customer/{{customer}}/deviceInfos?{PAGE}&active=true", SEEN),
    ("GET", "/api/devices?deviceIds={device}", FOR_ALL),
    ("GET", "/api/device/types", FOR_ALL),
    ("GET", "/api/deviceProfile/{profile}", TENANTS),
    ("POST", "/api/deviceProfile profile", TENANTS),
    ("POST", "/api/deviceProfile new", "403 - - 403 403 403"),
    ("DELETE", "/api/deviceProfile/{profile}", CHANGED),
    ("POST", "/api/deviceProfile/{profile}/default", CHANGED),
    ("GET", f"/api/deviceProfiles?{PAGE}", LISTED),
    ("GET", "/api/deviceProfileInfo/{profile}", "403 200 404 200 200 200"),
    ("GET", "/api/deviceProfileInfo/default", FOR_ALL),
    ("GET", f"/api/deviceProfileInfos?{PAGE}", FOR_ALL),
    ("GET", "/api/deviceProfileInfos/list?deviceProfileIds={profile}", FOR_ALL),
    ("GET", "/api/deviceProfile/names", FOR_ALL),
    ("POST", "/api/rpc/oneway/{device} call", CALLED),
    ("POST", "/api/rpc/twoway/{device} call", CALLED),
    ("POST", "/api/plugins/rpc/oneway/{device} call", CALLED.replace("504", "409")),
    ("POST", "/api/plugins/rpc/twoway/{device} call", CALLED.replace("504", "409")),
    ("POST", "/api/rpc/twoway/{device} stored", CALLED.replace("504", "200")),
    ("GET", "/api/rpc/persistent/{call}", SEEN),
    ("GET", f"/api/rpc/persistent/device/{{device}}?{PAGE}", CALLED.replace("504", "200")),
    ("GET", "/api/rpc/{call}/explain", SEEN),
    ("POST", "/api/rpc/persistent/{call}/cancel", SEEN),
    ("DELETE", "/api/rpc/persistent/{call}", CHANGED),
)


@pytest.fixture(scope="module")
def everybody(url: str, callers: Callers) -> Iterator[Callers]:
    with crowd(url, callers) as everybody:
        yield everybody


@pytest.fixture(scope="module")
def there_is(callers: Callers) -> Mapping[str, Json]:
    return things(callers)


@pytest.mark.parametrize(("method", "where", "statuses"), ROWS, ids=[f"{row[0]} {row[1]}" for row in ROWS])
def test_who_may_do_what(
    everybody: Callers, there_is: Mapping[str, Json], method: str, where: str, statuses: str
) -> None:
    template, _, said = where.partition(" ")
    ids = {name: thing["id"]["id"] for name, thing in there_is.items()}
    path = template.format(**ids, name=there_is["device"]["name"])
    bodies: Mapping[str, Json | None] = {
        **there_is,
        "": None,
        "new": {"name": "x", "type": "DEFAULT", "transportType": "DEFAULT"},
        "both": {"device": there_is["device"], "credentials": there_is["credentials"]},
        "call": CALL,
        "stored": {"method": "m", "persistent": True},
    }
    asked = [who for who, status in zip(COLUMNS, statuses.split(), strict=True) if status != "-"]
    answers = {who: everybody[who].request(method, path, json=bodies[said]) for who in asked}
    expected = {who: status for who, status in zip(COLUMNS, statuses.split(), strict=True) if status != "-"}
    assert {who: str(answer.status_code) for who, answer in answers.items()} == expected
    for answer in answers.values():
        if answer.status_code in (403, 404):
            assert told(answer)[1] == {403: 20, 404: 32}[answer.status_code]
            assert there_is["device"]["name"] not in answer.text
    for who, code in (("nobody", 10), ("revoked", 11)):
        assert told(everybody[who].request(method, path, json=bodies[said]))[:2] == (401, code)


def test_lists_hold_what_one_may_see(everybody: Callers, there_is: Mapping[str, Json]) -> None:
    device_id = there_is["device"]["id"]["id"]
    seen = {who: everybody[who].get(f"/api/devices?deviceIds={device_id}").json() for who in COLUMNS[1:]}
    assert [who for who, devices in seen.items() if devices] == ["admin", "customer_user"]
    types = {who: [one["type"] for one in everybody[who].get("/api/device/types").json()] for who in COLUMNS[1:]}
    assert [who for who, names in types.items() if there_is["device"]["type"] in names] == ["admin", "customer_user"]
    profile_id = there_is["profile"]["id"]["id"]
    path = f"/api/deviceProfileInfos/list?deviceProfileIds={profile_id}"
    assert everybody["other_admin"].get(path).json() == []


def test_a_customers_user_gives_no_device_away(everybody: Callers, there_is: Mapping[str, Json]) -> None:
    """Changing is allowed, but not to whom it belongs."""
    for customer_id in (there_is["other"]["id"], None):
        body = there_is["device"] | {"customerId": customer_id}
        assert told(everybody["customer_user"].post("/api/device", json=body))[:2] == (403, 20)
    assert everybody["customer_user"].get(f"/api/device/{there_is['device']['id']['id']}").status_code == 200
