"""The shape of tenants, field by field, and what is read of one."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from trunkline.contract.errors import TrunklineError
from trunkline.facade.schemas.tenants import Tenant, TenantBody
from trunkline.v1 import identity_pb2 as identity_pb
from trunkline.v1.identity_service_pb2 import CreateTenantRequest, UpdateTenantRequest

NONE = "13814000-1dd2-11b2-8080-808080808080"
TENANT = "9329b256-96a2-491c-ba5e-9d2014145311"
TIME = Timestamp(seconds=1_720_000_000, nanos=123_000_000)


def test_tenant() -> None:
    tenant = identity_pb.Tenant(
        id="t", title="T1", region="Global", create_time=TIME, version=1, additional_info=b'{"description":"d"}'
    )
    assert Tenant.of(tenant).model_dump(mode="json", by_alias=True) == {
        "id": {"entityType": "TENANT", "id": "t"},
        "createdTime": 1_720_000_000_123,
        "title": "T1",
        "name": "T1",
        "region": "Global",
        "tenantProfileId": {"entityType": "TENANT_PROFILE", "id": NONE},
        "country": None,
        "state": None,
        "city": None,
        "address": None,
        "address2": None,
        "zip": None,
        "phone": None,
        "email": None,
        "version": 1,
        "additionalInfo": {"description": "d"},
    }


def test_a_whole_body() -> None:
    body = TenantBody.read(
        b'{"id":{"entityType":"TENANT","id":"%s"},"createdTime":5,"title":"T1","region":"Europe","city":"Oslo",'
        b'"tenantProfileId":{"entityType":"TENANT_PROFILE","id":"%s"},"version":2,"additionalInfo":{}}'
        % (TENANT.encode(), NONE.encode())
    )
    tenant = identity_pb.Tenant(
        title="T1", region="Europe", contact=identity_pb.Contact(city="Oslo"), additional_info=b"{}"
    )
    assert body.creation() == CreateTenantRequest(tenant=tenant)
    tenant.id = TENANT
    assert body.update() == UpdateTenantRequest(tenant=tenant, version=2)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"id":"%s"}' % TENANT.encode(), "Invalid request body: id: "),
        (b'{"id":{"entityType":"CUSTOMER","id":"%s"}}' % TENANT.encode(), "Invalid request body: an id of type TENANT"),
        (b'{"createdTime":{}}', "Invalid request body: createdTime: "),
        (b'{"tenantProfileId":"default"}', "Invalid request body: tenantProfileId: "),
        (
            b'{"tenantProfileId":{"entityType":"TENANT","id":"%s"}}' % NONE.encode(),
            "Invalid request body: an id of type",
        ),
        (b'{"title":[]}', "Invalid request body: title: "),
        (b'{"region":{}}', "Invalid request body: region: "),
        (b'{"email":[]}', "Invalid request body: email: "),
        (b'{"version":[]}', "Invalid request body: version: "),
        (b'{"additionalInfo":Infinity}', "Invalid request body: a number is out of range"),
    ],
)
def test_each_field_wrong_once(body: bytes, message: str) -> None:
    with pytest.raises(TrunklineError) as caught:
        TenantBody.read(body).update()
    assert caught.value.row.http == 400
    assert caught.value.message.startswith(message)
