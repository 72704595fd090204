"""Logging in, refreshing and logging out."""

import asyncio
from dataclasses import replace

import pytest
from doubles.people import NOW_MS, People
from doubles.wall_clock import WallClock

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id, to_text
from trunkline.core.identity.customers import Customers
from trunkline.core.identity.logins import Logins
from trunkline.core.identity.model import Customer, User
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.tokens import REFRESH_LIFE_S, TokenPair, Tokens
from trunkline.core.identity.users import Users
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


async def test_a_login_is_remembered_and_a_refused_one_is_not(
    logins: Logins, store: Store, ann: User, wall: WallClock
) -> None:
    await login_refused(logins, ann.email, "wrong")
    assert await store.users.find(ann.id) == ann
    wall.now_s += 5
    await logins.login(ann.email, "secret")
    assert await store.users.find(ann.id) == replace(ann, last_login_unix_ms=NOW_MS + 5_000)


async def test_whoever_is_ended_during_a_login_gets_no_good_token(
    logins: Logins, users: Users, tokens: Tokens, revocations: Revocations, people: People, ann: User
) -> None:
    login = asyncio.create_task(logins.login(ann.email, "secret"))
    await users.set_enabled(people.admin, ann.id, False)
    pair = await login  # it had read her before
    assert revocations.is_revoked(tokens.verify_access(pair.access))


async def test_refused_logins_are_told_with_their_reason(
    store: Store, passwords: Passwords, tokens: Tokens, revocations: Revocations, ann: User
) -> None:
    refused: list[ErrorReason.ValueType] = []
    logins = Logins(
        users=store.users,
        customers=store.customers,
        passwords=passwords,
        tokens=tokens,
        revocations=revocations,
        on_refused=refused.append,
    )
    await logins.login(ann.email, "secret")
    await login_refused(logins, ann.email, "wrong")
    await store.users.disable(ann.id)
    await login_refused(logins, ann.email, "secret")
    assert refused == [ErrorReason.ERROR_REASON_UNAUTHENTICATED, ErrorReason.ERROR_REASON_ACCOUNT_DISABLED]


class TestChangingThePassword:
    async def test_ends_all_earlier_tokens_and_gives_a_new_pair(
        self, logins: Logins, tokens: Tokens, revocations: Revocations, ann: User
    ) -> None:
        here, there = await logins.login(ann.email, "secret"), await logins.login(ann.email, "secret")
        principal = tokens.verify_access(here.access)
        pair = await logins.change_password(principal, "secret", "secret2")
        assert revocations.is_revoked(principal)
        assert revocations.is_revoked(tokens.verify_access(there.access))
        assert await refresh_refused(logins, there.refresh) == OUTDATED
        assert not revocations.is_revoked(tokens.verify_access(pair.access))
        assert await logins.refresh(pair.refresh)
        assert await login_refused(logins, ann.email, "secret") == WRONG
        assert await logins.login(ann.email, "secret2")

    @pytest.mark.parametrize(
        ("current", "new", "message"),
        [
            ("wrong", "secret2", "Current password doesn't match!"),
            ("", "secret2", "Current password doesn't match!"),
            ("wrong", "short", "Current password doesn't match!"),
            ("secret", "short", "Password must be 6 or more characters in length."),
            ("secret", "x" * 73, "Password must be no more than 72 characters in length."),
            ("secret", "secret", "New password should be different from existing!"),
        ],
    )
    async def test_needs_the_current_one_and_another(
        self, logins: Logins, tokens: Tokens, ann: User, current: str, new: str, message: str
    ) -> None:
        principal = tokens.verify_access((await logins.login(ann.email, "secret")).access)
        with pytest.raises(TrunklineError) as caught:
            await logins.change_password(principal, current, new)
        assert (caught.value.reason, caught.value.message) == (ErrorReason.ERROR_REASON_INVALID_ARGUMENT, message)
        assert await logins.login(ann.email, "secret")

    async def test_happens_once_of_two_at_the_same_time(self, logins: Logins, tokens: Tokens, ann: User) -> None:
        principal = tokens.verify_access((await logins.login(ann.email, "secret")).access)
        outcomes = await asyncio.gather(
            *(logins.change_password(principal, "secret", f"secret{number}") for number in (1, 2)),
            return_exceptions=True,
        )
        assert [isinstance(outcome, TokenPair) for outcome in outcomes].count(True) == 1


