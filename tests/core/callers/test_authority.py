import asyncio
import time

import pytest
from doubles.people import People
from doubles.wall_clock import WallClock

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import BindPrincipal, RenewCredentials
from trunkline.core.callers.authority import MAX_PRINCIPALS, BackendAuthority, PartAuthority
from trunkline.core.identity.keys import SigningKey
from trunkline.core.identity.model import User
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.tokens import ACCESS_LIFE_S, Tokens
from trunkline.core.rpc.authentication import Authentication
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

ANN = BindPrincipal(1, b"t" * 16, b"u" * 16, Role.ROLE_TENANT_ADMIN)


def refused(caught: pytest.ExceptionInfo[TrunklineError]) -> ErrorReason.ValueType:
    return caught.value.reason


def test_a_part_names_whom_it_speaks_for() -> None:
    authority = PartAuthority()
    with pytest.raises(TrunklineError) as unbound:
        authority.principal(1)
    assert refused(unbound) == ErrorReason.ERROR_REASON_UNAUTHENTICATED
    authority.bind(ANN)
    assert authority.principal(1).user_id == b"u" * 16
    authority.bind(BindPrincipal(1, b"t" * 16, b"v" * 16, Role.ROLE_CUSTOMER_USER, b"c" * 16))
    principal = authority.principal(1)
    assert (principal.user_id, principal.role, principal.customer_id) == (
        b"v" * 16,
        Role.ROLE_CUSTOMER_USER,
        b"c" * 16,
    )
    with pytest.raises(TrunklineError) as renewed:
        authority.renew(RenewCredentials("token"))
    assert refused(renewed) == ErrorReason.ERROR_REASON_PERMISSION_DENIED


def test_a_part_names_so_many_and_no_more() -> None:
    authority = PartAuthority()
    for number in range(MAX_PRINCIPALS):
        authority.bind(BindPrincipal(number, b"t" * 16, b"u" * 16, Role.ROLE_TENANT_ADMIN))
    authority.bind(ANN)
    with pytest.raises(TrunklineError) as full:
        authority.bind(BindPrincipal(MAX_PRINCIPALS, b"t" * 16, b"u" * 16, Role.ROLE_TENANT_ADMIN))
    assert refused(full) == ErrorReason.ERROR_REASON_QUEUE_FULL


@pytest.fixture
def tokens(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    return Tokens(SigningKey.load(tmp_path_factory.mktemp("key")))


@pytest.fixture
async def authentication(store: Store, tokens: Tokens, wall: WallClock) -> Authentication:
    return Authentication("5e" * 32, tokens, await Revocations.load(store.revocations, wall.now_ms))


def backend(authentication: Authentication, tokens: Tokens, user: User) -> BackendAuthority:
    return BackendAuthority(authentication, authentication.token(tokens.issue(user).access))


async def test_a_backend_speaks_for_itself_alone(authentication: Authentication, tokens: Tokens, ann: User) -> None:
    authority = backend(authentication, tokens, ann)
    assert authority.principal(0).user_id == ann.id
    with pytest.raises(TrunklineError) as named:
        authority.principal(1)
    assert refused(named) == ErrorReason.ERROR_REASON_PERMISSION_DENIED
    with pytest.raises(TrunklineError) as bound:
        authority.bind(ANN)
    assert refused(bound) == ErrorReason.ERROR_REASON_PERMISSION_DENIED


async def test_a_stream_ends_with_its_token(
    authentication: Authentication, tokens: Tokens, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = backend(authentication, tokens, ann)
    monkeypatch.setattr("trunkline.core.callers.authority.time.time", later(ACCESS_LIFE_S))
    async with asyncio.timeout(10):
        with pytest.raises(TrunklineError) as expired:
            await authority.while_valid(forever())
    assert refused(expired) == ErrorReason.ERROR_REASON_TOKEN_EXPIRED


async def test_a_renewed_token_lets_the_stream_go_on(
    authentication: Authentication, tokens: Tokens, ann: User, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = backend(authentication, tokens, ann)

    async def serve() -> None:
        authority.renew(RenewCredentials(tokens.issue(ann).access))
        other = User(b"o" * 16, people.tenant_id, b"", "o@example.com", Role.ROLE_TENANT_ADMIN, 1)
        with pytest.raises(TrunklineError) as another:
            authority.renew(RenewCredentials(tokens.issue(other).access))
        assert refused(another) == ErrorReason.ERROR_REASON_PERMISSION_DENIED
        with pytest.raises(TrunklineError) as nonsense:
            authority.renew(RenewCredentials("nonsense"))
        assert refused(nonsense) == ErrorReason.ERROR_REASON_UNAUTHENTICATED
        monkeypatch.setattr("trunkline.core.callers.authority.time.time", later(ACCESS_LIFE_S))
        authority.renew(RenewCredentials(tokens.issue(ann).access))
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        with pytest.raises(TrunklineError) as expired:
            await authority.while_valid(serve())
    assert refused(expired) == ErrorReason.ERROR_REASON_TOKEN_EXPIRED


async def test_a_stream_that_ends_before_its_token_ends_well(
    authentication: Authentication, tokens: Tokens, ann: User
) -> None:
    async def serve() -> None:
        return

    await backend(authentication, tokens, ann).while_valid(serve())


async def forever() -> None:
    await asyncio.Event().wait()


def later(seconds: float) -> WallClock:
    """A wall clock that is ahead of the one that the tokens were issued by."""
    return WallClock(time.time() + seconds)
