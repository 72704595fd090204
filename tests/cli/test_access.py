import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from system.runners import Served

from trunkline.cli.errors import CommandError
from trunkline.cli.login import Login, Tokens
from trunkline.cli.rest import Rest
from trunkline.cli.stored_logins import StoredLogin, StoredLogins

USER = "tenant@thingsboard.org"
WITH_PASSWORD = Login(user=USER, password="tenant")


@pytest.fixture
async def rest(demo: Served) -> AsyncIterator[Rest]:
    async with Rest(demo.rest, WITH_PASSWORD) as rest:
        yield rest


@pytest.fixture
def stored(tmp_path: Path) -> StoredLogins:
    return StoredLogins(tmp_path)


def spoiled(token: str) -> str:
    """The same token with another signature: the server answers as for one that has expired."""
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{signature[:10].swapcase()}{signature[10:]}"


async def test_nothing_is_asked_before_it_is_needed() -> None:
    async with Rest("http://127.0.0.1:1", WITH_PASSWORD):
        pass


async def test_many_at_once_log_in_once(rest: Rest) -> None:
    pairs = await asyncio.gather(*(rest.access.tokens() for _ in range(5)))
    assert len({pair.access for pair in pairs}) == 1


async def test_expired_tokens_of_a_stored_login_are_renewed_and_kept(rest: Rest, stored: StoredLogins) -> None:
    pair = await rest.access.tokens()
    stored.keep(rest.url, StoredLogin(USER, Tokens(spoiled(pair.access), pair.refresh)))
    async with Rest(rest.url, Login(), stored=stored) as later:
        assert [me["email"] for me in await asyncio.gather(*(later.get("/api/auth/user") for _ in range(5)))] == (
            [USER] * 5
        )
        renewed = await later.access.tokens()
    assert stored.find(rest.url) == StoredLogin(USER, renewed)
    assert renewed.access != pair.access


async def test_a_stored_login_that_has_ended_says_what_to_do(rest: Rest, stored: StoredLogins) -> None:
    stored.keep(rest.url, StoredLogin(USER, await rest.access.tokens()))
    await rest.post("/api/auth/logout")
    async with Rest(rest.url, Login(), stored=stored) as later:
        with pytest.raises(CommandError, match=f"The login of {USER} at .* has ended: log in again with"):
            await later.me()


async def test_a_session_that_has_ended_begins_anew_with_the_password(rest: Rest) -> None:
    await rest.me()
    await rest.post("/api/auth/logout")
    assert await rest.device_id("Test Device A1")


async def test_a_token_alone_cannot_be_renewed(rest: Rest) -> None:
    pair = await rest.access.tokens()
    async with Rest(rest.url, Login(token=spoiled(pair.access))) as other:
        with pytest.raises(CommandError, match=r"Token has expired.* \(HTTP 401\)"):
            await other.me()


async def test_a_stored_login_is_used_for_nobody_else(rest: Rest, stored: StoredLogins) -> None:
    stored.keep(rest.url, StoredLogin(USER, await rest.access.tokens()))
    async with Rest(rest.url, Login(user="customer@thingsboard.org"), stored=stored) as other:
        with pytest.raises(CommandError, match="Who is calling"):
            await other.me()
    other_password = Login(user="customer@thingsboard.org", password="customer")
    async with Rest(rest.url, other_password, stored=stored) as other:
        assert (await other.me())["email"] == "customer@thingsboard.org"


async def test_an_api_key_goes_out_as_one() -> None:
    async with Rest("http://127.0.0.1:1", Login(token="t", api_key=" k\n")) as rest:
        assert await rest.access.header() == "ApiKey k"
    async with Rest("http://127.0.0.1:1", Login(api_key="kö")) as rest:
        with pytest.raises(CommandError, match="This is no API key"):
            await rest.access.header()