class TestPublicCustomers:
    @pytest.fixture
    async def public(self, store: Store, people: People) -> Customer:
        customer = Customer(new_id(), people.tenant_id, "Public", NOW_MS, is_public=True)
        await store.customers.add(customer)
        return customer

    async def test_anybody_gets_tokens_and_refreshes_them(
        self, logins: Logins, tokens: Tokens, public: Customer
    ) -> None:
        pair = await logins.login_public(to_text(public.id))
        principal = tokens.verify_access(pair.access)
        assert (principal.role, principal.tenant_id) == (Role.ROLE_CUSTOMER_USER, public.tenant_id)
        assert principal.customer_id == public.id
        assert principal.is_anonymous
        again = await logins.refresh(pair.refresh)
        assert tokens.verify_access(again.access).customer_id == public.id
        assert tokens.verify_refresh(again.refresh).is_public

    async def test_the_tokens_stand_for_no_user(self, logins: Logins, tokens: Tokens, public: Customer) -> None:
        principal = tokens.verify_access((await logins.login_public(to_text(public.id))).access)
        for attempt in (logins.user(principal), logins.change_password(principal, "secret", "secret2")):
            with pytest.raises(TrunklineError, match="stands for no user") as caught:
                await attempt
            assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT

    async def test_no_other_customer_lets_anybody_in(self, logins: Logins, people: People) -> None:
        for public_id, refusal in (
            (to_text(people.customer_id), WRONG),
            (to_text(new_id()), WRONG),
            ("public", WRONG),
            (" ", FAILED),
        ):
            with pytest.raises(TrunklineError) as caught:
                await logins.login_public(public_id)
            assert (caught.value.reason, caught.value.message) == refusal

    async def test_the_tokens_end_with_the_customer(
        self, logins: Logins, tokens: Tokens, revocations: Revocations, store: Store, people: People, public: Customer
    ) -> None:
        pair = await logins.login_public(to_text(public.id))
        await Customers(store.customers, revocations).delete(people.admin, public.id)
        assert revocations.is_revoked(tokens.verify_access(pair.access))
        assert await refresh_refused(logins, pair.refresh) == WRONG


class TestImpersonation:
    async def test_an_administrator_gets_tokens_of_those_below(
        self, logins: Logins, store: Store, tokens: Tokens, people: People, ann: User
    ) -> None:
        bob = User(new_id(), people.tenant_id, people.customer_id, "b@example.com", Role.ROLE_CUSTOMER_USER, NOW_MS)
        await store.users.add(bob, password_hash="hash")
        for principal, user in ((people.admin, bob), (people.sys_admin, ann)):
            seen = tokens.verify_access((await logins.impersonate(principal, user.id)).access)
            assert (seen.user_id, seen.role, seen.customer_id) == (user.id, user.role, user.customer_id)
        for reason, attempt in (
            (ErrorReason.ERROR_REASON_PERMISSION_DENIED, logins.impersonate(people.customer, bob.id)),
            (ErrorReason.ERROR_REASON_NOT_FOUND, logins.impersonate(people.other_admin, bob.id)),
            (ErrorReason.ERROR_REASON_NOT_FOUND, logins.impersonate(people.sys_admin, bob.id)),
        ):
            with pytest.raises(TrunklineError) as caught:
                await attempt
            assert caught.value.reason == reason

    async def test_nobody_acts_as_somebody_who_could_not_log_in(
        self, logins: Logins, store: Store, people: People, ann: User
    ) -> None:
        await store.users.disable(ann.id)
        with pytest.raises(TrunklineError, match="User account is not active") as caught:
            await logins.impersonate(people.admin, ann.id)
        assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT

    async def test_the_settings_may_forbid_it(
        self,
        store: Store,
        passwords: Passwords,
        tokens: Tokens,
        revocations: Revocations,
        people: People,
        ann: User,
        logins: Logins,
    ) -> None:
        strict = Logins(
            users=store.users,
            customers=store.customers,
            passwords=passwords,
            tokens=tokens,
            revocations=revocations,
            impersonation=False,
        )
        assert await logins.impersonate(people.admin, ann.id)
        with pytest.raises(TrunklineError) as caught:
            await strict.impersonate(people.admin, ann.id)
        assert caught.value.reason == ErrorReason.ERROR_REASON_PERMISSION_DENIED
