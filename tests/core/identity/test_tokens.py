"""Tokens: their claims, and which are refused how."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from doubles.wall_clock import WallClock

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import from_text, new_id, to_text
from trunkline.core.identity.keys import SigningKey
from trunkline.core.identity.model import User
from trunkline.core.identity.principal import Principal
from trunkline.core.identity.tokens import ACCESS_LIFE_S, REFRESH_LIFE_S, Tokens
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

NONE = "13814000-1dd2-11b2-8080-808080808080"


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.load(tmp_path)


@pytest.fixture
def tokens(key: SigningKey, wall: WallClock) -> Tokens:
    return Tokens(key, wall)


@pytest.fixture
def user() -> User:
    return User(new_id(), new_id(), b"", "tenant@thingsboard.org", Role.ROLE_TENANT_ADMIN, 0)


def claims(token: str) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return decoded


def test_the_claims_are_thingsboards(tokens: Tokens, user: User) -> None:
    pair = tokens.issue(user)
    access, refresh = claims(pair.access), claims(pair.refresh)
    session_id = access.pop("sessionId")
    assert access == {
        "sub": "tenant@thingsboard.org",
        "userId": to_text(user.id),
        "scopes": ["TENANT_ADMIN"],
        "exp": 1_720_000_000 + ACCESS_LIFE_S,
        "iss": "thingsboard.io",
        "iat": 1_720_000_000,
        "enabled": True,
        "isPublic": False,
        "tenantId": to_text(user.tenant_id),
        "customerId": NONE,
    }
    assert len(from_text(refresh.pop("jti"))) == 16
    assert refresh == {
        "sub": "tenant@thingsboard.org",
        "userId": to_text(user.id),
        "scopes": ["REFRESH_TOKEN"],
        "sessionId": session_id,
        "exp": 1_720_000_000 + REFRESH_LIFE_S,
        "iss": "thingsboard.io",
        "iat": 1_720_000_000,
        "isPublic": False,
    }


def test_names_and_ids_are_said_where_there_are_any(tokens: Tokens, user: User) -> None:
    customer_id = new_id()
    named = replace(user, first_name="Ann", last_name="Bee", customer_id=customer_id, role=Role.ROLE_CUSTOMER_USER)
    access = claims(tokens.issue(named).access)
    assert (access["firstName"], access["lastName"]) == ("Ann", "Bee")
    assert access["customerId"] == to_text(customer_id)
    root = claims(tokens.issue(replace(user, tenant_id=b"", role=Role.ROLE_SYS_ADMIN)).access)
    assert (root["tenantId"], root["scopes"]) == (NONE, ["SYS_ADMIN"])


def test_an_access_token_says_who_it_is(tokens: Tokens, user: User) -> None:
    access = tokens.issue(user).access
    principal = tokens.verify_access(access)
    assert principal == Principal(
        role=Role.ROLE_TENANT_ADMIN,
        tenant_id=user.tenant_id,
        user_id=user.id,
        token_session_id=from_text(claims(access)["sessionId"]),
        issued_unix_ms=1_720_000_000_000,
        expires_unix_s=1_720_000_000 + ACCESS_LIFE_S,
    )
    assert tokens.verify_access(access) is principal  # remembered


def test_each_pair_is_a_session_of_its_own(tokens: Tokens, user: User) -> None:
    first, second = tokens.issue(user), tokens.issue(user)
    assert tokens.verify_access(first.access).token_session_id != tokens.verify_access(second.access).token_session_id
    assert tokens.verify_refresh(first.refresh).token_session_id == tokens.verify_access(first.access).token_session_id


def refused(tokens: Tokens, token: str) -> tuple[ErrorReason.ValueType, str]:
    with pytest.raises(TrunklineError) as caught:
        tokens.verify_access(token)
    return caught.value.reason, caught.value.message


EXPIRED = (ErrorReason.ERROR_REASON_TOKEN_EXPIRED, "Token has expired")
MALFORMED = (ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Invalid username or password")
NOT_FOR_THIS = (ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Authentication failed")


def test_a_token_ends_in_its_last_second_without_leeway(tokens: Tokens, user: User, wall: WallClock) -> None:
    pair = tokens.issue(user)
    wall.now_s += ACCESS_LIFE_S - 0.001
    tokens.verify_access(pair.access)
    wall.now_s += 0.001
    assert refused(tokens, pair.access) == EXPIRED
    assert refused(tokens, pair.access) == EXPIRED  # remembered or not
    wall.now_s += REFRESH_LIFE_S
    with pytest.raises(TrunklineError, match="Token has expired"):
        tokens.verify_refresh(pair.refresh)


def test_another_key_makes_an_expired_token(tokens: Tokens, user: User, wall: WallClock, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert refused(tokens, Tokens(SigningKey.load(tmp_path / "other"), wall).issue(user).access) == EXPIRED


def test_a_changed_claim_is_noticed(tokens: Tokens, user: User) -> None:
    header, _, signature = tokens.issue(user).access.split(".")
    _, other, _ = tokens.issue(replace(user, role=Role.ROLE_SYS_ADMIN)).access.split(".")
    assert refused(tokens, f"{header}.{other}.{signature}") == EXPIRED


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "....", "é"])
def test_what_is_no_token_is_malformed(tokens: Tokens, token: str) -> None:
    assert refused(tokens, token) == MALFORMED


def test_other_algorithms_are_refused(tokens: Tokens, user: User, wall: WallClock) -> None:
    said = claims(tokens.issue(user).access)
    assert refused(tokens, jwt.encode(said, "", algorithm="none")) == MALFORMED
    assert refused(tokens, jwt.encode(said, "k" * 64, algorithm="HS256")) == MALFORMED


def test_each_token_opens_only_its_own_door(tokens: Tokens, user: User) -> None:
    pair = tokens.issue(user)
    assert refused(tokens, pair.refresh) == NOT_FOR_THIS
    with pytest.raises(TrunklineError, match="Authentication failed"):
        tokens.verify_refresh(pair.access)


@pytest.mark.parametrize("missing", ["userId", "sessionId", "tenantId", "customerId", "scopes"])
def test_a_token_of_ours_that_lacks_a_claim_is_refused(
    tokens: Tokens, key: SigningKey, user: User, missing: str
) -> None:
    said = claims(tokens.issue(user).access)
    del said[missing]
    assert refused(tokens, key.sign(said)) == NOT_FOR_THIS


def test_without_an_end_a_token_is_malformed(tokens: Tokens, key: SigningKey, user: User) -> None:
    said = claims(tokens.issue(user).access)
    del said["exp"]
    assert refused(tokens, key.sign(said)) == MALFORMED


def test_memory_is_bounded(key: SigningKey, user: User, wall: WallClock) -> None:
    tokens = Tokens(key, wall, max_remembered=2)
    issued = [tokens.issue(user).access for _ in range(3)]
    first = tokens.verify_access(issued[0])
    for token in issued[1:]:
        tokens.verify_access(token)
    again = tokens.verify_access(issued[0])
    assert again == first
    assert again is not first


def test_tokens_are_as_old_as_what_their_user_was_read_from(tokens: Tokens, user: User, wall: WallClock) -> None:
    pair = tokens.issue(user, as_of_s=wall.now_s - 0.25)
    assert tokens.verify_access(pair.access).issued_unix_ms == wall.now_ms - 250
    assert tokens.verify_refresh(pair.refresh).issued_unix_ms == wall.now_ms - 250


def test_public_tokens_say_so(tokens: Tokens, user: User) -> None:
    pair = tokens.issue(user, is_public=True)
    assert claims(pair.access)["isPublic"] is claims(pair.refresh)["isPublic"] is True
    assert tokens.verify_refresh(pair.refresh).is_public
    assert not tokens.verify_refresh(tokens.issue(user).refresh).is_public
