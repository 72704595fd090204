"""Who is on the other side."""

import asyncio
import time
from typing import Final

import pytest
from doubles.wall_clock import WallClock

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.identity.model import User
from trunkline.core.identity.principal import Part, Principal
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.tokens import ACCESS_LIFE_S, Tokens
from trunkline.core.rpc.authentication import Authentication, Metadata
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

UNAUTHENTICATED: Final = ErrorReason.ERROR_REASON_UNAUTHENTICATED
TOKEN_EXPIRED: Final = ErrorReason.ERROR_REASON_TOKEN_EXPIRED
SECRET: Final = "5e" * 32
AS_PART: Final = (("trunkline-part-secret", SECRET),)


@pytest.fixture
def authentication(tokens: Tokens, revocations: Revocations) -> Authentication:
    return Authentication(SECRET, tokens, revocations)


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


def refused(authentication: Authentication, metadata: Metadata | None) -> ErrorReason.ValueType:
    with pytest.raises(TrunklineError) as caught:
        authentication.caller(metadata)
    return caught.value.reason


def test_the_secret_makes_a_part(authentication: Authentication) -> None:
    assert authentication.caller(AS_PART) == Part()
    assert authentication.part(AS_PART) == Part()
    with pytest.raises(TrunklineError, match="Authentication failed"):
        authentication.principal(AS_PART)


def test_a_token_makes_a_user(authentication: Authentication, tokens: Tokens, ann: User) -> None:
    shown = bearer(tokens.issue(ann).access)
    principal = authentication.principal(shown)
    assert principal.user_id == ann.id
    assert authentication.caller(shown) == principal
    with pytest.raises(TrunklineError) as caught:
        authentication.part(shown)
    assert caught.value.reason == ErrorReason.ERROR_REASON_PERMISSION_DENIED


def test_a_part_that_passes_a_token_on_speaks_for_its_user(
    authentication: Authentication, tokens: Tokens, ann: User
) -> None:
    shown = (*AS_PART, *bearer(tokens.issue(ann).access))
    assert authentication.principal(shown).user_id == ann.id


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        (),
        (("other", "x"),),
        (("trunkline-part-secret", ""),),
        (("trunkline-part-secret", SECRET[:-1]),),
        (("trunkline-part-secret", SECRET.upper()),),
        (("trunkline-part-secret", b"\xff"),),
        (("authorization", ""),),
        (("authorization", "Bearer"),),
        (("authorization", "Bearer "),),
        (("authorization", "Bearer  x"),),
        (("authorization", "bearer x"),),
        (("authorization", "Basic x"),),
        (("authorization", f"Bearer {SECRET}"),),
        (*AS_PART, ("authorization", "Bearer x")),
    ],
)
def test_nothing_else_makes_anybody(authentication: Authentication, metadata: Metadata | None) -> None:
    assert refused(authentication, metadata) == UNAUTHENTICATED


def test_a_wrong_secret_spoils_a_good_token(authentication: Authentication, tokens: Tokens, ann: User) -> None:
    shown = (("trunkline-part-secret", "wrong"), *bearer(tokens.issue(ann).access))
    assert refused(authentication, shown) == UNAUTHENTICATED


def test_an_expired_token_is_refused(
    authentication: Authentication, tokens: Tokens, ann: User, wall: WallClock
) -> None:
    shown = bearer(tokens.issue(ann).access)
    wall.now_s += ACCESS_LIFE_S
    assert refused(authentication, shown) == TOKEN_EXPIRED


async def test_a_revoked_token_is_refused_though_it_was_good_before(
    authentication: Authentication, tokens: Tokens, revocations: Revocations, ann: User, wall: WallClock
) -> None:
    shown = bearer(tokens.issue(ann).access)
    principal = authentication.principal(shown)
    await revocations.revoke_session(ann.id, principal.token_session_id, wall.now_ms)
    assert refused(authentication, shown) == TOKEN_EXPIRED


def test_a_bare_token_is_what_a_stream_renews_with(authentication: Authentication, tokens: Tokens, ann: User) -> None:
    assert authentication.token(tokens.issue(ann).access).user_id == ann.id


# --- as long as the token is good ---


def somebody(*, expires_in_s: int) -> Principal:
    return Principal(Role.ROLE_TENANT_ADMIN, new_id(), new_id(), b"", new_id(), 1, int(time.time()) + expires_in_s)


async def forever(begun: asyncio.Event, over: asyncio.Event) -> None:
    begun.set()
    try:
        await asyncio.Event().wait()
    finally:
        over.set()


async def test_what_is_served_ends_with_its_token(authentication: Authentication) -> None:
    begun, over = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(10):
        with pytest.raises(TrunklineError) as caught:
            await authentication.while_valid(somebody(expires_in_s=1), forever(begun, over))
    assert caught.value.reason == TOKEN_EXPIRED
    assert over.is_set()


async def test_what_is_served_ends_when_its_token_is_revoked(
    authentication: Authentication, revocations: Revocations
) -> None:
    begun, over = asyncio.Event(), asyncio.Event()
    principal = somebody(expires_in_s=1_000)
    serving = asyncio.create_task(authentication.while_valid(principal, forever(begun, over)))
    async with asyncio.timeout(10):
        await begun.wait()
        await revocations.revoke_user(new_id(), 2)
        assert not over.is_set()
        await revocations.revoke_user(principal.user_id, 2)
        await revocations.revoke_user(principal.user_id, 3)  # once is enough
        with pytest.raises(TrunklineError) as caught:
            await serving
    assert caught.value.reason == TOKEN_EXPIRED
    assert over.is_set()
    assert not revocations._listeners


async def test_what_is_served_may_end_by_itself(authentication: Authentication) -> None:
    async def slow() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        await authentication.while_valid(somebody(expires_in_s=1_000), slow())
