"""Bodies of logins, and tokens in ThingsBoard's shape."""

import pytest

from trunkline.contract.errors import TrunklineError
from trunkline.facade.schemas.base import Body
from trunkline.facade.schemas.logins import (
    ActivationBody,
    ActivationLink,
    CredentialsBody,
    PasswordChangeBody,
    PublicLoginBody,
    RefreshBody,
    Tokens,
)
from trunkline.v1 import identity_pb2 as identity_pb


def test_tokens() -> None:
    pair = identity_pb.TokenPair(access_token="a", refresh_token="r")
    assert Tokens.of(pair).model_dump(by_alias=True) == {"token": "a", "refreshToken": "r"}


def test_an_activation_link() -> None:
    link = ActivationLink(value="http://host", ttl_ms=5)
    assert link.model_dump(by_alias=True) == {"value": "http://host", "ttlMs": 5}


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        (CredentialsBody, b'{"username":"u","password":"p","rememberMe":true}'),
        (CredentialsBody, b'{"username":"u"}'),
        (PublicLoginBody, b'{"publicId":"p","more":1}'),
        (PublicLoginBody, b'{"publicId":null}'),
        (RefreshBody, b'{"refreshToken":"r","more":1}'),
        (RefreshBody, b"{}"),
        (PasswordChangeBody, b'{"currentPassword":[]}'),
        (ActivationBody, b'{"password":{}}'),
    ],
)
def test_bodies_that_are_none(schema: type[Body], body: bytes) -> None:
    with pytest.raises(TrunklineError, match="Invalid request body: "):
        schema.read(body)


def test_what_may_be_left_out() -> None:
    assert PasswordChangeBody.read(b'{"newPassword":"n","more":1}') == PasswordChangeBody(new_password="n")
    assert ActivationBody.read(b'{"activateToken":"t"}') == ActivationBody(activate_token="t")
