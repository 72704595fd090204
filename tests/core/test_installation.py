"""An installation that no core runs on."""

import asyncio
from pathlib import Path

import pytest
from doubles.people import NOW_MS

from trunkline.contract.errors import TrunklineError
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.seeding import TENANT_ADMIN, seed
from trunkline.core.installation import open_store, reset_password
from trunkline.core.settings import CoreSettings


@pytest.fixture
async def settings(tmp_path: Path) -> CoreSettings:
    """Of an installation with a demo's accounts."""
    settings = CoreSettings(data_dir=tmp_path)
    store = await open_store(settings)
    await seed(store, Passwords(), NOW_MS, demo=True)
    await store.close()
    return settings


async def test_its_database_is_in_the_data_directory_or_where_the_settings_say(tmp_path: Path) -> None:
    for settings in (
        CoreSettings(data_dir=tmp_path),
        CoreSettings(data_dir=tmp_path, database=f"sqlite+aiosqlite:///{tmp_path}/other.db"),
    ):
        await (await open_store(settings)).close()
    names = {path.name for path in await asyncio.to_thread(lambda: list(tmp_path.iterdir()))}
    assert names == {"trunkline.db", "other.db"}


async def test_a_new_password_replaces_the_old_one_and_ends_the_tokens(settings: CoreSettings) -> None:
    await reset_password(settings, TENANT_ADMIN, "new")
    store = await open_store(settings)
    try:
        user, password_hash = await store.users.find_login(TENANT_ADMIN) or (None, None)
        assert user is not None
        assert await Passwords().verify("new", password_hash)
        assert not await Passwords().verify("tenant", password_hash)
        assert [revocation.user_id for revocation in await store.revocations.living(NOW_MS)] == [user.id]
    finally:
        await store.close()


async def test_nobody_of_that_name(settings: CoreSettings) -> None:
    with pytest.raises(TrunklineError, match="no user 'nobody'"):
        await reset_password(settings, "nobody", "new")
