"""Logging in, refreshing and logging out."""

from dataclasses import replace

import pytest
from doubles.people import NOW_MS
from doubles.wall_clock import WallClock

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.identity.logins import Logins
from trunkline.core.identity.model import User
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.tokens import REFRESH_LIFE_S, Tokens
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

WRONG = (ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Invalid username or password")
FAILED = (ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Authentication failed")
NOT_ACTIVE = (ErrorReason.ERROR_REASON_ACCOUNT_DISABLED, "User account is not active")
OUTDATED = (ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Token is outdated")
EXPIRED = (ErrorReason.ERROR_REASON_TOKEN_EXPIRED, "Token has expired")

Refusal = tuple[ErrorReason.ValueType, str]


async def login_refused(logins: Logins, email: str, password: str) -> Refusal:
    with pytest.raises(TrunklineError) as caught:
        await logins.login(email, password)
    return caught.value.reason, caught.value.message


async def refresh_refused(logins: Logins, token: str) -> Refusal:
    with pytest.raises(TrunklineError) as caught:
        await logins.refresh(token)
    return caught.value.reason, caught.value.message


async def test_the_right_password_gives_the_users_tokens(logins: Logins, tokens: Tokens, ann: User) -> None:
    principal = tokens.verify_access((await logins.login("ann@example.com", "secret")).access)
    assert (principal.user_id, principal.tenant_id, principal.role) == (ann.id, ann.tenant_id, ann.role)
    assert await logins.user(principal) == replace(ann, last_login_unix_ms=NOW_MS)


@pytest.mark.parametrize(
    ("email", "password", "refusal"),
    [
        ("ann@example.com", "Secret", WRONG),
        ("Ann@example.com", "secret", WRONG),
        ("bob@example.com", "secret", WRONG),
        ("", "secret", FAILED),
        ("ann@example.com", "", FAILED),
        (" ", " ", FAILED),
    ],
)
@pytest.mark.usefixtures("ann")
async def test_nothing_else_does(logins: Logins, email: str, password: str, refusal: Refusal) -> None:
    assert await login_refused(logins, email, password) == refusal


async def test_a_disabled_account_says_so_whatever_the_password(logins: Logins, store: Store, ann: User) -> None:
    pair = await logins.login(ann.email, "secret")
    await store.users.disable(ann.id)
    assert await login_refused(logins, ann.email, "secret") == NOT_ACTIVE
    assert await login_refused(logins, ann.email, "wrong") == NOT_ACTIVE
    assert await refresh_refused(logins, pair.refresh) == NOT_ACTIVE


async def test_refreshing_gives_a_new_session_and_leaves_the_old_one(
    logins: Logins, tokens: Tokens, ann: User, wall: WallClock
) -> None:
    first = await logins.login(ann.email, "secret")
    wall.now_s += 60
    second = await logins.refresh(first.refresh)
    assert tokens.verify_access(first.access).token_session_id != tokens.verify_access(second.access).token_session_id
    assert await logins.refresh(first.refresh)


async def test_bad_refresh_tokens_are_refused(logins: Logins, ann: User, wall: WallClock) -> None:
    pair = await logins.login(ann.email, "secret")
    assert await refresh_refused(logins, "") == FAILED
    assert await refresh_refused(logins, "  ") == FAILED
    assert await refresh_refused(logins, "x") == WRONG
    assert await refresh_refused(logins, pair.access) == FAILED
    wall.now_s += REFRESH_LIFE_S
    assert await refresh_refused(logins, pair.refresh) == EXPIRED


async def test_the_token_of_a_user_who_is_gone_is_refused(logins: Logins, tokens: Tokens) -> None:
    nobody = User(new_id(), b"", b"", "nobody@example.com", Role.ROLE_SYS_ADMIN, NOW_MS)
    pair = tokens.issue(nobody)
    assert await refresh_refused(logins, pair.refresh) == WRONG
    with pytest.raises(TrunklineError, match="Authentication failed"):
        await logins.user(tokens.verify_access(pair.access))


async def test_logging_out_ends_one_session_at_once(
    logins: Logins, tokens: Tokens, revocations: Revocations, ann: User
) -> None:
    here, there = await logins.login(ann.email, "secret"), await logins.login(ann.email, "secret")
    principal = tokens.verify_access(here.access)
    await logins.logout(principal)
    assert revocations.is_revoked(principal)
    assert await refresh_refused(logins, here.refresh) == OUTDATED
    assert not revocations.is_revoked(tokens.verify_access(there.access))
    assert await logins.refresh(there.refresh)
