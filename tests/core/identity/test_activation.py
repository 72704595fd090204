"""From an activation token to the first password."""

import pytest
from doubles.people import People
from doubles.wall_clock import WallClock

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.identity.activation import LIFE_MS, RENEW_MS, Activations, new_activation
from trunkline.core.identity.logins import Logins
from trunkline.core.identity.model import User, UserDetails
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.tokens import Tokens
from trunkline.core.identity.users import Users
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

INVALID = ErrorReason.ERROR_REASON_INVALID_ARGUMENT


@pytest.fixture
def activations(store: Store, passwords: Passwords, tokens: Tokens, wall: WallClock) -> Activations:
    return Activations(store.users, passwords, tokens, wall)


@pytest.fixture
async def bob(users: Users, people: People) -> User:
    """A customer's user who has no password yet."""
    return await users.create(
        people.admin,
        UserDetails("bob@example.com", Role.ROLE_CUSTOMER_USER, customer_id=people.customer_id),
    )


async def refused(activations: Activations, token: str, password: str) -> str:
    with pytest.raises(TrunklineError) as caught:
        await activations.activate(token, password)
    assert caught.value.reason == INVALID
    return caught.value.message


async def test_whoever_has_the_token_sets_the_first_password(
    activations: Activations, logins: Logins, tokens: Tokens, people: People, bob: User
) -> None:
    with pytest.raises(TrunklineError, match="User account is not active"):
        await logins.login(bob.email, "secret1")
    token, remaining_ms = await activations.token_of(people.admin, bob.id)
    assert remaining_ms == LIFE_MS
    pair = await activations.activate(token, "secret1")
    assert tokens.verify_access(pair.access).user_id == bob.id
    assert await logins.login(bob.email, "secret1")
    assert await refused(activations, token, "secret2") == f"Unable to find user credentials by activateToken [{token}]"
    with pytest.raises(TrunklineError, match="User is already activated!") as caught:
        await activations.token_of(people.admin, bob.id)
    assert caught.value.reason == INVALID


async def test_a_bad_password_or_token_leaves_it_as_it_is(activations: Activations, people: People, bob: User) -> None:
    token, _ = await activations.token_of(people.admin, bob.id)
    assert await refused(activations, token, "short") == "Password must be 6 or more characters in length."
    assert await refused(activations, token, "") == "Password must be 6 or more characters in length."
    for unknown in ("", "x", token.lower() + "x"):
        assert (
            await refused(activations, unknown, "secret1")
            == f"Unable to find user credentials by activateToken [{unknown}]"
        )
    assert await activations.activate(token, "secret1")


async def test_a_token_lives_for_a_day_and_is_renewed_in_time(
    activations: Activations, people: People, bob: User, wall: WallClock
) -> None:
    token, _ = await activations.token_of(people.admin, bob.id)
    wall.now_s += (LIFE_MS - RENEW_MS) / 1000
    assert await activations.token_of(people.admin, bob.id) == (token, RENEW_MS)
    wall.now_s += RENEW_MS / 1000
    assert await refused(activations, token, "secret1") == "Activation token expired"
    fresh, remaining_ms = await activations.token_of(people.admin, bob.id)
    assert (fresh != token, remaining_ms) == (True, LIFE_MS)
    assert await activations.activate(fresh, "secret1")


async def test_a_disabled_user_needs_a_fresh_token(
    activations: Activations, users: Users, people: People, bob: User
) -> None:
    token, _ = await activations.token_of(people.admin, bob.id)
    await users.set_enabled(people.admin, bob.id, False)
    assert "Unable to find" in await refused(activations, token, "secret1")
    fresh, _ = await activations.token_of(people.admin, bob.id)
    assert await activations.activate(fresh, "secret1")


async def test_only_administrators_of_a_user_see_the_token(activations: Activations, people: People, bob: User) -> None:
    for reason, attempt in (
        (ErrorReason.ERROR_REASON_PERMISSION_DENIED, activations.token_of(people.customer, bob.id)),
        (ErrorReason.ERROR_REASON_NOT_FOUND, activations.token_of(people.other_admin, bob.id)),
        (ErrorReason.ERROR_REASON_NOT_FOUND, activations.token_of(people.sys_admin, bob.id)),
        (ErrorReason.ERROR_REASON_NOT_FOUND, activations.token_of(people.admin, new_id())),
    ):
        with pytest.raises(TrunklineError) as caught:
            await attempt
        assert caught.value.reason == reason


def test_tokens_differ_and_fit_into_a_link() -> None:
    made = {new_activation(0).token for _ in range(100)}
    assert len(made) == 100
    assert all(token.isascii() and token.isalnum() and len(token) == 30 for token in made)
