"""Passwords."""

import asyncio

from trunkline.contract.errors import TrunklineError
from trunkline.core.identity.passwords import AT_ONCE, Passwords, generated_password
from trunkline.v1.error_pb2 import ErrorReason


async def test_only_the_right_password_is_good(passwords: Passwords) -> None:
    stored = await passwords.hash("sécret")
    assert stored.startswith("$argon2id$")
    assert await passwords.verify("sécret", stored)
    assert not await passwords.verify("secret", stored)
    assert not await passwords.verify("", stored)


async def test_the_same_password_is_hashed_differently_each_time(passwords: Passwords) -> None:
    assert await passwords.hash("secret") != await passwords.hash("secret")


async def test_nobody_has_no_password(passwords: Passwords) -> None:
    assert not await passwords.verify("secret", None)
    assert not await passwords.verify("secret", "")  # not activated yet


async def test_too_many_logins_at_once_are_refused() -> None:
    passwords = Passwords(waiting=1)
    stored = await passwords.hash("secret")
    tries = [asyncio.create_task(passwords.verify("secret", stored)) for _ in range(AT_ONCE + 2)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert outcomes[:-1] == [True] * (AT_ONCE + 1)
    assert isinstance(outcomes[-1], TrunklineError)
    assert outcomes[-1].reason == ErrorReason.ERROR_REASON_RATE_LIMITED
    assert await passwords.verify("secret", stored)


def test_generated_passwords_differ() -> None:
    made = {generated_password() for _ in range(100)}
    assert len(made) == 100
    assert {len(password) for password in made} == {16}
