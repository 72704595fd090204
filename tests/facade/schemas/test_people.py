"""The shapes of users and tokens, field by field."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from trunkline.contract.errors import TrunklineError
from trunkline.facade.schemas.base import Body
from trunkline.facade.schemas.people import Credentials, Tokens, User
from trunkline.v1 import identity_pb2 as identity_pb
from trunkline.v1.rpc_service_pb2 import Role

NONE = "13814000-1dd2-11b2-8080-808080808080"
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


def test_tokens() -> None:
    pair = identity_pb.TokenPair(access_token="a", refresh_token="r")
    assert as_json(Tokens.of(pair)) == {"token": "a", "refreshToken": "r"}


def test_a_login_knows_two_fields() -> None:
    with pytest.raises(TrunklineError):
        Credentials.read(b'{"username":"u","password":"p","rememberMe":true}')
