"""The shape of users, field by field, and what is read of one."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from trunkline.contract.errors import TrunklineError
from trunkline.facade.schemas.base import Body
from trunkline.facade.schemas.users import User, UserBody
from trunkline.v1 import identity_pb2 as identity_pb
from trunkline.v1.identity_service_pb2 import CreateUserRequest, UpdateUserRequest
from trunkline.v1.rpc_service_pb2 import Role

NONE = "13814000-1dd2-11b2-8080-808080808080"
USER = "dda8d87a-14bd-4cd6-819a-325676cef9ba"
TENANT = "9329b256-96a2-491c-ba5e-9d2014145311"
CUSTOMER = "2a246bf2-7f96-418e-a96b-785d7893650b"
TIME = Timestamp(seconds=1_720_000_000, nanos=123_000_000)


def as_json(body: Body) -> Any:
    return body.model_dump(mode="json", by_alias=True)


def test_user() -> None:
    user = identity_pb.User(id="u", email="a@b.c", role=Role.ROLE_SYS_ADMIN, create_time=TIME, version=2)
    assert as_json(User.of(user)) == {
        "id": {"entityType": "USER", "id": "u"},
        "createdTime": 1_720_000_000_123,
        "tenantId": {"entityType": "TENANT", "id": NONE},
        "customerId": {"entityType": "CUSTOMER", "id": NONE},
        "email": "a@b.c",
        "name": "a@b.c",
        "authority": "SYS_ADMIN",
        "firstName": None,
        "lastName": None,
        "phone": None,
        "version": 2,
        "additionalInfo": None,
    }


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        (b"", {"userCredentialsEnabled": True, "userActivated": True, "lastLoginTs": None}),
        (
            b'{"lang":"de","lastLoginTs":5}',
            {"lang": "de", "userCredentialsEnabled": True, "userActivated": True, "lastLoginTs": None},
        ),
        (b'"text"', "text"),
    ],
)
def test_a_users_state_is_among_the_additional_info(kept: bytes, shown: object) -> None:
    user = identity_pb.User(id="u", role=Role.ROLE_SYS_ADMIN, additional_info=kept, enabled=True, activated=True)
    assert as_json(User.with_state(user))["additionalInfo"] == shown


def test_the_last_login() -> None:
    user = identity_pb.User(id="u", role=Role.ROLE_SYS_ADMIN, last_login_time=TIME)
    assert as_json(User.with_state(user))["additionalInfo"] == {
        "userCredentialsEnabled": False,
        "userActivated": False,
        "lastLoginTs": 1_720_000_000_123,
    }


def test_a_whole_body() -> None:
    body = UserBody.read(
        b'{"id":{"entityType":"USER","id":"%s"},"createdTime":5,"tenantId":{"entityType":"TENANT","id":"%s"},'
        b'"customerId":{"entityType":"CUSTOMER","id":"%s"},"email":"a@b.c","name":"ignored","authority":"CUSTOMER_USER",'
        b'"firstName":"A","lastName":"B","phone":491,"version":3,"additionalInfo":{"lang":"de"},"more":1}'
        % (USER.upper().encode(), TENANT.encode(), CUSTOMER.encode())
    )
    user = identity_pb.User(
        tenant_id=TENANT,
        customer_id=CUSTOMER,
        email="a@b.c",
        role=Role.ROLE_CUSTOMER_USER,
        first_name="A",
        last_name="B",
        phone="491",
        additional_info=b'{"lang":"de"}',
    )
    assert body.creation() == CreateUserRequest(user=user)
    user.id = USER
    assert body.update() == UpdateUserRequest(user=user, version=3)


def test_an_empty_body() -> None:
    assert UserBody.read(b"{}").creation() == CreateUserRequest(user=identity_pb.User())
    none = UserBody.read(b'{"id":{"entityType":"USER","id":"%s"},"email":null}' % NONE.encode())
    assert none.update() == UpdateUserRequest(user=identity_pb.User(id=NONE))  # an id that nobody has


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b'{"userCredentialsEnabled":true,"userActivated":true,"lastLoginTs":null}', b""),
        (b'{"lang":"de","userActivated":true}', b'{"lang":"de"}'),
        (b"{}", b"{}"),
        (b"[1]", b"[1]"),
        (b"null", b""),
    ],
)
def test_a_users_state_is_not_kept(sent: bytes, kept: bytes) -> None:
    body = UserBody.read(b'{"additionalInfo":%s}' % sent)
    assert body.creation().user.additional_info == kept


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"id":"%s"}' % USER.encode(), "Invalid request body: id: "),
        (b'{"id":{"id":"%s"}}' % USER.encode(), "Invalid request body: id.entityType: "),
        (b'{"id":{"entityType":"USER"}}', "Invalid request body: id.id: "),
        (b'{"id":{"entityType":"DEVICE","id":"%s"}}' % USER.encode(), "Invalid request body: an id of type USER"),
        (b'{"id":{"entityType":"USER","id":"abc"}}', "Invalid UUID string: abc"),
        (b'{"createdTime":"now"}', "Invalid request body: createdTime: "),
        (b'{"tenantId":5}', "Invalid request body: tenantId: "),
        (b'{"tenantId":{"entityType":"TENANT","id":"abc"}}', "Invalid UUID string: abc"),
        (b'{"customerId":[]}', "Invalid request body: customerId: "),
        (
            b'{"customerId":{"entityType":"TENANT","id":"%s"}}' % USER.encode(),
            "Invalid request body: an id of type CUS",
        ),
        (b'{"email":{}}', "Invalid request body: email: "),
        (b'{"authority":"REFRESH_TOKEN"}', "Invalid request body: authority: "),
        (b'{"authority":1}', "Invalid request body: authority: "),
        (b'{"firstName":[]}', "Invalid request body: firstName: "),
        (b'{"lastName":{}}', "Invalid request body: lastName: "),
        (b'{"phone":[]}', "Invalid request body: phone: "),
        (b'{"version":"x"}', "Invalid request body: version: "),
        (b'{"version":9223372036854775808}', "Invalid request body: version: "),
        (b'{"additionalInfo":NaN}', "Invalid request body: a number is out of range"),
    ],
)
def test_each_field_wrong_once(body: bytes, message: str) -> None:
    with pytest.raises(TrunklineError) as caught:
        UserBody.read(body).update()
    assert caught.value.row.http == 400
    assert caught.value.message.startswith(message)
